// Every distinct word as the symbols it is made of now, all in one array with a boundary behind each word. A symbol stands where its
// first character stood, so a place names it whatever is merged around it; the rest of what it covers holds its length, as less than zero.

import type { WordCount } from "./count-words.ts";

const boundary = -1;

/** Which neighbouring pairs went (-1) and came (+1), and the place of the left one. */
export type OnChange = (left: number, right: number, change: 1 | -1, place: number) => void;

export class SymbolWords {
  private readonly counts: Float64Array;
  private readonly starts: Uint32Array;
  private readonly symbols: Int32Array;

  /** `idOf` has the symbol of each character; of one that continues a word behind `continuation`. */
  constructor(wordCounts: readonly WordCount[], idOf: ReadonlyMap<string, number>, continuation: string) {
    this.counts = Float64Array.from(wordCounts, ([, count]) => count);
    this.starts = new Uint32Array(wordCounts.length);
    let units = 1;
    for (const [word] of wordCounts) units += word.length + 1;
    const symbols = new Int32Array(units).fill(boundary);
    let at = 1;
    wordCounts.forEach(([word], index) => {
      this.starts[index] = at;
      let first = true;
      for (const character of word) {
        // As there: what is not in the alphabet is passed over, and its neighbours are next to each other.
        const symbol = idOf.get(first ? character : continuation + character);
        if (symbol !== undefined) symbols[at++] = symbol;
        first = false;
      }
      at++;
    });
    this.symbols = symbols.subarray(0, at);
  }

  /** Every two neighbours, before anything is merged. */
  forEachPair(visit: (left: number, right: number, place: number) => void): void {
    const { symbols } = this;
    for (let place = 1; place + 1 < symbols.length; place++) {
      const [left, right] = [symbols[place]!, symbols[place + 1]!];
      if (left !== boundary && right !== boundary) visit(left, right, place);
    }
  }

  /** The word of a place, looked for from that of an earlier one on, by doubling steps and then by halving. */
  wordOf(place: number, from: number): number {
    const { starts } = this;
    let step = 1;
    let word = from;
    while (word + step < starts.length && starts[word + step]! <= place) {
      word += step;
      step *= 2;
    }
    for (; step >= 1; step /= 2) if (word + step < starts.length && starts[word + step]! <= place) word += step;
    return word;
  }

  /** How often a word occurs. */
  countOf(word: number): number {
    return this.counts[word]!;
  }

  /** Puts `merged` for `left` at a place and `right` behind it, where they are still there. */
  merge(place: number, left: number, right: number, merged: number, changed: OnChange): void {
    const { symbols } = this;
    if (symbols[place] !== left) return;
    const next = this.after(place);
    if (symbols[next] !== right) return;
    const end = this.after(next);
    const previous = this.before(place);
    const symbolBefore = symbols[previous]!;
    const symbolBehind = symbols[end]!;
    symbols[place] = merged;
    symbols[next] = symbols[place + 1] = symbols[end - 1] = place - end;
    if (symbolBefore !== boundary) {
      changed(symbolBefore, left, -1, previous);
      changed(symbolBefore, merged, 1, previous);
    }
    if (symbolBehind === boundary) return;
    changed(right, symbolBehind, -1, next);
    changed(merged, symbolBehind, 1, place);
  }

  private after(place: number): number {
    const length = this.symbols[place + 1]!;
    return length < boundary ? place - length : place + 1;
  }

  private before(place: number): number {
    const length = this.symbols[place - 1]!;
    return length < boundary ? place + length : place - 1;
  }
}
