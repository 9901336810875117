// What a tokenizer made of the texts of a portion, where the one that the dataset gets is known already: a document is encoded once,
// by whoever read it. Of each kept text four words of 32 bits, its ids and what normalising takes from it, and then the ids.

import { closeSync, readSync } from "node:fs";
import { openForReading } from "../../base/files/files.ts";
import { reading } from "../../base/files/read-failure.ts";
import type { HashedFile } from "../../base/files/sealed-file.ts";
import { type PortionSummary, portionFile } from "./portion.ts";

/** A text as ids, and of its characters that can be seen how many are lost by normalising, or their marks. */
export interface EncodedText {
  readonly ids: Uint32Array;
  readonly characters: number;
  readonly lost: number;
  readonly unaccented: number;
}

/** A tokenizer, as a portion sees it. */
export interface PortionEncoder {
  /** The ids hold until the next call. */
  encode(text: string): EncodedText;
  /** The first characters that were lost. */
  readonly lostExamples: readonly string[];
}

const headWords = 4;
const wordsAtOnce = 1 << 18;

export function writeEncoded(file: HashedFile, { ids, characters, lost, unaccented }: EncodedText): void {
  file.add(new Uint8Array(Uint32Array.of(ids.length, characters, lost, unaccented).buffer));
  file.add(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength));
}

/** Every kept text of all portions in their order; ids hold until the next one. UserErrors: E_FILE_MISSING, E_FILE_UNREADABLE. */
export function* readEncodings(folder: string, summaries: readonly PortionSummary[]): Generator<EncodedText> {
  for (const [index, { kept }] of summaries.entries()) {
    const path = portionFile(folder, index, "encodings");
    const file = openForReading(path, "portion");
    try {
      let words = new Uint32Array(wordsAtOnce);
      let [at, held, place] = [0, 0, 0];
      /** Moves what is left to the front and fills up behind it, until so many words are there. */
      const need = (count: number) => {
        if (held - at >= count) return;
        const rest = words.subarray(at, held);
        if (count > words.length) words = new Uint32Array(2 * count);
        words.set(rest);
        [at, held] = [0, rest.length];
        while (held < count) {
          const room = words.subarray(held);
          // Of a word that came in part the rest is read again.
          const more = reading(path, "portion", () => readSync(file, room, 0, room.byteLength, 4 * place)) >> 2;
          if (more === 0) throw new Error(`${path} ended within a text`);
          held += more;
          place += more;
        }
      };
      for (let text = 0; text < kept; text++) {
        need(headWords);
        const length = words[at]!;
        need(headWords + length);
        const ids = words.subarray(at + headWords, at + headWords + length);
        yield { ids, characters: words[at + 1]!, lost: words[at + 2]!, unaccented: words[at + 3]! };
        at += headWords + length;
      }
    } finally {
      closeSync(file);
    }
  }
}
