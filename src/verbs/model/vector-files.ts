// Vectors as files of other programs: a JSON object a line with its text, Parquet with the same two columns, or NumPy's .npy. Written as
// they come and named when they are whole.

import { UserError } from "../../base/errors.ts";
import { FileDraft } from "../../base/files/files.ts";
import { formatNpyHeader } from "../../base/files/npy.ts";
import { openVectorRows } from "../../corpus/parquet-writer.ts";

export interface FileText {
  readonly text: string;
  /** Of a document of a folder: its file, from there. */
  readonly source?: string | undefined;
}

/** As a file has it. */
export interface PlacedText extends FileText {
  /** For messages: file and line. */
  readonly origin: string;
}

export interface VectorFile {
  /** Appends a vector a text. */
  append(texts: readonly FileText[], vectors: readonly Float32Array[]): void;
  /** Gives the file its name. */
  commit(): void;
  abandon(): void;
}

/** Opens the file by its ending, for texts that have sources or not. UserErrors: E_OPTION for another one, E_DISK_FULL, E_NOT_WRITABLE. */
export function openVectorFile(
  path: string,
  width: number,
  { hasSources }: { readonly hasSources: boolean },
): VectorFile {
  if (path.endsWith(".jsonl")) return openJsonLines(path);
  if (path.endsWith(".npy")) return openNpy(path, width);
  if (path.endsWith(".parquet")) return openParquet(path, hasSources);
  throw refuseEnding(path);
}

/** UserError E_OPTION where no format has the file's ending. */
export function checkVectorFile(path: string): void {
  if (!/\.(jsonl|npy|parquet)$/.test(path)) throw refuseEnding(path);
}

const refuseEnding = (path: string) =>
  new UserError("E_OPTION", `--out ${path}: none of .jsonl, .parquet and .npy`, "End its name with one of them.");

const withoutPlace = ({ text, source }: FileText): FileText => ({ text, ...(source !== undefined && { source }) });

function openJsonLines(path: string): VectorFile {
  const draft = new FileDraft(path);
  return {
    append: (texts, vectors) => {
      const lines = vectors.map(
        (vector, i) => `${JSON.stringify({ ...withoutPlace(texts[i]!), vector: Array.from(vector, shortenF32) })}\n`,
      );
      draft.write(Buffer.from(lines.join("")));
    },
    commit: () => draft.commit(),
    abandon: () => draft.abandon(),
  };
}

/** The shortest decimal number that rounds to it in f32, which has half of the digits that f64 would need. */
function shortenF32(value: number): number {
  for (const digits of [6, 7, 8]) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return Number(value.toPrecision(9));
}

/** Columns "text" and "vector", a list of f32, and "source" where texts have one. */
function openParquet(path: string, hasSources: boolean): VectorFile {
  const rows = openVectorRows(path, hasSources);
  return {
    append: (texts, vectors) => {
      vectors.forEach((vector, i) => void rows.add({ ...withoutPlace(texts[i]!), vector: Array.from(vector) }));
    },
    commit: () => void rows.commit(),
    abandon: () => rows.abandon(),
  };
}

/** A matrix (texts, width) of little-endian f32, rows one after another. */
function openNpy(path: string, width: number): VectorFile {
  const draft = new FileDraft(path);
  let rows = 0;
  draft.write(formatNpyHeader("<f4", 0, width));
  return {
    append: (_, vectors) => {
      const bytes = new Uint8Array(vectors.length * width * 4);
      const view = new DataView(bytes.buffer);
      for (const [row, vector] of vectors.entries()) {
        for (const [column, value] of vector.entries()) view.setFloat32(4 * (row * width + column), value, true);
      }
      draft.write(bytes);
      rows += vectors.length;
    },
    commit: () => {
      draft.write(formatNpyHeader("<f4", rows, width), 0);
      draft.commit();
    },
    abandon: () => draft.abandon(),
  };
}
