// A list of token ids that grows: what encoders write into, without an object for each word.

export class IdList {
  ids = new Uint32Array(1 << 12);
  count = 0;

  push(id: number): void {
    if (this.count === this.ids.length) this.grow(this.count + 1);
    this.ids[this.count++] = id;
  }

  append(ids: Uint32Array): void {
    if (this.count + ids.length > this.ids.length) this.grow(this.count + ids.length);
    this.ids.set(ids, this.count);
    this.count += ids.length;
  }

  private grow(least: number): void {
    const grown = new Uint32Array(Math.max(least, 2 * this.ids.length));
    grown.set(this.ids);
    this.ids = grown;
  }
}
