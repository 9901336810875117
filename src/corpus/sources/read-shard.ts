// A shard to its documents: what a file is, by the option, its name or its first bytes; what is no text is refused, or counted and
// passed over. Markup, JSON and tables are never taken for text. Memory is bounded by the longest document, whatever the size of
// the file, and a document by 64 MiB: written as JSON a text grows up to sixfold, and a string ends at 512 MiB.

import { UserError } from "../../base/errors.ts";
import { detectCompression, readFile, unpackBytes } from "../../tables/bytes.ts";
import { passOver } from "../../tables/passed-over.ts";
import { type TableFormat, tableFormat } from "../../tables/table.ts";
import { decodeMarked } from "../../tables/text.ts";
import { guessUtf16, looksBinary, showBytes } from "../../tables/utf8.ts";
import type { Funnel } from "../funnel.ts";
import {
  type Document,
  type DocumentBatch,
  passDocuments,
  type Reading,
  readJsonLines,
  readRows,
  readSeparated,
  readWhole,
} from "./formats/document-readers.ts";
import { recogniseFormat } from "./formats/recognise-format.ts";
import { joinDocuments } from "./join-documents.ts";
import { explainUnreadable } from "./local-files.ts";
import { beginning, type Position, type Shard, type ShardFormat } from "./shard.ts";
import { openShard } from "./sources.ts";

const longestDocumentBytes = 64 * 2 ** 20;

const tableFormats = ["json", "csv", "tsv", "parquet", "arrow"] as const satisfies readonly TableFormat[];
/** What files may be said to be, whatever their names and contents say. */
export const chosenFormats = ["text", "jsonl", "html", ...tableFormats] as const;
export type ChosenFormat = (typeof chosenFormats)[number];

export interface ReadOptions {
  /** Told of the bytes that were read of files, as they lie on the disk. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
  /** What every file is; absent: what its name says, or its content. */
  readonly format?: ChosenFormat | undefined;
  /** The field or column of the text; "data.text" is the field text of the object data. */
  readonly textField: string;
  /** What stands between the documents of a text file; absent: a file is one document. */
  readonly separator?: RegExp | undefined;
  /** Whether all white space is deleted, as an option of the reference does. */
  readonly removeWhitespace?: boolean | undefined;
  /** Whether broken lines and files are counted and passed over instead of refused. */
  readonly skipBroken?: boolean | undefined;
  /** Whether a file in a folder that cannot be read, or is none with a text, is an error. */
  readonly strict?: boolean | undefined;
}

/**
 * Reads the documents of a shard from a position on, those of one piece of it at a time. In a folder a binary file under the name of a text,
 * a table without the column of the text and a file that has gone are counted in `funnel` and passed over. A document of more
 * than `longestBytes` is refused.
 * UserErrors: E_BINARY (a file named itself), E_UTF8, E_JSON_LINE, E_TEXT_FIELD, E_TEXT_FORMAT, E_TEXT_TOO_LONG, and those of
 * reading bytes and tables.
 */
