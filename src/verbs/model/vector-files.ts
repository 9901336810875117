// Vectors as files of other programs: a JSON object a line with its text, Parquet with the same two columns, or NumPy's .npy. Written as
// they come and named when they are whole.

import { UserError } from "../../base/errors.ts";
import { FileDraft } from "../../base/files/files.ts";
import { formatNpyHeader } from "../../base/files/npy.ts";
import { openVectorRows } from "../../corpus/parquet-writer.ts";

export interface VectorFile {
  /** Appends a vector a text. */
  append(texts: readonly string[], vectors: readonly Float32Array[]): void;
  /** Gives the file its name. */
  commit(): void;
  abandon(): void;
}

/** Opens the file by its ending. UserErrors: E_OPTION for another one, E_DISK_FULL, E_NOT_WRITABLE. */
export function openVectorFile(path: string, width: number): VectorFile {
  if (path.endsWith(".jsonl")) return openJsonLines(path);
  if (path.endsWith(".npy")) return openNpy(path, width);
  if (path.endsWith(".parquet")) return openParquet(path);
  throw refuseEnding(path);
}

/** UserError E_OPTION where no format has the file's ending. */
export function checkVectorFile(path: string): void {
  if (!/\.(jsonl|npy|parquet)$/.test(path)) throw refuseEnding(path);
}

const refuseEnding = (path: string) =>
  new UserError("E_OPTION", `--out ${path}: none of .jsonl, .parquet and .npy`, "End its name with one of them.");

function openJsonLines(path: string): VectorFile {
  const draft = new FileDraft(path);
  return {
    append: (texts, vectors) => {
      const lines = vectors.map((vector, i) => `${JSON.stringify({ text: texts[i], vector: Array.from(vector) })}\n`);
      draft.write(Buffer.from(lines.join("")));
    },
    commit: () => draft.commit(),
    abandon: () => draft.abandon(),
  };
}

/** Columns "text" and "vector", a list of f32. */
function openParquet(path: string): VectorFile {
  const rows = openVectorRows(path);
  return {
    append: (texts, vectors) => {
      vectors.forEach((vector, i) => void rows.add({ text: texts[i]!, vector: Array.from(vector) }));
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
