// A hash table from words to numbers that is asked with a place among the bytes of a text instead of with a string: looking a word up
// allocates nothing. It is what the learner counts by.

import { keepFirst, type TextBytes } from "../encoding/text-bytes.ts";

export class WordTable {
  /** Number of words in the table; words are numbered from 0 in the order they came. */
  count = 0;
  private slots = new Int32Array(1 << 17); // two a word: its number plus one, 0 where it is free, and its hash
  private starts = new Uint32Array(1 << 15); // where each word's fours begin; one more behind the last
  private lengths = new Uint32Array(1 << 15); // in bytes
  private known = new DataView(new ArrayBuffer(1 << 19)); // the fours: the bytes of each word, with zeros behind them

  /** The number of the word bytes[begin, end), or -1 if it is not in the table. `hash` is that of the bytes. */
  find(view: DataView, begin: number, end: number, hash: number): number {
    const { slots, lengths } = this;
    const mask = slots.length - 1;
    for (let slot = (2 * hash) & mask; ; slot = (slot + 2) & mask) {
      const index = slots[slot]! - 1;
      if (index < 0) return -1;
      if (slots[slot + 1] === hash && lengths[index] === end - begin && this.isWord(index, view, begin, end)) {
        return index;
      }
    }
  }

  /** Puts in a word that is not there and returns its number. */
  add(view: DataView, begin: number, end: number, hash: number): number {
    const index = this.count++;
    let to = this.starts[index]!;
    if (index + 1 === this.starts.length) {
      this.starts = grow(this.starts, Uint32Array);
      this.lengths = grow(this.lengths, Uint32Array);
    }
    while (4 * to + end - begin + 3 > this.known.byteLength) {
      this.known = new DataView(grow(new Uint8Array(this.known.buffer), Uint8Array).buffer);
    }
    let at = begin;
    for (; at + 4 <= end; at += 4) this.known.setInt32(4 * to++, view.getInt32(at, true), true);
    if (at < end) this.known.setInt32(4 * to++, keepFirst(view.getInt32(at, true), end - at), true);
    this.starts[index + 1] = to;
    this.lengths[index] = end - begin;
    if (4 * this.count > this.slots.length) this.grow();
    this.place(index, hash);
    return index;
  }

  /** The word with this number. */
  word(index: number): string {
    const begin = 4 * this.starts[index]!;
    return Buffer.from(this.known.buffer, begin, this.lengths[index]).toString("utf8");
  }

  /** Makes a text of the word with this number. */
  copyWord(index: number, text: TextBytes): void {
    const length = this.lengths[index]!;
    text.reserve(length + 3);
    const begin = 4 * this.starts[index]!;
    for (let at = 0; at < length; at += 4) text.view.setInt32(at, this.known.getInt32(begin + at, true), true);
    text.length = length;
    text.end();
  }

  /** Forgets every word; keeps the memory. */
  clear(): void {
    this.count = 0;
    this.slots.fill(0);
  }

  private isWord(index: number, view: DataView, begin: number, end: number): boolean {
    const { known } = this;
    let own = 4 * this.starts[index]!;
    let at = begin;
    for (; at + 4 <= end; at += 4, own += 4) if (known.getInt32(own, true) !== view.getInt32(at, true)) return false;
    return at === end || known.getInt32(own, true) === keepFirst(view.getInt32(at, true), end - at);
  }

  private place(index: number, hash: number): void {
    const { slots } = this;
    const mask = slots.length - 1;
    let slot = (2 * hash) & mask;
    while (slots[slot] !== 0) slot = (slot + 2) & mask;
    slots[slot] = index + 1;
    slots[slot + 1] = hash;
  }

  private grow(): void {
    const old = this.slots;
    this.slots = new Int32Array(2 * old.length);
    for (let slot = 0; slot < old.length; slot += 2) if (old[slot] !== 0) this.place(old[slot]! - 1, old[slot + 1]!);
  }
}

function grow<T extends Uint32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>>(
  old: T,
  make: new (length: number) => T,
): T {
  const grown = new make(2 * old.length);
  grown.set(old);
  return grown;
}
