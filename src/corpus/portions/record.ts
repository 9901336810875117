// What is known of a document beside its text, in words of 32 bits: two of the hash of its text, its characters, its bytes, which shard of its
// portion it is from with what was decided, by itself, about it, and of one that was encoded what came of it.

import { closeSync, readSync } from "node:fs";
import { openForReading } from "../../base/files/files.ts";
import { reading } from "../../base/files/read-failure.ts";
import type { TextKey } from "../deduplication/equal-texts.ts";
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

/** Of a document: an object made for each, as by spreading others, took a twentieth of all reading. */
export function writeRecord(
  words: Uint32Array,
  { high, low }: TextKey,
  characters: number,
  bytes: number,
  shard: number,
  verdict: DocumentRecord["verdict"],
  encoded: EncodedCounts,
): void {
  words[0] = high;
  words[1] = low;
  words[2] = characters;
  words[3] = bytes;
  words[4] = shard * 256 + verdicts.indexOf(verdict);
  words[5] = encoded.tokens;
  words[6] = encoded.unknownTokens;
  words[7] = encoded.visible;
  words[8] = encoded.lost;
  words[9] = encoded.unaccented;
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
