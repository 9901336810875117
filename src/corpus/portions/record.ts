// What is known of a document beside its text, in words of 32 bits: two of the hash of its text, its characters, its bytes, which shard of its
// portion it is from with what was decided, by itself, about it, and of one that was encoded what came of it.

import { closeSync, readSync } from "node:fs";
import { openForReading } from "../../base/files/files.ts";
import { reading } from "../../base/files/read-failure.ts";
import { type DropReason, dropReasons } from "../funnel.ts";
import type { EncodedCounts } from "./encodings.ts";

export const recordWords = 10;
const recordsAtOnce = 1 << 14;

const verdicts: readonly (DropReason | "kept")[] = ["kept", ...dropReasons];

export interface DocumentRecord extends EncodedCounts {
  readonly high: number;
  readonly low: number;
  /** UTF-16 units, as `string.length` counts. */
  readonly characters: number;
  /** Of the text as it lies in its portion, without its end; of a dropped document 0. */
  readonly bytes: number;
  readonly shard: number;
  readonly verdict: DropReason | "kept";
}

export function writeRecord(words: Uint32Array, record: DocumentRecord): void {
  words[0] = record.high;
  words[1] = record.low;
  words[2] = record.characters;
  words[3] = record.bytes;
  words[4] = record.shard * 256 + verdicts.indexOf(record.verdict);
  words[5] = record.tokens;
  words[6] = record.unknownTokens;
  words[7] = record.visible;
  words[8] = record.lost;
  words[9] = record.unaccented;
}

const readRecord = (words: Uint32Array, at: number): DocumentRecord => ({
  high: words[at]!,
  low: words[at + 1]!,
  characters: words[at + 2]!,
  bytes: words[at + 3]!,
  shard: words[at + 4]! >>> 8,
  verdict: verdicts[words[at + 4]! & 255]!,
  tokens: words[at + 5]!,
  unknownTokens: words[at + 6]!,
  visible: words[at + 7]!,
  lost: words[at + 8]!,
  unaccented: words[at + 9]!,
});

/** The records of a file, in their order. UserErrors: E_FILE_MISSING, E_FILE_UNREADABLE. */
export function* readRecords(path: string, count: number): Generator<DocumentRecord> {
  const file = openForReading(path, "portion");
  try {
    const words = new Uint32Array(recordsAtOnce * recordWords);
    const bytes = new Uint8Array(words.buffer);
    for (let done = 0; done < count; ) {
      const wanted = Math.min(recordsAtOnce, count - done);
      for (let filled = 0; filled < 4 * recordWords * wanted; ) {
        const more = reading(path, "portion", () =>
          readSync(file, bytes, filled, 4 * recordWords * wanted - filled, 4 * recordWords * done + filled),
        );
        if (more === 0) throw new Error(`${path} ended within a record`);
        filled += more;
      }
      for (let i = 0; i < wanted; i++) yield readRecord(words, i * recordWords);
      done += wanted;
    }
  } finally {
    closeSync(file);
  }
}
