// The texts of a file as a file of vectors: a text a line of a .txt, a row of a table. No more of either is held than some hundreds.

import { systemClock } from "../../base/clock.ts";
import { UserError } from "../../base/errors.ts";
import { quoteValue } from "../../base/printable.ts";
import { readBytes } from "../../tables/bytes.ts";
import { splitLines } from "../../tables/lines.ts";
import { openTable, tableFormat } from "../../tables/table.ts";
import { toUtf8 } from "../../tables/text.ts";
import { type Model, type ModelOptions, openModel } from "./open-model.ts";
import { checkVectorFile, openVectorFile, type VectorFile } from "./vector-files.ts";

export interface EmbedFileOptions extends ModelOptions {
  /** The file to write: .jsonl, .parquet or .npy. */
  readonly out: string;
  /** The column of a table that holds the text. Default text. */
  readonly textField?: string | undefined;
  /** true: cuts texts that are longer than the model's sequences; else they are an error. Default false. */
  readonly truncate?: boolean | undefined;
  /** Ends it before the next texts; nothing is written then. */
  readonly signal?: AbortSignal | undefined;
  /** Told how many texts are done. */
  readonly onProgress?: ((texts: number) => void) | undefined;
}

export interface EmbeddedFile {
  readonly out: string;
  readonly texts: number;
  /** Numbers of a vector. */
  readonly width: number;
  readonly elapsedSeconds: number;
}

/** Texts that are embedded together, so that few batches are padded far. */
const textsAtOnce = 512;
const longestLineBytes = 64 * 2 ** 20;

/**
 * Writes a vector for each text of a file. UserErrors: those of opening a model and of reading tables and texts; E_TEXT_FIELD for a row
 * without the column, E_TEXT_LENGTH, E_TEXT_LOST, E_OPTION for an ending that is no format.
 */
export async function embedFile(folder: string, file: string, options: EmbedFileOptions): Promise<EmbeddedFile> {
  const { out, textField = "text", truncate, signal, onProgress } = options;
  checkVectorFile(out);
  const started = systemClock.seconds();
  // A file that cannot be read is told before a model is opened.
  const batches = readTexts(file, textField);
  let [model, vectors]: [Model?, VectorFile?] = [];
  try {
    let next = await batches.next();
    model = await openModel(folder, options);
    vectors = openVectorFile(out, model.width);
    let texts = 0;
    for (; next.done !== true; next = await batches.next()) {
      signal?.throwIfAborted();
      vectors.append(next.value, await model.embed(next.value, { truncate }));
      texts += next.value.length;
      onProgress?.(texts);
    }
    vectors.commit();
    return { out, texts, width: model.width, elapsedSeconds: systemClock.seconds() - started };
  } finally {
    vectors?.abandon();
    await batches.return(undefined);
    await model?.close();
  }
}

/** Some hundreds at once: a line of a .txt each, or a row of a table. UserErrors: E_TEXT_FIELD, those of reading. */
export async function* readTexts(file: string, field: string): AsyncGenerator<string[]> {
  let batch: string[] = [];
  for await (const text of tableFormat(file) === undefined ? readLines(file) : readColumn(file, field)) {
    batch.push(text);
    if (batch.length < textsAtOnce) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** Every line is a text, an empty one too: the vector of line n is the n-th. */
async function* readLines(file: string): AsyncGenerator<string> {
  for await (const lines of splitLines(toUtf8(readBytes(file), file), file, longestLineBytes)) {
    for (const line of lines) yield line.toString().replace(/\r?\n$/, "");
  }
}

async function* readColumn(file: string, field: string): AsyncGenerator<string> {
  for await (const rows of openTable(file).rows) {
    for (const { origin, values } of rows) {
      const text = values[field];
      if (typeof text === "string") {
        yield text;
        continue;
      }
      const seen = text === undefined ? `no ${quoteValue(field)}` : `${quoteValue(field)} is no text`;
      throw new UserError("E_TEXT_FIELD", `${origin}: ${seen}`, "Name the column with --text-field.");
    }
  }
}
