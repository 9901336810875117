// A shard to its documents: what a file is, by the option, its name or its first bytes; what is no text is refused, or counted and
// passed over. Markup, JSON and tables are never taken for text. Memory is bounded by the longest document, whatever the size of
// the file, and a document by 64 MiB: written as JSON a text grows up to sixfold, and a string ends at 512 MiB.

import { UserError } from "../../base/errors.ts";
import { passOver } from "../../tables/passed-over.ts";
import { type TableFormat, tableFormat } from "../../tables/table.ts";
import { contentStart, decodeMarked } from "../../tables/text.ts";
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
import { joinDocuments } from "./join-documents.ts";
import { explainUnreadable } from "./local-files.ts";
import { isLater } from "./ranges/cut-shard.ts";
import { openRange } from "./ranges/open-range.ts";
import { type ReadOptions, tableFormats } from "./read-options.ts";
import { beginning, type Position, type Shard, type ShardFormat } from "./shard.ts";
import { detectFormat, detectTable, openUnpacked, peek, refuseBinary, refuseDamagedShard } from "./shard-content.ts";
import { openShard } from "./sources.ts";

const longestDocumentBytes = 64 * 2 ** 20;

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
    else if (isMet && !begun && code === "E_BINARY") passOver(funnel.passedOver, "binary files", shard.path);
    else if (isMet && !begun && shard.format === "table" && noTextCodes.includes(code)) {
      const isOfIds = code === "E_READY_MADE";
      passOver(
        funnel.passedOver,
        isOfIds ? "of ids (input_ids) without a text" : `without a text in "${options.textField}"`,
        shard.path,
      );
    } else if (isMet && (code === "E_FILE_MISSING" || code === "E_FILE_UNREADABLE")) {
      passOver(funnel.passedOver, explainUnreadable(error, shard.path), shard.path);
    } else if ((options.skipBroken === true && !isElsewhere(code)) || (isMet && code === "E_BINARY"))
      passOver(
        funnel.passedOver,
        begun ? `rests of files, of unknown size (${code})` : `broken (${code})`,
        placeOf(error, shard),
      );
    else throw isMet ? adviseSkipping(error) : error;
  }
}

/** The line that an error names, or else the file. */
const placeOf = ({ message }: UserError, { path }: Shard): string =>
  message.startsWith(path) ? path + (/^:\d+(?=:)/.exec(message.slice(path.length))?.[0] ?? "") : path;

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

const noTextCodes = ["E_TEXT_FIELD", "E_JSON_LINE", "E_TABLE_EMPTY", "E_TABLE_ROW", "E_TABLE_FORMAT", "E_READY_MADE"];

async function* readDocumentsOf(
  shard: Shard,
  options: ReadOptions,
  funnel: Funnel,
  from: Position,
  longestBytes: number,
): AsyncGenerator<DocumentBatch> {
  const { path, range } = shard;
  const choice = { where: shard.choice?.where, textField: shard.choice?.textField ?? options.textField };
  const skipBroken = options.skipBroken === true;
  const reading: Reading = { path, choice, skipBroken, funnel, from, longestBytes, start: contentStart };
  const opened = range && (await openRange(shard, range, options));
  if (opened !== undefined) {
    yield* readText(opened.pieces, opened.format, options, { ...reading, start: opened.start });
    return;
  }
  if (isLater(shard)) return;
  if (skipBroken && (await refuseDamagedShard(shard, options)))
    passOver(funnel.passedOver, "with bytes behind what is packed (E_GZIP_TAIL)", path);
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
  yield* readText(refuseBinary(bytes, path), format, options, reading);
}

async function* readText(
  pieces: AsyncIterable<Buffer>,
  format: ShardFormat,
  { separator }: ReadOptions,
  reading: Reading,
): AsyncGenerator<DocumentBatch> {
  const { path, choice, from } = reading;
  if (format === "jsonl") yield* readJsonLines(pieces, reading);
  else if (separator !== undefined && format === "text" && choice.where === undefined) {
    yield* passDocuments(from, readSeparated(pieces, separator, reading));
  } else {
    if (choice.where !== undefined) throw refuseWhere(path, format);
    yield* passDocuments(from, readWhole(pieces, format, reading));
  }
}

const isTable = (format: string | undefined): format is TableFormat => tableFormats.some(each => each === format);

/** The format of a table, where it is said that a shard is one, or its name says it. */
function chooseTable(shard: Shard, { format }: ReadOptions): TableFormat | undefined {
  if (format !== undefined) return isTable(format) ? format : undefined;
  return shard.format === "table" ? tableFormat(shard.path) : undefined;
}

function refuseWhere(path: string, format: string): UserError {
  const seen = `${path}: ${format}, which has no fields, and the mixture chooses by one`;
  return new UserError("E_MIX", seen, "Leave `where` out for it.");
}
