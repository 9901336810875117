// The ids of words that were met before. Words stand one behind the other in the order in which they came, and the frequent come first:
// what is asked most often lies close together, on few pages, which is what a look-up costs. A table of places finds them. When either is
// full, all is forgotten, which changes speed and nothing else; both are small at first, since most texts are.

import { mostAhead } from "./raw-words.ts";
import { countFours, firstFour, keepFirst, secondFour, shortWord } from "./text-bytes.ts";

/** Of 32 bits, of a word: the number of bytes and of ids, the bytes, and behind them the ids. */
const mostEntry = 64;
/** So many ids at most are kept of a word. */
export const mostIds = mostEntry;
const idsShift = 8;
const mostBytes = (1 << idsShift) - 1;
/** Of a slot, whose upper bits are those of the hash, the lower ones the place; 0 is free. */
const placeBits = 22;
const placeMask = (1 << placeBits) - 1;
const entryPerSlot = 4;
/** The tables of a cache that nothing large was asked of, and by how much they grow. */
const firstSlots = 1 << 13;
const growth = 8;

/** Words and their ids. */
export class WordCache {
  private readonly mostSlots: number;
  private slots: Int32Array;
  private entries: Int32Array;
  private readonly ahead = new Int32Array(mostAhead);
  private words = 0;
  /** No word is at place 0. */
  private end = 1;

  /** `mostSlots` is a power of two up to 2^20: 20 bytes each, for three words in four of them. */
  constructor(mostSlots: number) {
    this.mostSlots = mostSlots;
    const slots = Math.min(firstSlots, mostSlots);
    this.slots = new Int32Array(slots);
    this.entries = new Int32Array(entryPerSlot * slots);
  }

  /**
   * Reads what `read` will of words with these hashes. Nothing waits for it, so the processor brings all of it from memory together, where
   * `read` would wait for one after the other.
   */
  lookAhead(hashes: Int32Array, count: number): void {
    const { slots, entries, ahead } = this;
    const mask = slots.length - 1;
    for (let word = 0; word < count; word++) ahead[word] = slots[hashes[word]! & mask]! & placeMask;
    for (let word = 0; word < count; word++) ahead[word] = entries[ahead[word]!]!;
  }

  /**
   * Puts the ids of bytes[begin, end) at place `count` of others and behind it, where there is room for `mostIds`; returns the place behind
   * them, or -1 where nobody knows the word. `hash` is that of the bytes.
   */
  read(view: DataView, begin: number, end: number, hash: number, ids: Uint32Array, count: number): number {
    const { slots, entries } = this;
    const mask = slots.length - 1;
    const tag = hash >>> placeBits;
    const length = end - begin;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const found = slots[slot]!;
      if (found === 0) return -1;
      const place = found & placeMask;
      if (found >>> placeBits !== tag) continue;
      const head = entries[place]!;
      if ((head & mostBytes) !== length) continue;
      if (length > shortWord) {
        if (!this.isLong(place + 1, view, begin, end)) continue;
      } else if (entries[place + 1] !== firstFour(view, begin, length)) continue;
      else if (entries[place + 2] !== secondFour(view, begin, length)) continue;
      let from = place + 1 + countFours(length);
      let to = count;
      for (const last = from + (head >>> idsShift); from < last; from++) ids[to++] = entries[from]!;
      return to;
    }
  }

  private isLong(place: number, view: DataView, begin: number, end: number): boolean {
    const { entries } = this;
    let known = place;
    let at = begin;
    for (; at + 4 <= end; at += 4) if (entries[known++] !== view.getInt32(at, true)) return false;
    return at === end || entries[known] === keepFirst(view.getInt32(at, true), end - at);
  }

  /** Keeps ids[from, to) as those of a word that is not there, where it is none of the longest. */
  add(view: DataView, begin: number, end: number, hash: number, ids: Uint32Array, from: number, to: number): void {
    const length = end - begin;
    const size = 1 + countFours(length) + to - from;
    if (size > mostEntry || length > mostBytes || length === 0) return;
    if (this.words >= 0.75 * this.slots.length || this.end + size > this.entries.length) this.forget();
    const { slots, entries } = this;
    const mask = slots.length - 1;
    let slot = hash & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    let place = this.end;
    slots[slot] = ((hash >>> placeBits) << placeBits) | place;
    entries[place++] = length | ((to - from) << idsShift);
    if (length <= shortWord) {
      entries[place++] = firstFour(view, begin, length);
      entries[place++] = secondFour(view, begin, length);
    } else {
      let at = begin;
      for (; at + 4 <= end; at += 4) entries[place++] = view.getInt32(at, true);
      if (at < end) entries[place++] = keepFirst(view.getInt32(at, true), end - at);
    }
    for (let i = from; i < to; i++) entries[place++] = ids[i]!;
    this.end = place;
    this.words++;
  }

  /** Makes room: in larger tables, until they are as large as they may be. */
  private forget(): void {
    const slots = Math.min(growth * this.slots.length, this.mostSlots);
    if (slots > this.slots.length) {
      this.slots = new Int32Array(slots);
      this.entries = new Int32Array(entryPerSlot * slots);
    }
    this.clear();
  }

  /** Forgets every word. */
  clear(): void {
    this.slots.fill(0);
    this.words = 0;
    this.end = 1;
  }
}
