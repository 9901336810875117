// A hash table from words to numbers that is asked with a place in a text instead of with a string: looking a word up
// allocates nothing. It is the cache of the encoder and the counter of the learner.

export class WordTable {
  /** Number of words in the table; words are numbered from 0 in the order they came. */
  count = 0;
  private slots = new Int32Array(1 << 16); // number of a word plus one; 0 is free
  private hashes = new Int32Array(1 << 15);
  private ends = new Uint32Array(1 << 15); // where each word's units end in `units`
  private units = new Uint16Array(1 << 18);

  /** The number of the word text[begin, end), or -1 if it is not in the table. */
  find(text: string, begin: number, end: number, hash = hashSpan(text, begin, end)): number {
    const mask = this.slots.length - 1;
    const length = end - begin;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const index = this.slots[slot]! - 1;
      if (index < 0) return -1;
      if (this.hashes[index] !== hash) continue;
      const start = index === 0 ? 0 : this.ends[index - 1]!;
      if (this.ends[index]! - start !== length) continue;
      let same = 0;
      while (same < length && this.units[start + same] === text.charCodeAt(begin + same)) same++;
      if (same === length) return index;
    }
  }

  /** Puts in a word that is not there and returns its number. */
  add(text: string, begin: number, end: number, hash = hashSpan(text, begin, end)): number {
    const index = this.count++;
    const start = index === 0 ? 0 : this.ends[index - 1]!;
    const unitsEnd = start + end - begin;
    if (index === this.ends.length) {
      this.ends = grow(this.ends, Uint32Array);
      this.hashes = grow(this.hashes, Int32Array);
    }
    while (unitsEnd > this.units.length) this.units = grow(this.units, Uint16Array);
    for (let i = begin; i < end; i++) this.units[start + i - begin] = text.charCodeAt(i);
    this.ends[index] = unitsEnd;
    this.hashes[index] = hash;
    if (2 * this.count > this.slots.length) this.rehash();
    else this.place(index);
    return index;
  }

  /** The word with this number. */
  word(index: number): string {
    const start = index === 0 ? 0 : this.ends[index - 1]!;
    const end = this.ends[index]!;
    let word = "";
    for (let i = start; i < end; i += 1024) {
      word += String.fromCharCode(...this.units.subarray(i, Math.min(i + 1024, end)));
    }
    return word;
  }

  /** Forgets every word; keeps the memory. */
  clear(): void {
    this.count = 0;
    this.slots.fill(0);
  }

  private place(index: number): void {
    const mask = this.slots.length - 1;
    let slot = this.hashes[index]! & mask;
    while (this.slots[slot] !== 0) slot = (slot + 1) & mask;
    this.slots[slot] = index + 1;
  }

  private rehash(): void {
    this.slots = new Int32Array(2 * this.slots.length);
    for (let index = 0; index < this.count; index++) this.place(index);
  }
}

export const firstHash = 0x811c9dc5 | 0;

/** FNV-1a over UTF-16 units, unit by unit from `firstHash`; `finishHash` folds the high bits down because the table uses the low ones. */
export const hashUnit = (hash: number, unit: number): number => Math.imul(hash ^ unit, 0x01000193);
export const finishHash = (hash: number): number => hash ^ (hash >>> 15);

/** The hash of units[begin, end). */
export function hashUnits(units: Uint16Array, begin: number, end: number): number {
  let hash = firstHash;
  for (let i = begin; i < end; i++) hash = hashUnit(hash, units[i]!);
  return finishHash(hash);
}

/** The hash of text[begin, end). */
export function hashSpan(text: string, begin: number, end: number): number {
  let hash = firstHash;
  for (let i = begin; i < end; i++) hash = hashUnit(hash, text.charCodeAt(i));
  return finishHash(hash);
}

function grow<T extends Int32Array | Uint32Array | Uint16Array>(old: T, make: new (length: number) => T): T {
  const grown = new make(2 * old.length);
  grown.set(old);
  return grown;
}
