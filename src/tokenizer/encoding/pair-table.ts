// A hash table from pairs of token ids to numbers, in two arrays: joining tokens asks it millions of times a second.

export class PairTable {
  /** Number of pairs. */
  count = 0;
  private pairs = new Int32Array(1 << 13).fill(-1); // left and right of each slot; -1 where it is free
  private values = new Float64Array(1 << 12);
  private readonly missing: number;

  /** `missing` is the number of a pair that is not there. */
  constructor(missing: number) {
    this.missing = missing;
  }

  get(left: number, right: number): number {
    const slot = this.slotOf(left, right);
    return this.pairs[2 * slot] === -1 ? this.missing : this.values[slot]!;
  }

  set(left: number, right: number, value: number): void {
    let slot = this.slotOf(left, right);
    if (this.pairs[2 * slot] === -1) {
      if (2 * ++this.count > this.values.length) {
        this.grow();
        slot = this.slotOf(left, right);
      }
      this.pairs[2 * slot] = left;
      this.pairs[2 * slot + 1] = right;
    }
    this.values[slot] = value;
  }

  /** Adds to the number of a pair, which is 0 where it is not there. */
  add(left: number, right: number, change: number): void {
    const slot = this.slotOf(left, right);
    if (this.pairs[2 * slot] === -1) this.set(left, right, change);
    else this.values[slot]! += change;
  }

  private slotOf(left: number, right: number): number {
    const mask = this.values.length - 1;
    let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    hash ^= hash >>> 15;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const found = this.pairs[2 * slot];
      if (found === -1 || (found === left && this.pairs[2 * slot + 1] === right)) return slot;
    }
  }

  private grow(): void {
    const { pairs, values } = this;
    this.pairs = new Int32Array(2 * pairs.length).fill(-1);
    this.values = new Float64Array(2 * values.length);
    for (let from = 0; from < values.length; from++) {
      if (pairs[2 * from] === -1) continue;
      const slot = this.slotOf(pairs[2 * from]!, pairs[2 * from + 1]!);
      this.pairs[2 * slot] = pairs[2 * from]!;
      this.pairs[2 * slot + 1] = pairs[2 * from + 1]!;
      this.values[slot] = values[from]!;
    }
  }
}
