// Pieces with their probabilities, and what a word is most probably made of (Viterbi), or what each piece has to expect of it (forward
// and backward). A character that is no piece is unknown, at a cost of e^-10 of the least probable piece.

import { IdList } from "../encoding/id-list.ts";
import { Trie } from "./trie.ts";

const unknownPenalty = 10;
/** Words less probable than this are counted by logarithms. */
const leastProbable = 1e-250;

/** Pieces; owns the memory for the longest word met. */
export class UnigramPieces {
  texts: readonly string[];
  /** Natural logarithms of probabilities. */
  scores: Float64Array;
  private trie: Trie;
  private readonly unknown: number;
  private unknownScore = 0;
  /** By piece: its probability. */
  private shares = new Float64Array(0);
  // Of a word: its arcs, in the order of their begins.
  private arcs = 0;
  private arcIds = new Int32Array(256);
  private arcEnds = new Int32Array(256);
  /** By place: the first arc that begins there. */
  private firstArcs = new Int32Array(64);
  private best = new Float64Array(64);
  private bestArcs = new Int32Array(64);
  private bestBegins = new Int32Array(64);
  private forward = new Float64Array(64);
  private backward = new Float64Array(64);
  private readonly path = new IdList();

  /** `isLeftOut` names pieces that no word has. */
  constructor(
    texts: readonly string[],
    scores: ArrayLike<number>,
    unknown: number,
    isLeftOut: (id: number) => boolean = () => false,
  ) {
    this.texts = texts;
    this.unknown = unknown;
    this.trie = plant(texts, id => id !== unknown && !isLeftOut(id));
    this.scores = Float64Array.from(scores);
    this.findUnknownScore();
  }

  /** Goes on with some of the pieces, the first one the unknown one, and other scores. */
  keep(ids: readonly number[], scores: Float64Array): void {
    const { texts } = this;
    this.texts = ids.map(id => texts[id]!);
    // Anew: every word would walk on through what is gone.
    this.trie = plant(this.texts, id => id > 0);
    this.scores = scores;
    this.findUnknownScore();
  }

  private findUnknownScore(): void {
    let least = Number.POSITIVE_INFINITY;
    for (const score of this.scores) if (score < least) least = score; // one that is no number is not less
    this.unknownScore = least - unknownPenalty;
    this.shares = this.scores.map(Math.exp);
    this.shares[this.unknown] = Math.exp(this.unknownScore);
  }

  /** The ids of the most probable pieces of a word, the last one first. The list is this object's own. */
  findBest(word: string): IdList {
    this.findArcs(word);
    const { path } = this;
    path.count = 0;
    this.findBestArcs(word.length);
    for (let at = word.length; at > 0; at = this.bestBegins[at]!) path.push(this.arcIds[this.bestArcs[at]!]!);
    return path;
  }

  /** The same, where the piece that is the whole word is left out; undefined where nothing else makes it. */
  findBestWithout(word: string, whole: number): IdList | undefined {
    this.findArcs(word);
    for (let arc = 0; arc < this.firstArcs[1]!; arc++) if (this.arcIds[arc] === whole) this.arcEnds[arc] = -1;
    const { path } = this;
    path.count = 0;
    this.findBestArcs(word.length);
    if (this.bestArcs[word.length]! < 0) return undefined;
    for (let at = word.length; at > 0; at = this.bestBegins[at]!) path.push(this.arcIds[this.bestArcs[at]!]!);
    return path;
  }

  /** Adds to `expected` how often each piece is to be expected in a word that occurs so often. */
  expect(word: string, count: number, expected: Float64Array): void {
    this.findArcs(word);
    const { length } = word;
    const { firstArcs, arcIds, arcEnds, forward, backward, shares } = this;
    forward.fill(0, 0, length + 1);
    forward[0] = 1;
    for (let begin = 0; begin < length; begin++) {
      const before = forward[begin]!;
      if (before === 0) continue;
      for (let arc = firstArcs[begin]!; arc < firstArcs[begin + 1]!; arc++) {
        forward[arcEnds[arc]!]! += before * shares[arcIds[arc]!]!;
      }
    }
    const all = forward[length]!;
    if (!(all > leastProbable)) {
      this.expectByLogarithms(length, count, expected);
      return;
    }
    backward[length] = 1;
    for (let begin = length - 1; begin >= 0; begin--) {
      const before = (forward[begin]! * count) / all;
      let sum = 0;
      for (let arc = firstArcs[begin]!; arc < firstArcs[begin + 1]!; arc++) {
        const id = arcIds[arc]!;
        const behind = backward[arcEnds[arc]!]! * shares[id]!;
        sum += behind;
        expected[id]! += before * behind;
      }
      backward[begin] = sum;
    }
  }

