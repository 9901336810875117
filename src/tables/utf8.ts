// Bytes to text, strictly: a byte that is not UTF-8 is an error with its place, never a replacement character that the
// model would learn.

import { isUtf8 } from "node:buffer";
import { UserError } from "../base/errors.ts";
import { recogniseForeign } from "./foreign-format.ts";
import { guessEncoding } from "./guess-encoding.ts";

/** Where bytes begin in the content of a file. */
export interface Place {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** From 0, in the content of a gzip. */
  readonly byte: number;
}

/** The text of UTF-8 bytes, without the byte order mark a file may begin with. UserError E_UTF8 names the first bad byte. */
export function decodeUtf8(bytes: Buffer, start: Place): string {
  if (!isUtf8(bytes)) throw explainInvalidUtf8(bytes, start);
  const text = bytes.toString("utf8");
  return start.byte === 0 && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

/** A text in which every lone surrogate (JSON can spell them) is U+FFFD, so that it can be written as UTF-8. */
export function repairSurrogates(text: string): string {
  // In every Node that runs this, not yet in the library types of the target.
  return (text as string & { toWellFormed(): string }).toWellFormed();
}

/** Whether a text has no lone surrogate. */
export function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}

/** Whether content begins as no text does: as a foreign format, or with a NUL in its first 8 KiB that no mark of UTF-16 explains. */
export function looksBinary(beginning: Uint8Array): boolean {
  if (recogniseForeign(beginning) !== undefined) return true;
  return beginning.subarray(0, 8192).includes(0) && !beginsAsUtf16(beginning);
}

/** The first four bytes from `at`, as a person sees them in a hex dump. */
export function showBytes(bytes: Uint8Array, at: number): string {
  return Array.from(bytes.subarray(at, at + 4), byte => byte.toString(16).padStart(2, "0")).join(" ");
}

function beginsAsUtf16(bytes: Uint8Array): boolean {
  return (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
}

/** Says which byte is not UTF-8: E_UTF8. */
export function explainInvalidUtf8(bytes: Buffer, start: Place): UserError {
  const at = findInvalidByte(bytes);
  let line = start.line;
  for (let end = bytes.indexOf(10); end >= 0 && end < at; end = bytes.indexOf(10, end + 1)) line += 1;
  return new UserError(
    "E_UTF8",
    `${start.path}:${line}: not UTF-8 at byte ${start.byte + at} of its content (${showBytes(bytes, at)})`,
    adviseOnEncoding(bytes, start),
  );
}

/** The same for whatever piece of the file the bad byte is found in: only a file's beginning says more. */
function adviseOnEncoding(bytes: Buffer, { byte }: Place): string {
  const utf16 = byte > 0 ? undefined : beginsAsUtf16(bytes) ? "UTF-16" : guessEncoding(bytes);
  const others = utf16 === undefined ? " Text from elsewhere may be GB18030, BIG5, SHIFT_JIS, EUC-KR or KOI8-R." : "";
  return `Convert the file to UTF-8, for example with \`iconv -f ${utf16 ?? "WINDOWS-1252"} -t UTF-8\`.${others}`;
}

/** The offset at which the first character begins that is not UTF-8. */
export function findInvalidByte(bytes: Buffer): number {
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at]!;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (length > 1 && !isUtf8(bytes.subarray(at, at + length))) return at;
    at += length;
  }
  return bytes.length;
}
