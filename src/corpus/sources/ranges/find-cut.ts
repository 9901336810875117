// Where between two documents a file may be cut, told from what follows any byte of it.

import { closeSync, readSync } from "node:fs";
import { openForReading } from "../../../base/files/files.ts";
import { reading } from "../../../base/files/read-failure.ts";
import type { DocumentEnd } from "../formats/separators.ts";

const bytesAtOnce = 1 << 16;
const newline = 10;
const carriageReturn = 13;
const isSpace = (byte: number) => byte === 32 || byte === 9;

/**
 * A place where a document begins: of lines the first from `from` on; of others the first behind a blank line that follows text there.
 * No separator reaches over that text, and the next one is the end of its line with the blank line, whatever came before. Infinite
 * where none is found before the end of the file, or before `limit`. UserErrors: E_FILE_MISSING, E_FILE_UNREADABLE.
 */
export function findCut(path: string, from: number, end: DocumentEnd, limit = Number.POSITIVE_INFINITY): number {
  if (from === 0 || from === Number.POSITIVE_INFINITY) return from;
  const file = openForReading(path, "text");
  try {
    const bytes = Buffer.allocUnsafe(bytesAtOnce);
    let [hasText, isBlank, isReturned, followsText] = [false, true, false, false];
    for (let at = from - 1; at < limit; ) {
      const count = reading(path, "text", () => readSync(file, bytes, 0, bytes.length, at));
      if (count === 0) break;
      for (let i = 0; i < count; i++) {
        const byte = bytes[i]!;
        if (byte !== newline) {
          // Blank is what the separator takes for it: a "\r" only before the line's end.
          isBlank &&= !isReturned && (isSpace(byte) || byte === carriageReturn);
          isReturned = byte === carriageReturn;
          hasText ||= !isReturned && !isSpace(byte);
          continue;
        }
        if (end === "line" || (followsText && isBlank)) return at + i + 1;
        followsText = hasText;
        [hasText, isBlank, isReturned] = [false, true, false];
      }
      at += count;
    }
    return Number.POSITIVE_INFINITY;
  } finally {
    closeSync(file);
  }
}
