// The texts of a file as a file of vectors: a text a line of a .txt, a row of a table, a document of a folder. No more of them is held
// than some hundreds.

import { existsSync, statSync } from "node:fs";
import { relative, resolve } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { UserError } from "../../base/errors.ts";
import { countOf, quoteValue } from "../../base/printable.ts";
import { startFunnel } from "../../corpus/funnel.ts";
import { readShard } from "../../corpus/sources/read-shard.ts";
import { listShards } from "../../corpus/sources/sources.ts";
import { readBytes } from "../../tables/bytes.ts";
import { splitLines } from "../../tables/lines.ts";
import { describePassedOver, passOver } from "../../tables/passed-over.ts";
import { openTable, tableFormat } from "../../tables/table.ts";
import { toUtf8 } from "../../tables/text.ts";
import { decodeUtf8 } from "../../tables/utf8.ts";
import { createProgress, describeProgress } from "../prepare/stages/progress.ts";
import { type Model, type ModelOptions, openModel } from "./open-model.ts";
import { splitPassages } from "./passages.ts";
import { checkVectorFile, type FileText, openVectorFile, type PlacedText, type VectorFile } from "./vector-files.ts";

/** What becomes of texts that are longer than the model's sequences, where they are no error. */
export interface LongTexts {
  /** true: their beginning is read. Default false. */
  readonly truncate?: boolean | undefined;
  /** true: they become passages, each a text of its own. Default false. */
  readonly split?: boolean | undefined;
}

/** How texts are read. */
export interface TextReading {
  /** The column of a table that holds the text. Default text. */
  readonly textField?: string | undefined;
  /** Of a folder: whether broken lines and files are counted and passed over instead of refused. Default false. */
  readonly skipBroken?: boolean | undefined;
}

