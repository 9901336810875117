// Content to documents, by its format: a text file is one document or what stands between separators, a line of a .jsonl or
// a row of a table is one, what a page shows is one, the comments of a .d.ts are. Memory is bounded by the longest document.

import { UserError } from "../../../base/errors.ts";
import type { LocalBytes } from "../../../tables/bytes.ts";
import { refuseLong, splitLines } from "../../../tables/lines.ts";
import { passOver } from "../../../tables/passed-over.ts";
import type { NumberedRow } from "../../../tables/row.ts";
import { isColumnar, openTable, type TableFormat } from "../../../tables/table.ts";
import { type ContentStart, hasBad, readTextPieces, toUtf8 } from "../../../tables/text.ts";
import { decodeUtf8, type Place } from "../../../tables/utf8.ts";
import type { Funnel } from "../../funnel.ts";
import { beginning, type Position, type ShardFormat } from "../shard.ts";
import { extractDocComments } from "./doc-comments.ts";
import { describeRow, findText, listColumns, type RowChoice, type RowPlace } from "./row-text.ts";

export interface Document {
  readonly text: string;
  /** The same in UTF-8, where it is at hand. */
  readonly utf8?: Uint8Array | undefined;
  /** The same as a line of the documents format, where it is at hand, with the text's UTF-16 units. */
  readonly written?: { readonly bytes: Uint8Array; readonly characters: number } | undefined;
  /** The path of the file it came from. */
  readonly source: string;
}

/** Documents that come at once, because handing each one over by itself costs more. */
export interface DocumentBatch {
  readonly documents: readonly Document[];
  /** From where reading goes on behind them. */
  readonly next: Position;
}

/** What the readers of all formats are told. */
export interface Reading {
  readonly path: string;
  readonly choice: RowChoice;
  /** Whether broken lines are counted and passed over instead of refused. */
  readonly skipBroken: boolean;
  readonly funnel: Funnel;
  readonly from: Position;
  /** A document of more is refused. */
  readonly longestBytes: number;
  /** Of lines: where those begin in the file that are read. */
  readonly start: ContentStart;
}

/** What takes the text out of formats of which a part is the text; a parser of pages is loaded for pages. */
async function findExtractor(format: ShardFormat): Promise<((content: string) => string) | undefined> {
  if (format === "declarations") return extractDocComments;
  return format === "html" ? (await import("./html-text.ts")).extractHtmlText : undefined;
}

/** A file that is one document. UserErrors: E_UTF8, E_BINARY, E_TEXT_TOO_LONG. */
export async function* readWhole(
  pieces: AsyncIterable<Buffer>,
  format: ShardFormat,
  { path, longestBytes }: Reading,
): AsyncGenerator<Document[]> {
  const whole = await readText(pieces, path, longestBytes);
  const extract = await findExtractor(format);
  yield [{ text: extract?.(whole) ?? whole, source: path }];
}

/** The documents between separators; what is only white space is none. UserErrors: E_UTF8, E_BINARY, E_TEXT_TOO_LONG. */
export async function* readSeparated(
  pieces: AsyncIterable<Buffer>,
  separator: RegExp,
  { path, longestBytes, start, skipBroken, funnel }: Reading,
): AsyncGenerator<Document[]> {
  const describe = (texts: string[]) => texts.filter(isDocument).map(text => ({ text, source: path }));
  const isDocument = (text: string) => {
    const isBad = skipBroken && hasBad(text);
    if (isBad) passOver(funnel.passedOver, "broken documents (E_UTF8)", path);
    return !isBad && /\S/.test(text);
  };
  let rest = "";
  let isPassing = false;
  for await (const piece of readTextPieces(pieces, path, start, skipBroken)) {
    const texts = (rest + piece).split(separator);
    if (isPassing && texts.length > 1) {
      texts.shift();
      isPassing = false;
    }
    const isLong = ({ length }: string) => length > longestBytes;
    const long = texts.findIndex(isLong);
    rest = texts.pop()!;
    if (long < 0 || skipBroken) yield describe(texts.filter(text => !isLong(text)));
    else {
      yield describe(texts.slice(0, long));
      throw tooLong(path, longestBytes);
    }
    const count = texts.filter(isLong).length + (isLong(rest) && !isPassing ? 1 : 0);
    for (let i = 0; i < count; i++) passOver(funnel.passedOver, "broken documents (E_TEXT_TOO_LONG)", path);
    isPassing ||= isLong(rest);
    // Of what is passed over the end is kept: a separator may have begun in it.
    if (isPassing) rest = rest.slice(-longestSeparator);
  }
  if (!isPassing) yield describe([rest]);
}

/** UTF-16 units, behind a document that is passed over. */
const longestSeparator = 1024;

