// A hash table from pairs of token ids to numbers. A slot is 16 bytes, the pair and its number beside it, so a look-up reads one line of
// the processor's: joining tokens asks it millions of times a second.

export class PairTable {
  /** Number of pairs. */
  count = 0;
  private values = allocateSlots(1 << 12); // of each slot the second one
  private pairs = new Int32Array(this.values.buffer); // of each slot the left and the right one first; -1 where it is free
  private readonly missing: number;

  /** `missing` is the number of a pair that is not there. */
  constructor(missing: number) {
    this.missing = missing;
  }

  get(left: number, right: number): number {
    const slot = this.slotOf(left, right);
    return this.pairs[4 * slot] === -1 ? this.missing : this.values[2 * slot + 1]!;
  }

  set(left: number, right: number, value: number): void {
    const slot = this.slotOf(left, right);
    if (this.pairs[4 * slot] === -1) this.insert(slot, left, right, value);
    else this.values[2 * slot + 1] = value;
  }

  /** The number of a pair, which is this one from now on where it is not there. */
  put(left: number, right: number, value: number): number {
    const slot = this.slotOf(left, right);
    if (this.pairs[4 * slot] !== -1) return this.values[2 * slot + 1]!;
    this.insert(slot, left, right, value);
    return value;
  }

  /** Adds to the number of a pair, which is 0 where it is not there. */
  add(left: number, right: number, change: number): void {
    const slot = this.slotOf(left, right);
    if (this.pairs[4 * slot] === -1) this.set(left, right, change);
    else this.values[2 * slot + 1]! += change;
  }

  /** Puts in a pair that is not there, whose slot would be this one. */
  private insert(free: number, left: number, right: number, value: number): void {
    let slot = free;
    if (4 * ++this.count > this.values.length) {
      this.grow();
      slot = this.slotOf(left, right);
    }
    this.pairs[4 * slot] = left;
    this.pairs[4 * slot + 1] = right;
    this.values[2 * slot + 1] = value;
  }

  private slotOf(left: number, right: number): number {
    const { pairs } = this;
    const mask = (pairs.length >> 2) - 1;
    let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    hash ^= hash >>> 15;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const found = pairs[4 * slot];
      if (found === -1 || (found === left && pairs[4 * slot + 1] === right)) return slot;
    }
  }

  private grow(): void {
    const { pairs, values } = this;
    this.values = allocateSlots(values.length);
    this.pairs = new Int32Array(this.values.buffer);
    for (let from = 0; from < values.length; from += 2) {
      const left = pairs[2 * from]!;
      if (left === -1) continue;
      const right = pairs[2 * from + 1]!;
      const slot = this.slotOf(left, right);
      this.pairs[4 * slot] = left;
      this.pairs[4 * slot + 1] = right;
      this.values[2 * slot + 1] = values[from + 1]!;
    }
  }
}

function allocateSlots(slots: number): Float64Array<ArrayBuffer> {
  const values = new Float64Array(2 * slots);
  new Int32Array(values.buffer).fill(-1);
  return values;
}
