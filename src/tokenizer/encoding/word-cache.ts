// The ids of words that were met before, in lines of 64 bytes that hold the units of a word and its ids together: what is asked most
// often stays in the processor's caches, and a look-up reads one of their lines. A word that comes to the line of another takes its place,
// which changes speed and nothing else.

import type { IdList } from "./id-list.ts";

const lines = 1 << 18;
const lineLength = 32;
/** Units of a word and, twice, its ids; before them stand the numbers of both. */
const lineRoom = lineLength - 2;

/** Words and their ids, in 16 MiB. */
export class WordCache {
  private readonly table = new Uint16Array(lines * lineLength);

  /** Puts the ids of units[begin, end) behind others; false where nobody knows them. `hash` is that of the units. */
  read(units: Uint16Array, begin: number, end: number, hash: number, ids: IdList): boolean {
    const { table } = this;
    const line = (hash & (lines - 1)) * lineLength;
    const length = end - begin;
    if (table[line] !== length) return false;
    let at = line + 2;
    for (let i = begin; i < end; i++, at++) if (table[at] !== units[i]) return false;
    const idsEnd = at + 2 * table[line + 1]!;
    for (; at < idsEnd; at += 2) ids.push(table[at]! | (table[at + 1]! << 16));
    return true;
  }

  /** Keeps the ids from number `from` on as those of a word, where a line has room for them. */
  add(units: Uint16Array, begin: number, end: number, hash: number, { ids, count }: IdList, from: number): void {
    if (end - begin + 2 * (count - from) > lineRoom) return;
    const { table } = this;
    const line = (hash & (lines - 1)) * lineLength;
    table[line] = end - begin;
    table[line + 1] = count - from;
    let at = line + 2;
    for (let i = begin; i < end; i++) table[at++] = units[i]!;
    for (let i = from; i < count; i++) {
      table[at++] = ids[i]! & 0xffff;
      table[at++] = ids[i]! >>> 16;
    }
  }

  /** Forgets every word. */
  clear(): void {
    this.table.fill(0);
  }
}
