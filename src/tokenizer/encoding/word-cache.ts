// The ids of words that were met before, in lines of 64 bytes that hold the bytes of a word and its ids together: what is asked most
// often stays in the processor's caches, and a look-up reads one of their lines, or the one beside it. A word that comes where two others
// are takes the place of the older one, which changes speed and nothing else.

import type { IdList } from "./id-list.ts";
import { keepFirst } from "./text-bytes.ts";

/** Of 32 bits, in a line: the number of bytes and of ids, the bytes, and behind them the ids. */
const lineLength = 16;
const idsShift = 8;

/** Words and their ids. */
export class WordCache {
  private readonly table: Int32Array;
  private readonly pairs: number;

  /** `lines` is a power of two: 64 bytes each, of which the system gives those that are used. */
  constructor(lines: number) {
    this.pairs = lines / 2;
    this.table = new Int32Array(lines * lineLength);
  }

  /** Puts the ids of bytes[begin, end) behind others; false where nobody knows them. `hash` is that of the bytes. */
  read(view: DataView, begin: number, end: number, hash: number, ids: IdList): boolean {
    const line = (hash & (this.pairs - 1)) * 2 * lineLength;
    return this.readLine(line, view, begin, end, ids) || this.readLine(line + lineLength, view, begin, end, ids);
  }

  private readLine(line: number, view: DataView, begin: number, end: number, ids: IdList): boolean {
    const { table } = this;
    const head = table[line]!;
    if ((head & ((1 << idsShift) - 1)) !== end - begin) return false;
    let to = line + 1;
    let at = begin;
    for (; at + 4 <= end; at += 4) if (table[to++] !== view.getInt32(at, true)) return false;
    if (at < end && table[to++] !== keepFirst(view.getInt32(at, true), end - at)) return false;
    for (const idsEnd = to + (head >>> idsShift); to < idsEnd; to++) ids.push(table[to]!);
    return true;
  }

  /** Keeps the ids from number `from` on as those of a word, where a line has room for them. */
  add(view: DataView, begin: number, end: number, hash: number, { ids, count }: IdList, from: number): void {
    const length = end - begin;
    if (1 + ((length + 3) >> 2) + count - from > lineLength || length === 0) return;
    const { table } = this;
    const line = (hash & (this.pairs - 1)) * 2 * lineLength;
    for (let i = line; i < line + lineLength; i++) table[i + lineLength] = table[i]!;
    table[line] = length | ((count - from) << idsShift);
    let to = line + 1;
    let at = begin;
    for (; at + 4 <= end; at += 4) table[to++] = view.getInt32(at, true);
    if (at < end) table[to++] = keepFirst(view.getInt32(at, true), end - at);
    for (let i = from; i < count; i++) table[to++] = ids[i]!;
  }

  /** Forgets every word. */
  clear(): void {
    this.table.fill(0);
  }
}
