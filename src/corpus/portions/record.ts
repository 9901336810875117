// What is known of a document beside its text, in five words of 32 bits: two of the hash of its text, its characters, its bytes, and
// which shard of its portion it is from and what was decided, by itself, about it.

import { type DropReason, dropReasons } from "../funnel.ts";

export const recordWords = 5;

const verdicts: readonly (DropReason | "kept")[] = ["kept", ...dropReasons];

export interface DocumentRecord {
  readonly high: number;
  readonly low: number;
  /** UTF-16 units, as `string.length` counts. */
  readonly characters: number;
  /** UTF-8, without the end of a text; of a dropped document 0. */
  readonly bytes: number;
  readonly shard: number;
  readonly verdict: DropReason | "kept";
}

export function writeRecord(words: Uint32Array, at: number, record: DocumentRecord): void {
  words[at] = record.high;
  words[at + 1] = record.low;
  words[at + 2] = record.characters;
  words[at + 3] = record.bytes;
  words[at + 4] = record.shard * 256 + verdicts.indexOf(record.verdict);
}

export function readRecord(words: Uint32Array, at: number): DocumentRecord {
  const [high, low, characters, bytes] = [words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!];
  return { high, low, characters, bytes, shard: words[at + 4]! >>> 8, verdict: verdicts[words[at + 4]! & 255]! };
}
