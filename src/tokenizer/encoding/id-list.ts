// A list of token ids that grows: what encoders write into, without an object for each word. What is kept of it on disk takes two bytes an id
// where a vocabulary allows it.

export type Ids = Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** How many bytes an id takes. */
export const bytesOfId = (vocabulary: number): 2 | 4 => (vocabulary <= 1 << 16 ? 2 : 4);

export const makeIds = (vocabulary: number, count: number): Ids =>
  bytesOfId(vocabulary) === 2 ? new Uint16Array(count) : new Uint32Array(count);

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

  /** Makes room for so many more. */
  reserve(more: number): void {
    if (this.count + more > this.ids.length) this.grow(this.count + more);
  }

  private grow(least: number): void {
    const grown = new Uint32Array(Math.max(least, 2 * this.ids.length));
    grown.set(this.ids);
    this.ids = grown;
  }
}
