// The records of .csv and .tsv text as Python's csv module and pandas read them: a line ends in "\n", "\r\n" or "\r", whatever
// the others end in; a quote means something only where a field begins; empty lines are passed over. What those two guess at
// is refused: text after a closing quote, a quote that is never closed. A record that is refused comes as a broken one, and those
// behind it come too; behind a quote that is never closed there are none.

import { UserError } from "../../base/errors.ts";
import { quoteValue } from "../../base/printable.ts";

export interface RecordOptions {
  readonly separator: string;
  /** Whether a field may be written in quotes; without, a quote is a character like any other. */
  readonly quotes: boolean;
  /** UTF-16 units of one record, at most; a longer one is broken, and comes as such before it ends. */
  readonly longestRecord: number;
}

export interface NumberedRecord {
  readonly fields: readonly string[];
  /** The line it begins on, from 1. */
  readonly line: number;
  /** E_TABLE_ROW or E_TEXT_TOO_LONG, naming the row; it then has no fields. */
  readonly broken?: UserError;
}

/** The records that end in each piece of text. UserError E_TABLE_ROW for a quote that is never closed. */
export async function* readRecords(
  pieces: AsyncIterable<string> | Iterable<string>,
  path: string,
  options: RecordOptions,
): AsyncGenerator<NumberedRecord[]> {
  const reader = new RecordReader(path, options);
  let held = "";
  for await (const piece of pieces) {
    // A "\r" at the end may be half of a line's end.
    const text = held + piece;
    held = text.endsWith("\r") ? "\r" : "";
    const records = reader.read(held === "" ? text : text.slice(0, -1));
    if (records.length > 0) yield records;
  }
  const last = reader.end(held);
  if (last.length > 0) yield last;
  reader.refuseOpen();
}

/** The first records of a text that may end inside one; fewer where it is no such text. */
export function parseRecords(text: string, options: RecordOptions, most: number): NumberedRecord[] {
  const reader = new RecordReader("", options);
  const records: NumberedRecord[] = [];
  const take = (more: readonly NumberedRecord[]): boolean => {
    const end = more.findIndex(({ broken }) => broken !== undefined);
    records.push(...(end < 0 ? more : more.slice(0, end)));
    return end >= 0 || records.length >= most;
  };
  for (const line of text.match(/[^\n\r]*(?:\r\n|\n|\r|$)/g) ?? []) if (take(reader.read(line))) return records;
  take(reader.end(""));
  return records;
}

type Place = "field begins" | "plain" | "quoted" | "quote in quotes" | "behind quotes";

class RecordReader {
  private readonly path: string;
  private readonly options: RecordOptions;
  /** Finds what ends a field that is not quoted. */
  private readonly fieldEnd: RegExp;
  private place: Place = "field begins";
  private fields: string[] = [];
  private field = "";
  private recordLength = 0;
  /** Whether the record has a field in quotes: an empty one in quotes is a row, an empty line is none. */
  private hasQuotes = false;
  /** Whether the record was found to be broken, and its rest is passed over. */
  private isBroken = false;
  private line = 1;
  private recordLine = 1;
  private finished: NumberedRecord[] = [];

  constructor(path: string, options: RecordOptions) {
    this.path = path;
    this.options = options;
    this.fieldEnd = new RegExp(`[${options.separator === "|" ? "\\|" : options.separator}\n\r]`, "g");
  }

  read(text: string): NumberedRecord[] {
    for (let at = 0; at < text.length; ) at = this.step(text, at);
    return this.take();
  }

  /** What is left of the text, where no quote is open. */
  end(rest: string): NumberedRecord[] {
    const records = rest === "" ? [] : this.read(rest);
    if (this.place === "quoted") return records;
    if (this.fields.length > 0 || this.place !== "field begins") {
      this.endField();
      this.endRecord();
    }
    return [...records, ...this.take()];
  }

  refuseOpen(): void {
    if (this.place !== "quoted") return;
    throw this.explain("a quote opens in this row and is never closed", "Close it, or write a quote inside as two.");
  }

  private step(text: string, at: number): number {
    if (this.place === "field begins") {
      const opens = this.options.quotes && text[at] === '"';
      this.place = opens ? "quoted" : "plain";
      if (opens) this.hasQuotes = true;
      return opens ? at + 1 : at;
    }
    if (this.place === "quoted") {
      const found = text.indexOf('"', at);
      const end = found < 0 ? text.length : found;
      const part = text.slice(at, end);
      this.line += countLineEnds(part);
      this.add(part);
      if (found >= 0) this.place = "quote in quotes";
      return end + 1;
    }
    if (this.place === "quote in quotes" && text[at] === '"') {
      this.add('"');
      this.place = "quoted";
      return at + 1;
    }
    this.fieldEnd.lastIndex = at;
    const end = this.fieldEnd.exec(text)?.index ?? text.length;
    const part = text.slice(at, end);
    // A quote that comes now, perhaps with the next piece, is not the second of two.
    if (this.place === "quote in quotes" && part !== "") this.place = "behind quotes";
    if (this.place === "behind quotes" && part.trim() !== "") {
      this.break(
        this.explain(
          `text follows a closing quote: ${quoteValue(part, 40)}`,
          "A field that begins with a quote ends with one, and a quote inside is written as two.",
        ),
      );
    }
    this.add(part);
    if (end === text.length) return end;
    this.endField();
    if (text[end] === this.options.separator) return end + 1;
    this.endRecord();
    this.line += 1;
    this.recordLine = this.line;
    return end + (text.startsWith("\r\n", end) ? 2 : 1);
  }

  private add(part: string): void {
    this.recordLength += part.length;
    if (this.isBroken) return;
    this.field = this.field === "" ? part : this.field + part;
    if (this.recordLength > this.options.longestRecord) this.break(this.explainLong());
  }

  /** A record is broken once, whatever else is wrong with it. */
  private break(broken: UserError): void {
    if (this.isBroken) return;
    this.isBroken = true;
    this.field = "";
    this.finished.push({ fields: [], line: this.recordLine, broken });
  }

  private endField(): void {
    if (!this.isBroken) this.fields.push(this.field);
    this.field = "";
    this.place = "field begins";
  }

  private endRecord(): void {
    const isEmpty = this.fields.length === 1 && this.fields[0]!.trim() === "" && !this.hasQuotes;
    if (!isEmpty && !this.isBroken) this.finished.push({ fields: this.fields, line: this.recordLine });
    this.fields = [];
    this.recordLength = 0;
    this.hasQuotes = false;
    this.isBroken = false;
  }

  private take(): NumberedRecord[] {
    const records = this.finished;
    this.finished = [];
    return records;
  }

  private explainLong(): UserError {
    return new UserError(
      "E_TEXT_TOO_LONG",
      `${this.path}:${this.recordLine}: a row of more than ${this.options.longestRecord / 2 ** 20} million characters`,
      this.place === "quoted" ? "A quote opens there; close it." : "Leave that row out, or cut it.",
    );
  }

  private explain(seen: string, advice: string): UserError {
    return new UserError("E_TABLE_ROW", `${this.path}:${this.recordLine}: ${seen}`, advice);
  }
}

function countLineEnds(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 10 || (code === 13 && text.charCodeAt(at + 1) !== 10)) count += 1;
  }
  return count;
}
