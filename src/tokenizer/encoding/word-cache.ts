// The ids of words that were met before. The table is emptied when full, which changes speed and nothing else.

import type { IdList } from "./id-list.ts";
import { WordTable } from "./word-table.ts";

const mostWords = 1 << 18;

/** Longer words are not kept. */
export const longestCachedWord = 48;

/** Words and their ids; a few tens of megabytes when full. */
export class WordCache {
  private readonly table = new WordTable();
  private readonly idEnds = new Uint32Array(mostWords);
  private ids = new Uint32Array(1 << 16);

  /** Puts the ids of text[begin, end) behind others; false where nobody knows them. */
  read(text: string, begin: number, end: number, hash: number, ids: IdList): boolean {
    const index = this.table.find(text, begin, end, hash);
    if (index < 0) return false;
    ids.pushRange(this.ids, index === 0 ? 0 : this.idEnds[index - 1]!, this.idEnds[index]!);
    return true;
  }

  /** Keeps ids[from, …) as those of a word that is not here. */
  add(text: string, begin: number, end: number, hash: number, { ids, count }: IdList, from: number): void {
    if (this.table.count === mostWords) this.table.clear();
    const index = this.table.add(text, begin, end, hash);
    const start = index === 0 ? 0 : this.idEnds[index - 1]!;
    const idsEnd = start + count - from;
    if (idsEnd > this.ids.length) {
      const grown = new Uint32Array(Math.max(idsEnd, 2 * this.ids.length));
      grown.set(this.ids);
      this.ids = grown;
    }
    this.ids.set(ids.subarray(from, count), start);
    this.idEnds[index] = idsEnd;
  }
}
