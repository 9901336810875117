// Rows of JSON: an object a line (.jsonl), and whatever a .json holds, a list of objects or objects one after another, cut into
// its values as it is read. What is none of them comes as a broken row.

import { UserError } from "../../base/errors.ts";
import { parseJson } from "../../base/json.ts";
import { makePrintable, quoteValue } from "../../base/printable.ts";
import { refuseLong, splitLines } from "../lines.ts";
import { badRow, brokenRow, type NumberedRow, type Values } from "../row.ts";
import { hasBad, readTextPieces, toUtf8 } from "../text.ts";
import { decodeUtf8 } from "../utf8.ts";

/** An object a line; blank lines are passed over. Broken rows are of E_JSON_LINE, E_UTF8, E_TEXT_TOO_LONG, naming the line. */
export async function* readJsonLines(
  pieces: AsyncIterable<Buffer>,
  path: string,
  longestBytes: number,
): AsyncGenerator<NumberedRow[]> {
  let line = 0;
  let byte = 0;
  let long: NumberedRow[] = [];
  const onLong = (number: number) => long.push(brokenRow(refuseLong(path, number, longestBytes), number));
  for await (const lines of splitLines(toUtf8(pieces, path), path, longestBytes, onLong)) {
    const rows = long;
    long = [];
    for (const bytes of lines) {
      line += 1;
      const at = { path, line, byte };
      byte += bytes.length;
      const row = takeRow(line, () => {
        const json = decodeUtf8(bytes, at);
        return json.trim() === "" ? undefined : parseObject(json, path, line);
      });
      if (row !== undefined) rows.push(row);
    }
    if (rows.length > 0) yield rows;
  }
  if (long.length > 0) yield long;
}

/** A row, whole or broken; undefined where there is none. */
function takeRow(line: number, read: () => Values | undefined): NumberedRow | undefined {
  try {
    const values = read();
    return values && { values, line };
  } catch (error) {
    if (error instanceof UserError) return brokenRow(error, line);
    throw error;
  }
}

/**
 * The objects or strings of a list, or the objects that stand one after another, each with the line it begins on.
 * Broken rows are of E_JSON_LINE and E_TEXT_TOO_LONG. UserErrors: E_JSON_LINE for a file that ends inside one, E_UTF8.
 */
export async function* readJsonValues(
  pieces: AsyncIterable<Buffer>,
  path: string,
  longestCharacters: number,
  keepBad: boolean,
): AsyncGenerator<NumberedRow[]> {
  const splitter = new ValueSplitter(path, longestCharacters);
  for await (const text of readTextPieces(pieces, path, undefined, keepBad)) {
    const rows = splitter.read(text).map(value => {
      if ("broken" in value) return brokenRow(value.broken, value.line);
      if (keepBad && hasBad(value.json)) return badRow(path, value.line);
      return takeRow(value.line, () => parseValue(value.json, path, value.line))!;
    });
    if (rows.length > 0) yield rows;
  }
  splitter.end();
}

/** A string of a list is a row with one column, "text". */
function parseValue(json: string, path: string, line: number): Values {
  return json.startsWith('"') ? parseObject(`{"text":${json}}`, path, line) : parseObject(json, path, line);
}

function parseObject(json: string, path: string, line: number): Values {
  let seen: string;
  try {
    const value = parseJson(json);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Values;
    seen = `it is ${Array.isArray(value) ? "an array" : quoteValue(value)}`;
  } catch (cause) {
    seen = makePrintable((cause as Error).message, 200);
  }
  throw refuse(path, line, `no JSON object here: ${seen}`);
}

function refuse(path: string, line: number, seen: string): UserError {
  return new UserError(
    "E_JSON_LINE",
    `${path}:${line}: ${seen}`,
    "A .jsonl file holds one JSON object a line, a .json file a list of objects; correct or remove this one.",
  );
}

type CutValue = { readonly line: number } & ({ readonly json: string } | { readonly broken: UserError });

/**
 * Finds where the objects, or the strings of a list, begin and end, by brackets and quotes alone; whether they are JSON is for the parser
 * to say.
 */