export async function* readShard(
  shard: Shard,
  options: ReadOptions,
  funnel: Funnel,
  from: Position = beginning,
  longestBytes = longestDocumentBytes,
): AsyncGenerator<DocumentBatch> {
  let begun = from > beginning;
  try {
    for await (const batch of readJoined(shard, options, funnel, from, longestBytes)) {
      begun ||= batch.documents.length > 0;
      yield options.removeWhitespace === true ? { ...batch, documents: batch.documents.map(removeWhitespace) } : batch;
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { code } = error;
    const isMet = !shard.named && options.strict !== true;
    if (isMet && code === "E_TEXT_FORMAT")
      passOver(funnel.passedOver, "of another format than its name says", shard.path);
    else if (isMet && code === "E_BINARY") funnel.binaryFilesSkipped += 1;
    else if (isMet && !begun && shard.format === "table" && noTextCodes.includes(code)) {
      passOver(funnel.passedOver, `without a text in "${options.textField}"`, shard.path);
    } else if (isMet && (code === "E_FILE_MISSING" || code === "E_FILE_UNREADABLE")) {
      passOver(funnel.passedOver, explainUnreadable(error, shard.path), shard.path);
    } else if (options.skipBroken === true && !isElsewhere(code))
      passOver(funnel.passedOver, `broken (${code})`, shard.path);
    else throw isMet ? adviseSkipping(error) : error;
  }
}

/** Of a mixture's choice, this machine or the network: no file is broken by it, and the next one would seem to be as well. */
const isElsewhere = (code: string): boolean => /^E_(MIX|DISK_FULL|NOT_WRITABLE|CACHE|HUB|HUB_TOKEN)$/.test(code);

/** Met in a folder, one file must not seem to be the end of all: what goes on without it is said, and is no default, for it loses text. */
function adviseSkipping(error: UserError): UserError {
  const { code, message, advice, cause } = error;
  if (isElsewhere(code) || advice.includes("--skip-broken")) return error;
  return new UserError(
    code as `E_${string}`,
    message,
    `${advice} Or --skip-broken counts it and goes on with what can be read.`,
    { cause },
  );
}

const removeWhitespace = (document: Document): Document => ({ ...document, text: document.text.replace(/\s+/g, "") });

/** Documents as they are, or several joined to one. */
function readJoined(
  shard: Shard,
  options: ReadOptions,
  funnel: Funnel,
  from: Position,
  longestBytes: number,
): AsyncGenerator<DocumentBatch> {
  const join = shard.choice?.join;
  if (join === undefined) return readDocumentsOf(shard, options, funnel, from, longestBytes);
  return passDocuments(from, joinDocuments(readDocumentsOf(shard, options, funnel, beginning, longestBytes), join));
}

const noTextCodes = ["E_TEXT_FIELD", "E_JSON_LINE", "E_TABLE_EMPTY", "E_TABLE_ROW", "E_TABLE_FORMAT"];

async function* readDocumentsOf(
  shard: Shard,
  options: ReadOptions,
  funnel: Funnel,
  from: Position,
  longestBytes: number,
): AsyncGenerator<DocumentBatch> {
  const { path } = shard;
  const choice = { where: shard.choice?.where, textField: shard.choice?.textField ?? options.textField };
  const reading: Reading = { path, choice, skipBroken: options.skipBroken === true, funnel, from, longestBytes };
  const table =
    chooseTable(shard, options) ?? (shard.format === "unknown" ? await detectTable(shard, options) : undefined);
  if (table !== undefined) {
    yield* readRows(openShard(shard), table, reading);
    options.onBytes?.(shard.bytes);
    return;
  }
  const [start, bytes] = await peek(decodeMarked(await openUnpacked(shard, options), path));
  const isOpen = options.format === undefined && (shard.format === "unknown" || shard.format === "text");
  const format =
    (options.format as ShardFormat | undefined) ?? (isOpen ? detectFormat(start, shard, options) : shard.format);
  const text = refuseBinary(bytes, path);
  if (format === "jsonl") yield* readJsonLines(text, reading);
  else if (options.separator !== undefined && format === "text" && choice.where === undefined) {
    yield* passDocuments(from, readSeparated(text, options.separator, reading));
  } else {
    if (choice.where !== undefined) throw refuseWhere(path, format);
    yield* passDocuments(from, readWhole(text, format, reading));
  }
}

const isTable = (format: string | undefined): format is TableFormat => tableFormats.some(each => each === format);

/** The format of a table, where it is said that a shard is one, or its name says it. */
function chooseTable(shard: Shard, { format }: ReadOptions): TableFormat | undefined {
  if (format !== undefined) return isTable(format) ? format : undefined;
  return shard.format === "table" ? tableFormat(shard.path) : undefined;
}

/** A file of columns under no name that says it. */
async function detectTable(shard: Shard, { format }: ReadOptions): Promise<TableFormat | undefined> {
  const file = openShard(shard);
  const [start, all] = await peek(readFile(file.path, file.bring));
  await all.return(undefined);
  const begins = start.subarray(0, 6).toString("latin1");
  if (format !== undefined) return undefined;
  return begins.startsWith("PAR1") ? "parquet" : begins === "ARROW1" ? "arrow" : undefined;
}

function refuseWhere(path: string, format: string): UserError {
  const seen = `${path}: ${format}, which has no fields, and the mixture chooses by one`;
  return new UserError("E_MIX", seen, "Leave `where` out for it.");
}

/** A file's content; how one named itself is packed, its first bytes say. */
async function openUnpacked(shard: Shard, { onBytes }: ReadOptions): Promise<AsyncGenerator<Buffer>> {
  const { path, format } = shard;
  const file = openShard(shard);
  const [packed, all] = await peek(countBytes(readFile(file.path, file.bring), onBytes));
  if (format !== "unknown") return unpackBytes(all, path);
  const begins = (...bytes: number[]) => bytes.every((byte, at) => packed[at] === byte);
  if (begins(0x42, 0x5a, 0x68) || begins(0xfd, 0x37, 0x7a, 0x58, 0x5a)) {
    await all.return(undefined);
    throw new UserError(
      "E_TEXT_FORMAT",
      `${path}: packed with ${begins(0x42) ? "bzip2" : "xz"}, which is not read`,
      "Pack it with gzip or zstd instead: `xzcat FILE | gzip > FILE.gz` (bzcat for bzip2).",
    );
  }
  return unpackBytes(all, path, detectCompression(packed));
}

async function* countBytes(pieces: AsyncIterable<Buffer>, onBytes: ReadOptions["onBytes"]): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    onBytes?.(piece.length);
    yield piece;
  }
}

/** The first piece and all of them. */
async function peek(pieces: AsyncGenerator<Buffer>): Promise<[Buffer, AsyncGenerator<Buffer>]> {
  const { value, done } = await pieces.next();
  const first = done === true ? Buffer.alloc(0) : value;
  const all = (async function* () {
    try {
      if (first.length > 0) yield first;
      yield* pieces;
    } finally {
      await pieces.return(undefined);
    }
  })();
  return [first, all];
}

/** What a file is that is no text or is named as none. UserError E_TEXT_FORMAT for what cannot be read as it is. */
function detectFormat(start: Buffer, { path, format }: Shard, { textField }: ReadOptions): ShardFormat {
  const found = recogniseFormat(start.toString("utf8"), textField);
  if (found === undefined) return "text";
  if (format === "unknown" && found.readAs !== undefined) return found.readAs;
  throw new UserError(
    "E_TEXT_FORMAT",
    `${path}: ${found.what}${format === "text" ? ", and its name says text" : ", not text"}`,
    `${found.advice} --format text takes it as it stands.`,
  );
}

async function* refuseBinary(pieces: AsyncIterable<Buffer>, path: string): AsyncGenerator<Buffer> {
  let begun = false;
  for await (const piece of pieces) {
    if (!begun && looksBinary(piece)) {
      throw new UserError(
        "E_BINARY",
        `${path}: binary content, not text (begins ${showBytes(piece, 0)})`,
        adviseOnBinary(piece),
      );
    }
    begun = true;
    yield piece;
  }
}

function adviseOnBinary(bytes: Buffer): string {
  const encoding = guessUtf16(bytes);
  if (encoding === undefined) return "Name a text file; a compressed one must be a gzip and end in .gz.";
  return `It looks like ${encoding} without a mark; convert it with \`iconv -f ${encoding} -t UTF-8\`.`;
}
