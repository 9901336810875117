// A source to its documents: a text file is one document, a line of a .jsonl is one, the comments of a .d.ts are one. Memory
// is bounded by the longest document, whatever the size of the file, and a document by 64 MiB: written as JSON a text grows
// up to sixfold, and a string ends at 512 MiB.

import { UserError } from "../base/errors.ts";
import { readBytes } from "../tables/bytes.ts";
import { splitLines } from "../tables/lines.ts";
import { decodeUtf8, looksBinary, type Place, repairSurrogates, showBytes } from "../tables/utf8.ts";
import { extractDocComments } from "./doc-comments.ts";
import type { Funnel } from "./funnel.ts";
import type { Source } from "./sources.ts";

const longestDocumentBytes = 64 * 2 ** 20;

export interface Document {
  readonly text: string;
  /** The path of the file it came from. */
  readonly source: string;
  /** The line in a .jsonl, from 1. */
  readonly line?: number;
}

/**
 * Reads the documents of a source, those of one piece of the file at a time. `textField` is the name of the text in a line
 * of JSON. A binary file under the name of a text is counted in `funnel` and passed over when it was met in a folder. A text
 * file or a line of more than `longestBytes` is refused.
 * UserErrors: E_BINARY (a file named itself), E_UTF8, E_JSON_LINE, E_TEXT_FIELD, E_TEXT_TOO_LONG, and those of `readBytes`.
 */
export async function* readSource(
  source: Source,
  textField: string,
  funnel: Funnel,
  longestBytes = longestDocumentBytes,
): AsyncGenerator<Document[]> {
  try {
    const bytes = refuseBinary(readBytes(source.path, source.gzip ? "gzip" : "none"), source.path);
    if (source.format === "jsonl") yield* readJsonLines(bytes, source.path, textField, longestBytes);
    else {
      const text = await readText(bytes, source.path, longestBytes);
      yield [{ text: source.format === "declarations" ? extractDocComments(text) : text, source: source.path }];
    }
  } catch (error) {
    const met = !source.named && error instanceof UserError && error.code === "E_BINARY";
    if (!met) throw error;
    funnel.binaryFilesSkipped += 1;
  }
}

async function* refuseBinary(pieces: AsyncIterable<Buffer>, path: string): AsyncGenerator<Buffer> {
  let begun = false;
  for await (const piece of pieces) {
    if (!begun && looksBinary(piece)) {
      throw new UserError(
        "E_BINARY",
        `${path}: binary content, not text (begins ${showBytes(piece, 0)})`,
        "Name a text file; a compressed one must be a gzip and end in .gz.",
      );
    }
    begun = true;
    yield piece;
  }
}

async function readText(pieces: AsyncIterable<Buffer>, path: string, longestBytes: number): Promise<string> {
  const all: Buffer[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    all.push(piece);
    bytes += piece.length;
    if (bytes > longestBytes) {
      throw new UserError(
        "E_TEXT_TOO_LONG",
        `${path}: one document of more than ${longestBytes / 2 ** 20} MiB`,
        "Cut it into several files, for example with `split`, or write a .jsonl with one document a line.",
      );
    }
  }
  return decodeUtf8(Buffer.concat(all), { path, line: 1, byte: 0 });
}

async function* readJsonLines(
  pieces: AsyncIterable<Buffer>,
  path: string,
  textField: string,
  longestBytes: number,
): AsyncGenerator<Document[]> {
  let line = 0;
  let byte = 0;
  for await (const lines of splitLines(pieces, path, longestBytes)) {
    const documents: Document[] = [];
    for (const bytes of lines) {
      line += 1;
      const text = parseLine(bytes, { path, line, byte }, textField);
      if (text !== undefined) documents.push({ text, source: path, line });
      byte += bytes.length;
    }
    yield documents;
  }
}

/** The text in a line of JSON; undefined for a blank line. */
function parseLine(bytes: Buffer, place: Place, textField: string): string | undefined {
  const json = decodeUtf8(bytes, place);
  if (json.trim() === "") return undefined;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new UserError(
      "E_JSON_LINE",
      `${place.path}:${place.line}: this line is not JSON: ${(cause as Error).message}`,
      "A .jsonl file holds one JSON object a line; correct or remove this one.",
      { cause },
    );
  }
  const text = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[textField] : undefined;
  if (typeof text === "string") return repairSurrogates(text);
  throw new UserError(
    "E_TEXT_FIELD",
    `${place.path}:${place.line}: no text in the field "${textField}"; this line has ${describeFields(value)}`,
    "Name the field that holds the text with --text-field.",
  );
}

function describeFields(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  if (typeof value !== "object" || value === null) return value === null ? "null" : `a ${typeof value}`;
  const fields = Object.entries(value).map(([name, held]) => `${name} (${held === null ? "null" : typeof held})`);
  return fields.slice(0, 8).join(", ").slice(0, 200) || "no field";
}
