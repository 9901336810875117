// The symbols of a word joined by merges: always the merge of the lowest rank, of equals the leftmost one, until none is left. In a short
// word it is looked for; in a long one a heap finds it, so a word of millions of characters takes n log n steps.

import type { IdList } from "../encoding/id-list.ts";
import { PairTable } from "../encoding/pair-table.ts";

const places = 2 ** 31;
const mostSought = 32;
const noRank = 2 ** 31 - 1;

/** Joins words; owns the memory for the longest word met. */
export class SymbolJoiner {
  /** The symbols of the word; filled by the caller before `join`. */
  readonly word: IdList;
  private readonly ranks = new PairTable(-1);
  private readonly joined: Int32Array; // the token that each rank makes
  private next = new Int32Array(64);
  private previous = new Int32Array(64);
  private heap = new Float64Array(64); // rank · 2^31 + place, the least first
  private waiting = 0;
  private readonly pairRanks = new Int32Array(mostSought); // of a short word: that of each symbol and the next one

  /** `merges` are pairs of symbols by rank, and `joined` what each makes. */
  constructor(word: IdList, merges: readonly (readonly [left: number, right: number])[], joined: Int32Array) {
    this.word = word;
    this.joined = joined;
    for (const [rank, [left, right]] of merges.entries()) this.ranks.set(left, right, rank);
  }

  /** Joins the symbols in `word`, and puts what is left behind `ids`. */
  join(ids: IdList): void {
    const { count } = this.word;
    const symbols = this.word.ids;
    if (count <= mostSought) this.joinShort(symbols, count, ids);
    else {
      this.joinLong(symbols, count);
      for (let at = 0; at < count; at = this.next[at]!) ids.push(symbols[at]!);
    }
  }

  private joinShort(symbols: Uint32Array, count: number, ids: IdList): void {
    const { pairRanks, joined } = this;
    let last = count - 1;
    for (let at = 0; at < last; at++) pairRanks[at] = this.rankOf(symbols[at]!, symbols[at + 1]!);
    for (;;) {
      let best = noRank;
      let at = -1;
      for (let i = 0; i < last; i++) {
        if (pairRanks[i]! >= best) continue;
        best = pairRanks[i]!;
        at = i;
      }
      if (at < 0) break;
      symbols[at] = joined[best]!;
      last--;
      for (let i = at + 1; i <= last; i++) {
        symbols[i] = symbols[i + 1]!;
        pairRanks[i - 1] = pairRanks[i]!;
      }
      if (at > 0) pairRanks[at - 1] = this.rankOf(symbols[at - 1]!, symbols[at]!);
      if (at < last) pairRanks[at] = this.rankOf(symbols[at]!, symbols[at + 1]!);
    }
    for (let at = 0; at <= last; at++) ids.push(symbols[at]!);
  }

  private rankOf(left: number, right: number): number {
    const rank = this.ranks.get(left, right);
    return rank < 0 ? noRank : rank;
  }

  private joinLong(symbols: Uint32Array, count: number): void {
    if (count > this.next.length) {
      const size = 2 * count;
      this.next = new Int32Array(size);
      this.previous = new Int32Array(size);
    }
    const { next, previous, ranks, joined } = this;
    this.waiting = 0;
    for (let at = 0; at < count; at++) {
      next[at] = at + 1;
      previous[at] = at - 1;
      if (at + 1 < count) this.push(ranks.get(symbols[at]!, symbols[at + 1]!), at);
    }
    while (this.waiting > 0) {
      const top = this.pop();
      const at = top % places;
      const right = next[at]!;
      if (right < 0 || right >= count) continue; // it went into another, or is the last one now
      const rank = ranks.get(symbols[at]!, symbols[right]!);
      // As there: it counts whether the pair makes that token, not whether it is the pair that was queued.
      if (rank < 0 || joined[rank] !== joined[Math.floor(top / places)]) continue;
      symbols[at] = joined[rank]!;
      const behind = next[right]!;
      next[at] = behind;
      next[right] = -1;
      if (behind < count) {
        previous[behind] = at;
        this.push(ranks.get(symbols[at]!, symbols[behind]!), at);
      }
      const before = previous[at]!;
      if (before >= 0) this.push(ranks.get(symbols[before]!, symbols[at]!), before);
    }
  }

  private push(rank: number, place: number): void {
    if (rank < 0) return;
    if (this.waiting === this.heap.length) {
      const grown = new Float64Array(2 * this.heap.length);
      grown.set(this.heap);
      this.heap = grown;
    }
    const { heap } = this;
    const key = rank * places + place;
    let at = this.waiting++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]! <= key) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = key;
  }

  private pop(): number {
    const { heap } = this;
    const top = heap[0]!;
    const last = heap[--this.waiting]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.waiting) break;
      if (child + 1 < this.waiting && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= last) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}
