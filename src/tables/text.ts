// Bytes to text in pieces, strictly and whatever the encoding that a byte-order mark names: UTF-8, with the mark or without,
// and UTF-16 with it, which is what spreadsheets save.

import { isUtf8 } from "node:buffer";
import { TextDecoder } from "node:util";
import { UserError } from "../base/errors.ts";
import { refuseForeign } from "./foreign-format.ts";
import { adviseConverting, guessEncoding } from "./guess-encoding.ts";
import { explainInvalidUtf8, findInvalidByte, isWellFormed } from "./utf8.ts";

/** Where bytes begin in the content of a file; which line that is, is counted when somebody asks. */
export interface ContentStart {
  /** From 0, behind the mark. */
  readonly byte: number;
  readonly linesBefore: () => number;
}

export const contentStart: ContentStart = { byte: 0, linesBefore: () => 0 };

/**
 * The content as UTF-8 bytes, without a byte-order mark, or what of it begins at a line. UserErrors: E_UTF8 for UTF-16 that is none, E_BINARY
 * for a NUL and for what begins as a foreign format.
 */
export async function* toUtf8(
  pieces: AsyncIterable<Buffer>,
  path: string,
  start: ContentStart = contentStart,
): AsyncGenerator<Buffer> {
  let line = 1;
  let begins = start.byte === 0;
  for await (const piece of start.byte === 0 ? decodeMarked(pieces, path) : pieces) {
    if (begins) refuseForeign(piece, path);
    const encoding = begins && piece.includes(0) ? guessEncoding(piece) : undefined;
    begins = false;
    const end = piece.indexOf(0);
    for (let at = piece.indexOf(10); at >= 0 && (end < 0 || at < end); at = piece.indexOf(10, at + 1)) line += 1;
    if (end >= 0) {
      // What stands before it comes before its error.
      if (end > 0) yield piece.subarray(0, end);
      throw new UserError(
        "E_BINARY",
        `${path}:${start.linesBefore() + line}: a NUL byte, which text does not have`,
        encoding === undefined
          ? "If it was saved as UTF-16 or UTF-32, convert it, with `iconv -f UTF-16LE -t UTF-8`; else it is damaged or no text."
          : adviseConverting(encoding),
      );
    }
    yield piece;
  }
}

/** The content as UTF-8 bytes without a byte-order mark, where one names the encoding; else as it is. UserError E_UTF8. */
export async function* decodeMarked(pieces: AsyncIterable<Buffer>, path: string): AsyncGenerator<Buffer> {
  let begun: Buffer | undefined = Buffer.alloc(0);
  let decoder: TextDecoder | undefined;
  for await (const next of pieces) {
    let piece = next;
    if (begun !== undefined) {
      piece = Buffer.concat([begun, next]);
      begun = piece.length < 3 ? piece : undefined;
      if (begun !== undefined) continue;
      const { encoding, markBytes } = findMark(piece);
      if (encoding === "utf-16le" && piece.length > 3 && piece[2] === 0 && piece[3] === 0) {
        throw new UserError(
          "E_UTF8",
          `${path}: it begins as UTF-32, which is not read`,
          "Convert it, with `iconv -f UTF-32 -t UTF-8`.",
        );
      }
      decoder = encoding === undefined ? undefined : new TextDecoder(encoding, { fatal: true });
      piece = piece.subarray(markBytes);
    }
    if (decoder !== undefined) piece = decodeUtf16(decoder, piece, path);
    if (piece.length > 0) yield piece;
  }
  // What is shorter than a mark and its first character.
  if (begun !== undefined && begun.length > 0 && findMark(begun).encoding === undefined) yield begun;
  if (decoder !== undefined) decodeUtf16(decoder, undefined, path);
}

/**
 * The content, or what of it begins at a line, as text, in pieces of whole characters. UserError E_UTF8 naming the line, unless `keepBad`: then
 * each byte that is not UTF-8 comes as half of a surrogate pair, which no text has, so that who reads it knows what is broken by it.
 */
export async function* readTextPieces(
  pieces: AsyncIterable<Buffer>,
  path: string,
  start: ContentStart = contentStart,
  keepBad = false,
): AsyncGenerator<string> {
  let line = 1;
  let byte = start.byte;
  let cut = Buffer.alloc(0);
  const explain = (bytes: Buffer) => explainInvalidUtf8(bytes, { path, line: start.linesBefore() + line, byte });
  for await (const piece of toUtf8(pieces, path, start)) {
    const bytes = cut.length === 0 ? piece : Buffer.concat([cut, piece]);
    const end = bytes.length - countCutBytes(bytes);
    cut = Buffer.from(bytes.subarray(end));
    const whole = bytes.subarray(0, end);
    const isBad = !isUtf8(whole);
    if (isBad && !keepBad) {
      const error = explain(whole);
      const good = whole.subarray(0, findInvalidByte(whole));
      if (good.length > 0) yield good.toString("utf8");
      throw error;
    }
    for (let at = whole.indexOf(10); at >= 0; at = whole.indexOf(10, at + 1)) line += 1;
    byte += end;
    if (end > 0) yield isBad ? markBad(whole) : whole.toString("utf8");
  }
  if (cut.length === 0) return;
  if (!keepBad) throw explain(cut);
  yield markBad(cut);
}

/** Whether text has a byte in it that was not UTF-8. */
export const hasBad = (text: string): boolean => !isWellFormed(text);

function markBad(bytes: Buffer): string {
  const parts: string[] = [];
  for (let rest = bytes; rest.length > 0; ) {
    const at = findInvalidByte(rest);
    parts.push(rest.subarray(0, at).toString("utf8"));
    if (at < rest.length) parts.push(String.fromCharCode(0xdc00 + rest[at]!));
    rest = rest.subarray(at + 1);
  }
  return parts.join("");
}

/** The bytes at the end that begin a character and do not end it. */
function countCutBytes(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return back < (byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4) ? back : 0;
  }
  return 0;
}

/** What the mark says that content begins with. */
export function findMark(bytes: Uint8Array): { encoding?: "utf-16le" | "utf-16be"; markBytes: number } {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return { markBytes: 3 };
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return { encoding: "utf-16le", markBytes: 2 };
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return { encoding: "utf-16be", markBytes: 2 };
  return { markBytes: 0 };
}

function decodeUtf16(decoder: TextDecoder, piece: Buffer | undefined, path: string): Buffer {
  try {
    return Buffer.from(piece === undefined ? decoder.decode() : decoder.decode(piece, { stream: true }));
  } catch (cause) {
    throw new UserError("E_UTF8", `${path}: it begins as UTF-16 and is none further on`, "Save it again as UTF-8.", {
      cause,
    });
  }
}
