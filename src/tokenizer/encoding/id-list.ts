// A list of token ids that grows: what encoders write into, without an object for each word.

export class IdList {
  ids = new Uint32Array(1 << 12);
  count = 0;

  push(id: number): void {
    if (this.count === this.ids.length) this.grow(this.count + 1);
    this.ids[this.count++] = id;
  }

  /** Puts source[from, to) behind the others. */
  pushRange(source: Uint32Array, from: number, to: number): void {
    const { count } = this;
    if (count + to - from > this.ids.length) this.grow(count + to - from);
    const { ids } = this;
    for (let at = from; at < to; at++) ids[count + at - from] = source[at]!;
    this.count = count + to - from;
  }

  private grow(least: number): void {
    const grown = new Uint32Array(Math.max(least, 2 * this.ids.length));
    grown.set(this.ids.subarray(0, this.count));
    this.ids = grown;
  }
}