  private expectByLogarithms(length: number, count: number, expected: Float64Array): void {
    const { firstArcs, arcIds, arcEnds, forward, backward } = this;
    forward.fill(Number.NEGATIVE_INFINITY, 0, length + 1);
    backward.fill(Number.NEGATIVE_INFINITY, 0, length + 1);
    forward[0] = 0;
    backward[length] = 0;
    for (let begin = 0; begin < length; begin++) {
      const before = forward[begin]!;
      if (before === Number.NEGATIVE_INFINITY) continue;
      for (let arc = firstArcs[begin]!; arc < firstArcs[begin + 1]!; arc++) {
        const end = arcEnds[arc]!;
        forward[end] = addLogarithms(forward[end]!, before + this.scoreOf(arcIds[arc]!));
      }
    }
    for (let begin = length - 1; begin >= 0; begin--) {
      let sum = Number.NEGATIVE_INFINITY;
      for (let arc = firstArcs[begin]!; arc < firstArcs[begin + 1]!; arc++) {
        sum = addLogarithms(sum, backward[arcEnds[arc]!]! + this.scoreOf(arcIds[arc]!));
      }
      backward[begin] = sum;
    }
    const all = forward[length]!;
    for (let begin = 0; begin < length; begin++) {
      for (let arc = firstArcs[begin]!; arc < firstArcs[begin + 1]!; arc++) {
        const id = arcIds[arc]!;
        expected[id]! += count * Math.exp(forward[begin]! + this.scoreOf(id) + backward[arcEnds[arc]!]! - all);
      }
    }
  }

  private scoreOf(id: number): number {
    return id === this.unknown ? this.unknownScore : this.scores[id]!;
  }

  private findBestArcs(length: number): void {
    const { best, bestArcs, bestBegins, firstArcs, arcEnds, arcIds } = this;
    bestArcs.fill(-1, 0, length + 1);
    best[0] = 0;
    for (let begin = 0; begin < length; begin++) {
      if (begin > 0 && bestArcs[begin]! < 0) continue;
      for (let arc = firstArcs[begin]!; arc < firstArcs[begin + 1]!; arc++) {
        const end = arcEnds[arc]!;
        if (end < 0) continue;
        const score = best[begin]! + this.scoreOf(arcIds[arc]!);
        if (bestArcs[end]! >= 0 && score <= best[end]!) continue;
        best[end] = score;
        bestArcs[end] = arc;
        bestBegins[end] = begin;
      }
    }
  }

  /** Every piece of a word at every place, shorter ones first. */
  private findArcs(word: string): void {
    const { length } = word;
    if (length + 2 > this.firstArcs.length) this.growPlaces(2 * (length + 2));
    const { trie, firstArcs } = this;
    this.arcs = 0;
    for (let begin = 0; begin < length; ) {
      const unit = word.charCodeAt(begin);
      const isPair = unit >= 0xd800 && unit < 0xdc00 && word.codePointAt(begin)! > 0xffff;
      const character = isPair ? begin + 2 : begin + 1;
      firstArcs[begin] = this.arcs;
      let isKnown = false;
      for (let at = begin, node = 0; at < length; ) {
        node = trie.child(node, word.charCodeAt(at++));
        if (node < 0) break;
        const id = trie.values[node]!;
        if (id < 0) continue;
        this.addArc(id, at);
        if (at === character) isKnown = true;
      }
      if (!isKnown) this.addArc(this.unknown, character);
      // No piece begins within a character.
      if (isPair) firstArcs[begin + 1] = this.arcs;
      begin = character;
    }
    firstArcs[length] = this.arcs;
  }

  private addArc(id: number, end: number): void {
    if (this.arcs === this.arcIds.length) {
      this.arcIds = grow(this.arcIds);
      this.arcEnds = grow(this.arcEnds);
    }
    this.arcIds[this.arcs] = id;
    this.arcEnds[this.arcs++] = end;
  }

  private growPlaces(size: number): void {
    this.firstArcs = new Int32Array(size);
    this.bestArcs = new Int32Array(size);
    this.bestBegins = new Int32Array(size);
    this.best = new Float64Array(size);
    this.forward = new Float64Array(size);
    this.backward = new Float64Array(size);
  }
}

function plant(texts: readonly string[], isPiece: (id: number) => boolean): Trie {
  const trie = new Trie();
  for (const [id, text] of texts.entries()) if (text !== "" && isPiece(id)) trie.add(text, id);
  return trie;
}

/** log(e^a + e^b) */
function addLogarithms(a: number, b: number): number {
  const [less, more] = a < b ? [a, b] : [b, a];
  return more > less + 50 ? more : more + Math.log(Math.exp(less - more) + 1);
}

function grow(old: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(2 * old.length);
  grown.set(old);
  return grown;
}
