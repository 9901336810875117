// Pieces with their probabilities, and what a word is most probably made of (Viterbi). A character that is no piece is unknown, at a cost of
// e^-10 of the least probable piece.

import { IdList } from "../encoding/id-list.ts";
import { Trie } from "./trie.ts";

const unknownPenalty = 10;

/** Pieces; owns the memory for the longest word met. */
export class UnigramPieces {
  /** Natural logarithms of probabilities. */
  private readonly scores: Float64Array;
  private readonly trie = new Trie();
  private readonly unknown: number;
  // Of a word: its arcs, in the order of their begins.
  private arcs = 0;
  private arcIds = new Int32Array(256);
  private arcEnds = new Int32Array(256);
  /** By place: the first arc that begins there. */
  private firstArcs = new Int32Array(64);
  private best = new Float64Array(64);
  private bestArcs = new Int32Array(64);
  private bestBegins = new Int32Array(64);
  private readonly path = new IdList();

  /** `isLeftOut` names pieces that no word has. */
  constructor(
    texts: readonly string[],
    scores: ArrayLike<number>,
    unknown: number,
    isLeftOut: (id: number) => boolean,
  ) {
    this.unknown = unknown;
    for (const [id, text] of texts.entries()) {
      if (text !== "" && id !== unknown && !isLeftOut(id)) this.trie.add(text, id);
    }
    this.scores = Float64Array.from(scores);
    let least = Number.POSITIVE_INFINITY;
    for (const score of this.scores) if (score < least) least = score; // one that is no number is not less
    this.scores[unknown] = least - unknownPenalty;
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

  private findBestArcs(length: number): void {
    const { best, bestArcs, bestBegins, firstArcs, arcEnds, arcIds, scores } = this;
    bestArcs.fill(-1, 0, length + 1);
    best[0] = 0;
    for (let begin = 0; begin < length; begin++) {
      if (begin > 0 && bestArcs[begin]! < 0) continue;
      for (let arc = firstArcs[begin]!; arc < firstArcs[begin + 1]!; arc++) {
        const end = arcEnds[arc]!;
        const score = best[begin]! + scores[arcIds[arc]!]!;
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
  }
}

function grow(old: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(2 * old.length);
  grown.set(old);
  return grown;
}