class ValueSplitter {
  private readonly path: string;
  private readonly longestCharacters: number;
  /** Brackets open around what is read; the list that holds the objects is not counted. */
  private depth = 0;
  private list: "none" | "open" | "closed" = "none";
  private quoted = false;
  private escaped = false;
  private begun = "";
  /** Whether the value that is open is too long, and its rest is passed over. */
  private isLong = false;
  /** Whether what stands between two values was found to be none. */
  private isLost = false;
  private line = 1;
  private beginLine = 1;

  constructor(path: string, longestCharacters: number) {
    this.path = path;
    this.longestCharacters = longestCharacters;
  }

  read(text: string): CutValue[] {
    const values: CutValue[] = [];
    let start = 0;
    const take = (end: number) => {
      const json = this.begun + text.slice(start, end + 1);
      if (json.length > this.longestCharacters) values.push(this.explainLong());
      else if (!this.isLong) values.push({ json, line: this.beginLine });
      this.begun = "";
      this.isLong = false;
    };
    for (let at = 0; at < text.length; at++) {
      const character = text[at]!;
      if (character === "\n") this.line += 1;
      if (this.quoted) {
        if (this.escaped) this.escaped = false;
        else if (character === "\\") this.escaped = true;
        else if (character === '"') {
          this.quoted = false;
          if (this.depth === 0) take(at);
        }
      } else if (this.depth > 0) {
        if (character === '"') this.quoted = true;
        else if (character === "{" || character === "[") {
          if (character === "{" && this.depth === 1 && !this.isValue(text, start, at)) {
            values.push(this.explainOpen());
            this.begin();
            start = at;
          } else this.depth += 1;
        } else if (character === "]" && this.depth === 1 && this.list === "open") {
          values.push(this.explainOpen());
          this.begin();
          this.depth = 0;
          this.list = "closed";
        } else if ((character === "}" || character === "]") && --this.depth === 0) take(at);
      } else if (character === '"' && this.list === "open") {
        this.quoted = true;
        this.isLost = false;
        this.beginLine = this.line;
        start = at;
      } else if (character === "{" && this.list !== "closed") {
        this.begin();
        start = at;
      } else {
        const broken = this.passBetween(character);
        if (broken !== undefined) values.push({ line: this.line, broken });
      }
    }
    if ((this.depth > 0 || this.quoted) && !this.isLong) this.begun += text.slice(start);
    if (this.begun.length > this.longestCharacters) {
      this.isLong = true;
      this.begun = "";
      values.push(this.explainLong());
    }
    return values;
  }

  private begin(): void {
    this.depth = 1;
    this.isLost = false;
    this.beginLine = this.line;
    this.begun = "";
    this.isLong = false;
  }

  /** Whether an object that begins there, in the one that is open, is the value of a key. */
  private isValue(text: string, start: number, at: number): boolean {
    for (let before = at - 1; before >= start; before--) if (/\S/.test(text[before]!)) return text[before] === ":";
    return this.isLong || this.begun.trimEnd().endsWith(":");
  }

  /** Of an object that lacks its end: another one begins in it where none can, or its list ends. */
  private explainOpen(): CutValue {
    const broken = refuse(this.path, this.beginLine, `the object that begins here lacks its "}"`);
    return { line: this.beginLine, broken };
  }

  private explainLong(): CutValue {
    const broken = new UserError(
      "E_TEXT_TOO_LONG",
      `${this.path}:${this.beginLine}: a value of more than ${this.longestCharacters / 2 ** 20} million characters`,
      "Write the file as .jsonl, with one object a line.",
    );
    return { line: this.beginLine, broken };
  }

  end(): void {
    if (this.depth > 0 || this.quoted) throw refuse(this.path, this.beginLine, "the file ends inside this value");
    if (this.list === "open") throw refuse(this.path, this.line, "the file ends inside its list");
  }

  /** The error of what stands there and is none of a list's, once up to the next comma or value. */
  private passBetween(character: string): UserError | undefined {
    if (/\s/.test(character)) return undefined;
    if (character === "[" && this.list === "none") this.list = "open";
    else if (character === "]" && this.list === "open") this.list = "closed";
    else if (character === "," && this.list === "open") this.isLost = false;
    else if (!this.isLost) {
      this.isLost = true;
      return refuse(this.path, this.line, `${quoteValue(character)} where an object should begin`);
    }
    return undefined;
  }
}