export interface EmbedFileOptions extends ModelOptions, LongTexts, TextReading {
  /** The file to write: .jsonl, .parquet or .npy. In a folder that is read it is none of the texts. */
  readonly out: string;
  /** Ends it before the next texts; nothing is written then. */
  readonly signal?: AbortSignal | undefined;
  /** Told how far it is: "embedding: 43 %, 12,000 characters/s, 20s left". The texts are read once before, to know it. */
  readonly onProgress?: ((text: string) => void) | undefined;
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
 * Writes a vector for each text of a file or folder. UserErrors: those of opening a model and of reading tables and texts; E_TEXT_FIELD for a row
 * without the column, E_TEXT_LENGTH, E_TEXT_LOST, E_OPTION for an ending that is no format.
 */
export async function embedFile(folder: string, file: string, options: EmbedFileOptions): Promise<EmbeddedFile> {
  const { out, truncate, split: _, textField: __, skipBroken: ___, onProgress, ...choice } = options;
  checkVectorFile(out);
  checkLongTexts(options);
  const started = systemClock.seconds();
  // A file that cannot be read is told before a model is opened.
  const batches = readTexts(file, options);
  let [model, vectors]: [Model?, VectorFile?] = [];
  try {
    let next = await batches.next();
    const tell = await openTextProgress(file, options, onProgress);
    model = await openModel(folder, choice);
    vectors = openVectorFile(out, model.width, { hasSources: isFolder(file) });
    let texts = 0;
    for (; next.done !== true; next = await batches.next()) {
      for (const some of cutTexts(next.value, model, options)) {
        choice.signal?.throwIfAborted();
        vectors.append(
          some,
          await model.embed(
            some.map(({ text }) => text),
            { truncate, origins: some.map(({ origin }) => origin) },
          ),
        );
        texts += some.length;
        tell(some);
      }
    }
    vectors.commit();
    return { out, texts, width: model.width, elapsedSeconds: systemClock.seconds() - started };
  } finally {
    vectors?.abandon();
    await batches.return(undefined);
    await model?.close();
  }
}

/** UserError E_OPTION for both at once. */
export function checkLongTexts({ truncate, split }: LongTexts): void {
  if (truncate !== true || split !== true) return;
  throw new UserError("E_OPTION", "truncate and split at once", "Give one: a beginning, or passages.");
}

/** The same texts, or the passages of the long ones, some hundreds at once. */
export function* cutTexts(
  texts: readonly PlacedText[],
  model: Model,
  { split }: LongTexts,
): Generator<readonly PlacedText[]> {
  if (split !== true) {
    yield texts;
    return;
  }
  const countTokens = (text: string) => model.countTokens([text])[0]!;
  const passages = texts.flatMap(whole =>
    splitPassages(whole.text, countTokens, model.sequenceLength).map(passage => ({ ...whole, text: passage })),
  );
  for (let at = 0; at < passages.length; at += textsAtOnce) yield passages.slice(at, at + textsAtOnce);
}

/** Tells how much of a file's texts is embedded with those that are given; they are counted before, if somebody listens. */
export async function openTextProgress(
  file: string,
  reading: TextReading & { readonly out?: string | undefined },
  onProgress: ((text: string) => void) | undefined,
): Promise<(texts: readonly FileText[]) => void> {
  if (onProgress === undefined) return () => {};
  const { textField, skipBroken, out } = reading;
  let [total, done] = [0, 0];
  const count = (texts: readonly FileText[]) => texts.reduce((sum, { text }) => sum + text.length, 0);
  for await (const texts of readTexts(file, { textField, skipBroken, out })) {
    total += count(texts);
    onProgress(`reading: ${countOf(total, "character")}`);
  }
  const progress = createProgress("embedding", systemClock, total, "characters");
  return texts => onProgress(describeProgress(progress((done += count(texts)))));
}

interface Reading extends TextReading {
  /** A file that is none of the texts. */
  readonly out?: string | undefined;
  /** Told what a folder holds that is not read. */
  readonly onWarning?: ((text: string) => void) | undefined;
}

/**
 * Some hundreds at once: a line of a .txt each, a row of a table, or a document of a folder. UserErrors: E_TEXT_FIELD, E_UTF8, those of
 * reading; E_OPTION for skipBroken of a file, and textField of one that is no table.
 */
export async function* readTexts(file: string, reading: Reading): AsyncGenerator<PlacedText[]> {
  let batch: PlacedText[] = [];
  for await (const text of openTexts(file, reading)) {
    batch.push(text);
    if (batch.length < textsAtOnce) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** What is neither there nor to be seen is told by who reads it. */
const isFolder = (path: string) => existsSync(path) && statSync(path).isDirectory();

function openTexts(file: string, reading: Reading): AsyncGenerator<PlacedText> {
  if (isFolder(file)) return readFolder(file, reading);
  if (reading.skipBroken === true) {
    throw new UserError(
      "E_OPTION",
      `${file}: --skip-broken, and it is no folder`,
      "Correct the file, or leave it out.",
    );
  }
  if (tableFormat(file) !== undefined) return readColumn(file, reading.textField ?? "text");
  if (reading.textField === undefined) return readLines(file);
  throw new UserError("E_OPTION", `${file}: --text-field, and it is no table: every line is a text`, "Leave it out.");
}

/** As cram prepare reads a folder, in the order of its paths; what is empty is no document. */
async function* readFolder(
  folder: string,
  { textField = "text", skipBroken, out, onWarning = () => {} }: Reading,
): AsyncGenerator<PlacedText> {
  const funnel = startFunnel();
  const { passedOver } = funnel;
  const isOut = (path: string) => out !== undefined && resolve(path) === resolve(out);
  const listing = { tolerant: true, passOver: (reason: string, path: string) => passOver(passedOver, reason, path) };
  for (const shard of await listShards([folder], listing)) {
    if (isOut(shard.path)) {
      passOver(passedOver, "that is written anew", shard.path);
      continue;
    }
    const source = relative(folder, shard.path);
    let number = 0;
    for await (const { documents } of readShard(shard, { textField, skipBroken }, funnel)) {
      for (const { text } of documents) {
        number += 1;
        if (/\S/.test(text)) yield { text, source, origin: `${shard.path}, document ${number}` };
      }
    }
  }
  for (const passed of passedOver) onWarning(describePassedOver(passed));
}

/** Every line is a text, an empty one too: the vector of line n is the n-th. */
async function* readLines(file: string): AsyncGenerator<PlacedText> {
  let [line, byte] = [1, 0];
  for await (const lines of splitLines(toUtf8(readBytes(file), file), file, longestLineBytes)) {
    for (const bytes of lines) {
      const text = decodeUtf8(bytes, { path: file, line, byte }).replace(/\r?\n$/, "");
      yield { text, origin: `${file}:${line}` };
      line += 1;
      byte += bytes.length;
    }
  }
}

async function* readColumn(file: string, field: string): AsyncGenerator<PlacedText> {
  for await (const rows of openTable(file).rows) {
    for (const { origin, values } of rows) {
      const text = values[field];
      if (typeof text === "string") {
        yield { text, origin };
        continue;
      }
      const seen = text === undefined ? `no ${quoteValue(field)}` : `${quoteValue(field)} is no text`;
      throw new UserError(
        "E_TEXT_FIELD",
        `${origin}: ${seen}`,
        "Name the column with --text-field, or correct the row.",
      );
    }
  }
}
