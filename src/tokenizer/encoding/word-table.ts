// A hash table from words to numbers that is asked with a place among the units of a text instead of with a string: looking a word up
// allocates nothing. It is what the learner counts by.

export class WordTable {
  /** Number of words in the table; words are numbered from 0 in the order they came. */
  count = 0;
  private slots = new Int32Array(1 << 17); // two a word: its number plus one, 0 where it is free, and its hash
  private ends = new Uint32Array(1 << 15); // where each word's units end in `units`
  private units = new Uint16Array(1 << 18);

  /** The number of the word units[begin, end), or -1 if it is not in the table. `hash` is that of the units. */
  find(units: Uint16Array, begin: number, end: number, hash: number): number {
    const { slots, ends, units: known } = this;
    const mask = slots.length - 1;
    const length = end - begin;
    for (let slot = (2 * hash) & mask; ; slot = (slot + 2) & mask) {
      const index = slots[slot]! - 1;
      if (index < 0) return -1;
      if (slots[slot + 1] !== hash) continue;
      const start = index === 0 ? 0 : ends[index - 1]!;
      if (ends[index]! - start !== length) continue;
      let same = 0;
      while (same < length && known[start + same] === units[begin + same]) same++;
      if (same === length) return index;
    }
  }

  /** Puts in a word that is not there and returns its number. */
  add(units: Uint16Array, begin: number, end: number, hash: number): number {
    const index = this.count++;
    const start = index === 0 ? 0 : this.ends[index - 1]!;
    const unitsEnd = start + end - begin;
    if (index === this.ends.length) this.ends = grow(this.ends, Uint32Array);
    while (unitsEnd > this.units.length) this.units = grow(this.units, Uint16Array);
    for (let i = begin; i < end; i++) this.units[start + i - begin] = units[i]!;
    this.ends[index] = unitsEnd;
    if (4 * this.count > this.slots.length) this.grow();
    this.place(index, hash);
    return index;
  }

  /** The word with this number. */
  word(index: number): string {
    const start = index === 0 ? 0 : this.ends[index - 1]!;
    const end = this.ends[index]!;
    let word = "";
    for (let i = start; i < end; i += 1024) {
      word += String.fromCharCode.apply(null, this.units.subarray(i, Math.min(i + 1024, end)) as unknown as number[]);
    }
    return word;
  }

  /** Forgets every word; keeps the memory. */
  clear(): void {
    this.count = 0;
    this.slots.fill(0);
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

function grow<T extends Uint32Array | Uint16Array>(old: T, make: new (length: number) => T): T {
  const grown = new make(2 * old.length);
  grown.set(old);
  return grown;
}
