// A corpus for other trainers: parquet with a text or a sequence a row, NumPy's .npy, and the bare stream of ids that nanoGPT reads.
// Every file is whole or absent, and export.json, which says what is there, comes last.

import { join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { FileDraft, hashFile, makeFolder, writeFileAtomically } from "../../base/files/files.ts";
import { refuseKnownFolder } from "../../base/files/folder-kind.ts";
import { formatNpyHeader } from "../../base/files/npy.ts";
import { readDocuments, readDocumentsManifest } from "../../corpus/documents.ts";
import { openSequenceRows, openTextRows } from "../../corpus/parquet-writer.ts";
import { Dataset } from "../../dataset/dataset.ts";
import { writeTokenizer } from "../../tokenizer/tokenizer-json.ts";
import { type OptionKinds, readOptions, requireName, requireText } from "../given-values.ts";
import { findCorpus, requireCorpusFolder } from "./show-corpus.ts";

export const corpusFormats = ["parquet", "npy", "bin"] as const;
export type CorpusFormat = (typeof corpusFormats)[number];

export interface ExportCorpusOptions {
  /** The folder to write into. */
  readonly out: string;
  readonly to: CorpusFormat;
  readonly onProgress?: ((doing: string, share: number) => void) | undefined;
}

const optionKinds: OptionKinds<ExportCorpusOptions> = { out: "path", to: "text", onProgress: "function" };

export interface ExportedCorpus {
  readonly out: string;
  readonly files: readonly { readonly name: string; readonly rows: number; readonly sha256: string }[];
}

/** How ids are written: what a vocabulary needs. */
type IdType = "uint16" | "uint32";
/** Rows of a parquet file: about 256 MiB of text, 2^19 sequences. */
const textOfFile = 2 ** 28;
const sequencesOfFile = 2 ** 19;
const bytesPerWrite = 2 ** 20;

/**
 * Writes a corpus for another trainer. A dataset gives its sequences, a folder of documents its texts.
 * UserErrors: E_OPTION for documents that are to be ids, E_OUTPUT_OTHER, E_DISK_FULL, and those of reading.
 */
export async function exportCorpus(folder: string, options: ExportCorpusOptions): Promise<ExportedCorpus> {
  const { out, to, onProgress = () => {} } = readOptions("exportCorpus", options, optionKinds);
  requireCorpusFolder("exportCorpus", folder);
  requireName(to, "to", corpusFormats);
  requireText("exportCorpus", out, "out", "Give the folder to write into, as out.");
  const { documents, isDataset } = findCorpus(folder);
  refuseKnownFolder(out, "an export's files");
  if (!isDataset && to !== "parquet") {
    throw new UserError(
      "E_OPTION",
      `${folder}: documents have no ids, and --to ${to} holds nothing else`,
      "Give the dataset's folder, or --to parquet.",
    );
  }
  makeFolder(out);
  const files = isDataset
    ? exportSequences(folder, out, to, onProgress)
    : await exportTexts(documents, out, share => onProgress("writing texts", share));
  const described = files.map(({ name, rows }) => ({ name, rows, sha256: hashFile(join(out, name)) }));
  writeFileAtomically(join(out, "export.json"), `${JSON.stringify(describeExport(folder, to, described), null, 2)}\n`);
  return { out, files: described };
}

interface WrittenFile {
  readonly name: string;
  readonly rows: number;
}

async function exportTexts(
  documents: string,
  out: string,
  onProgress: (share: number) => void,
): Promise<WrittenFile[]> {
  const total = readDocumentsManifest(documents).documents;
  const files: WrittenFile[] = [];
  let rows: ReturnType<typeof openTextRows> | undefined;
  let done = 0;
  const finish = () => {
    if (rows === undefined) return;
    files.push({ name: nameFile("documents", files.length), rows: rows.commit() });
    rows = undefined;
  };
  try {
    for await (const text of readDocuments(documents)) {
      rows ??= openTextRows(join(out, nameFile("documents", files.length)));
      if (rows.add(text) >= textOfFile) finish();
      if (++done % 1024 === 0) onProgress(done / total);
    }
    finish();
    return files;
  } finally {
    rows?.abandon();
  }
}

const nameFile = (part: string, number: number) => `${part}-${String(number).padStart(5, "0")}.parquet`;

function exportSequences(
  folder: string,
  out: string,
  to: CorpusFormat,
  onProgress: (doing: string, share: number) => void,
): WrittenFile[] {
  const dataset = new Dataset(folder);
  try {
    dataset.verify();
    const files = (["training", "validation"] as const).flatMap(part => {
      const { sequences } = dataset.manifest[part];
      const onRow = (index: number) => index % 8192 === 0 && onProgress(`writing ${part}`, index / sequences);
      return to === "parquet"
        ? writeParquet(dataset, out, part, onRow)
        : [writeIds(dataset, out, part, to === "npy", onRow)];
    });
    writeTokenizer(join(out, "tokenizer.json"), dataset.tokenizer);
    return files;
  } finally {
    dataset.close();
  }
}

type Part = "training" | "validation";

function writeParquet(dataset: Dataset, out: string, part: Part, onRow: (index: number) => void): WrittenFile[] {
  const files: WrittenFile[] = [];
  let rows: ReturnType<typeof openSequenceRows> | undefined;
  const finish = () => {
    if (rows === undefined) return;
    files.push({ name: nameFile(part, files.length), rows: rows.commit() });
    rows = undefined;
  };
  try {
    dataset.visit(part, (tokens, index) => {
      rows ??= openSequenceRows(join(out, nameFile(part, files.length)));
      if (rows.add(Array.from(tokens)) >= sequencesOfFile) finish();
      onRow(index);
    });
    finish();
    return files;
  } finally {
    rows?.abandon();
  }
}

/** nanoGPT's names for both parts; of .npy one matrix a part. */
function writeIds(dataset: Dataset, out: string, part: Part, isNpy: boolean, onRow: (index: number) => void) {
  const { sequenceLength, vocabulary } = dataset.manifest;
  const { sequences } = dataset.manifest[part];
  const name = isNpy ? `${part}.npy` : part === "training" ? "train.bin" : "val.bin";
  const wide = idType(vocabulary) === "uint32";
  const draft = new FileDraft(join(out, name));
  try {
    if (isNpy) draft.write(formatNpyHeader(wide ? "<u4" : "<u2", sequences, sequenceLength));
    const bytesPerId = wide ? 4 : 2;
    const rows = Math.max(1, Math.floor(bytesPerWrite / sequenceLength / bytesPerId));
    const bytes = Buffer.alloc(rows * sequenceLength * bytesPerId);
    let filled = 0;
    dataset.visit(part, (tokens, index) => {
      for (const token of tokens)
        filled = wide ? bytes.writeUInt32LE(token, filled) : bytes.writeUInt16LE(token, filled);
      if (filled === bytes.length) {
        draft.write(bytes);
        filled = 0;
      }
      onRow(index);
    });
    draft.write(bytes.subarray(0, filled));
    draft.commit();
    return { name, rows: sequences };
  } catch (error) {
    draft.abandon();
    throw error;
  }
}

const idType = (vocabulary: number): IdType => (vocabulary > 2 ** 16 ? "uint32" : "uint16");

function describeExport(folder: string, to: CorpusFormat, files: ExportedCorpus["files"]) {
  return { format: "cramming-corpus-export", version: 1, of: folder, to, files };
}
