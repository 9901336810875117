// A list of token ids that grows: what encoders write into, without an object for each word.

export class IdList {
  ids = new Uint32Array(1 << 12);
  count = 0;

  push(id: number): void {
    if (this.count === this.ids.length) this.grow();
    this.ids[this.count++] = id;
  }

  private grow(): void {
    const grown = new Uint32Array(2 * this.ids.length);
    grown.set(this.ids);
    this.ids = grown;
  }
}