async function readText(pieces: AsyncIterable<Buffer>, path: string, longestBytes: number): Promise<string> {
  const all: Buffer[] = [];
  let bytes = 0;
  for await (const piece of toUtf8(pieces, path)) {
    all.push(piece);
    bytes += piece.length;
    if (bytes > longestBytes) throw tooLong(path, longestBytes);
  }
  return decodeUtf8(Buffer.concat(all), { path, line: 1, byte: 0 });
}

function tooLong(path: string, longestBytes: number): UserError {
  return new UserError(
    "E_TEXT_TOO_LONG",
    `${path}: one document of more than ${longestBytes / 2 ** 20} MiB`,
    "Say what stands between its documents with --document-separator, or write a .jsonl with one document a line.",
  );
}

/** What comes behind the first `from` documents, for formats in which only reading finds them. */
export async function* passDocuments(
  from: Position,
  batches: AsyncIterable<Document[]>,
): AsyncGenerator<DocumentBatch> {
  let next = beginning;
  for await (const batch of batches) {
    const documents = next >= from ? batch : batch.slice(from - next);
    next += batch.length;
    if (next > from) yield { documents, next };
  }
}

/** A document a line. UserErrors: E_UTF8, E_JSON_LINE, E_TEXT_FIELD, those of splitting lines. */
export async function* readJsonLines(pieces: AsyncIterable<Buffer>, reading: Reading): AsyncGenerator<DocumentBatch> {
  const { path, from, longestBytes, start } = reading;
  let line = 0;
  let { byte } = start;
  const onLong = (number: number) => {
    const place = { path, line: start.linesBefore() + number };
    const refuse = () => {
      throw refuseLong(path, place.line, longestBytes);
    };
    if (number > from) takeText(refuse, place, reading);
  };
  for await (const lines of splitLines(pieces, path, longestBytes, onLong)) {
    const documents: Document[] = [];
    for (const bytes of lines) {
      line += 1;
      if (line <= from) {
        byte += bytes.length;
        continue;
      }
      const place = new LinePlace(path, start, line, byte);
      const text = takeText(() => parseLine(bytes, place), place, reading);
      if (text !== undefined) documents.push({ text, source: path });
      byte += bytes.length;
    }
    if (line > from) yield { documents, next: line };
  }
}

/** A line of a file, of which it is known which one it is of those that are read. */
class LinePlace implements Place {
  readonly path: string;
  readonly byte: number;
  private readonly start: ContentStart;
  private readonly own: number;

  constructor(path: string, start: ContentStart, own: number, byte: number) {
    this.path = path;
    this.byte = byte;
    this.start = start;
    this.own = own;
  }

  get line(): number {
    return this.start.linesBefore() + this.own;
  }
}

/** A document a row. UserErrors: E_TEXT_FIELD, those of reading tables. */
export async function* readRows(
  file: LocalBytes,
  format: TableFormat,
  reading: Reading,
): AsyncGenerator<DocumentBatch> {
  const { path, choice, from, longestBytes, skipBroken } = reading;
  let next = from;
  // Of a file of columns the others are not read.
  const columns = isColumnar(format) ? { columns: listColumns(choice) } : {};
  for await (const rows of openTable(path, {
    file,
    from,
    format,
    keepBroken: skipBroken,
    longestRowBytes: longestBytes,
    ...columns,
  }).rows) {
    const documents: Document[] = [];
    const readRow = ({ values, broken }: NumberedRow) => {
      if (broken !== undefined) throw broken;
      return values;
    };
    try {
      for (const row of rows) {
        const text = takeText(() => readRow(row), { path, line: row.line }, reading);
        next += 1;
        if (text !== undefined) documents.push({ text, source: path });
      }
    } catch (error) {
      if (documents.length > 0) yield { documents, next };
      throw error;
    }
    yield { documents, next };
  }
}

/** Of a row: why it is passed over. */
const notWanted = "with another value than the mixture asks for";

/** The text of a row; undefined for a blank line, one that is not wanted, and a broken one where these are passed over. */
function takeText(read: () => unknown, place: RowPlace, { choice, skipBroken, funnel }: Reading): string | undefined {
  try {
    const row = read();
    const text = row === undefined ? undefined : findText(row, choice, place);
    if (text === undefined && row !== undefined) passOver(funnel.passedOver, notWanted, describeRow(place));
    return text;
  } catch (error) {
    if (!skipBroken || !(error instanceof UserError)) throw error;
    passOver(funnel.passedOver, `broken lines (${error.code})`, describeRow(place));
    return undefined;
  }
}

/** The value in a line of JSON; undefined for a blank line. */
function parseLine(bytes: Buffer, place: Place): unknown {
  const json = decodeUtf8(bytes, place);
  if (json.trim() === "") return undefined;
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new UserError(
      "E_JSON_LINE",
      `${place.path}:${place.line}: this line is not JSON: ${(cause as Error).message}`,
      "A .jsonl file holds one JSON object a line; correct or remove this one.",
      { cause },
    );
  }
}
