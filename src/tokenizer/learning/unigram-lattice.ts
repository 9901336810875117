// All words with every piece at every place of theirs, while a Unigram is learned: pieces only go, so they are found once, and who goes is
// taken out of the list. What each piece has to expect (forward and backward), and what words are most probably made of (Viterbi). What a
// word begins with as the one before it does is gone through for both together.

import type { JoinedWords } from "./joined-words.ts";
import { allocateFloat64 } from "./large-arrays.ts";

/** The piece that stands for a character that is none, at a cost of e^-10 of the least probable piece. */
export const unknown = 0;
const unknownPenalty = 10;

/** Of a piece at a place: its number, above it its length in code points, and by how many places it begins behind the one before it. */
const idBits = 20;
const lengthBits = 5;
const stepShift = idBits + lengthBits;
const idMask = 2 ** idBits - 1;
const lengthMask = 2 ** lengthBits - 1;
export const mostPieces = 2 ** idBits;
export const packPiece = (id: number, length: number, step: number): number =>
  ((step << stepShift) | (length << idBits) | id) >>> 0;

const lengthOf = (piece: number): number => (piece >>> idBits) & lengthMask;

/** In code points. */
export const longestPiece = 16;

/** Words with the pieces that they may be made of. */
export interface PlacedPieces extends JoinedWords {
  /** By word: where its pieces begin in `packed`; one more behind the last. */
  readonly firsts: Uint32Array;
  /**
   * As `packPiece` packs them, those that end behind what their word shares, by their places and of a place shorter ones first; the first
   * steps from the word's begin. A character that is no piece is the unknown one.
   */
  readonly packed: Uint32Array;
}

/** From so small a probability on, what lies ahead is counted in units of another size. */
const small = 2 ** -300;
const largerUnit = 2 ** 300;
/** Of a word. Only long ones, which share nothing, have less. */
const leastProbability = 2 ** -950;

/** Told of a piece whether its text is most probably that piece, and where it is, what else makes it, the last piece first. */
export type OnPiece = (id: number, isWhole: boolean, others: readonly number[] | undefined) => void;

/** Owns the list of pieces, and the memory for the longest word. */
export class UnigramLattice {
  /** Natural logarithms of the probabilities of the pieces; the first is the unknown one. */
  scores: Float64Array;
  /** By piece: which one it was at first. */
  origins: Uint32Array;
  /** How many words there are, each as often as it occurs. */
  readonly words: number;
  private readonly placed: PlacedPieces;
  private readonly counts: Float64Array;
  /** Of each piece its probability, and how often it is expected: who asks for one changes the other. */
  private readonly shares: Float64Array;
  /** By place: how probable it is that a word begins as this one does up to there, and is cut there. */
  private readonly reached: Float64Array;
  // By place of one word.
  private readonly behind: Float64Array;
  private readonly best: Float64Array;
  private readonly bestPieces: Uint32Array;
  /** How often the unit was changed up to there. */
  private readonly units: Uint32Array;

  /** Takes the list of pieces over. `counts` says how often each word occurs. */
  constructor(placed: PlacedPieces, counts: Float64Array, scores: Float64Array) {
    const { text, starts } = placed;
    this.placed = placed;
    this.counts = counts;
    this.words = counts.reduce((sum, count) => sum + count, 0);
    let longest = 0;
    for (let word = 0; word < counts.length; word++) longest = Math.max(longest, starts[word + 1]! - starts[word]!);
    this.reached = allocateFloat64(text.length);
    this.behind = new Float64Array(longest);
    this.units = new Uint32Array(longest);
    this.best = new Float64Array(longest);
    this.bestPieces = new Uint32Array(longest);
    this.scores = scores;
    this.shares = allocateFloat64(2 * scores.length);
    this.origins = new Uint32Array(scores.length);
    for (let id = 0; id < scores.length; id++) this.origins[id] = id;
    this.findShares();
  }

  /** How often each piece is to be expected in all words. */
  expect(): Float64Array {
    const { counts, scores, shares } = this;
    for (let id = 0; id < scores.length; id++) shares[2 * id + 1] = 0;
    for (let word = 0; word < counts.length; word++) this.reachPlaces(word);
    for (let word = counts.length - 1; word >= 0; word--) this.expectWord(word);
    const expected = allocateFloat64(scores.length);
    for (let id = 0; id < expected.length; id++) expected[id] = shares[2 * id + 1]!;
    return expected;
  }

  /** How often each piece is used, where every word is made of its most probable ones. */
  countUsed(): Float64Array {
    const used = allocateFloat64(this.scores.length);
    const { counts, bestPieces } = this;
    for (let word = 0; word < counts.length; word++) {
      const count = counts[word]!;
      for (let at = this.findBest(word); at > 0; at -= lengthOf(bestPieces[at]!)) {
        used[bestPieces[at]! & idMask]! += count;
      }
    }
    return used;
  }

  /**
   * Tells of every word that is a piece whether that is the most probable way to make it. `ids` says which piece a word is, below 0 none any
   * more; the piece itself is none of those that are placed in its word.
   */
  visitWhole(ids: Int32Array, see: OnPiece): void {
    const { scores, best, bestPieces } = this;
    for (let word = 0; word < ids.length; word++) {
      const length = this.findBest(word);
      const id = ids[word]!;
      // A character that is no piece any more is unknown.
      if (id < 0 && length > 1) continue;
      const own = id < 0 ? unknown : id;
      const isMade = bestPieces[length] !== 0;
      const isWhole = !isMade || best[length]! <= scores[own]!;
      if (id >= 0) see(id, isWhole, isWhole && isMade ? this.listBest(length) : undefined);
      if (!isWhole) continue;
      best[length] = scores[own]!;
      bestPieces[length] = packPiece(own, length, 0);
    }
  }

  /** Goes on with some of the pieces, the unknown one first, and other scores. */
  keep(ids: Uint32Array, scores: Float64Array): void {
    const { firsts, packed } = this.placed;
    const numbers = new Int32Array(this.scores.length).fill(-1);
    const { origins } = this;
    this.origins = new Uint32Array(ids.length);
    let isAll = ids.length === origins.length;
    for (let i = 0; i < ids.length; i++) {
      numbers[ids[i]!] = i;
      this.origins[i] = origins[ids[i]!]!;
      if (ids[i] !== i) isAll = false;
    }
    this.scores = scores;
    this.findShares();
    if (isAll) return;
    let [to, from] = [0, 0];
    for (let word = 0; word < this.counts.length; word++) {
      const end = firsts[word + 1]!;
      firsts[word] = to;
      let step = 0;
      for (; from < end; from++) {
        const piece = packed[from]!;
        const number = numbers[piece & idMask]!;
        const length = lengthOf(piece);
        step += piece >>> stepShift;
        if (number < 0 && length > 1) continue;
        packed[to++] = packPiece(number < 0 ? unknown : number, length, step);
        step = 0;
      }
    }
    firsts[this.counts.length] = to;
  }

  private findShares(): void {
    let least = Number.POSITIVE_INFINITY;
    for (let id = 1; id < this.scores.length; id++) if (this.scores[id]! < least) least = this.scores[id]!;
    this.scores[unknown] = least - unknownPenalty;
    for (let id = 0; id < this.scores.length; id++) this.shares[2 * id] = Math.exp(this.scores[id]!);
  }

  /** Forward: what a word shares it takes from the one before it. */
  private reachPlaces(word: number): void {
    const { reached, shares } = this;
    const { starts, shared, firsts, packed } = this.placed;
    const begin = starts[word]!;
    const end = starts[word + 1]! - 1;
    const known = begin + shared[word]!;
    for (let at = begin + 1, from = known > begin ? starts[word - 1]! + 1 : 0; at <= known; ) {
      reached[at++] = reached[from++]!;
    }
    for (let at = known + 1; at <= end; at++) reached[at] = 0;
    reached[begin] = 1;
    const last = firsts[word + 1]!;
    for (let arc = firsts[word]!, at = begin; arc < last; arc++) {
      const piece = packed[arc]!;
      at += piece >>> stepShift;
      reached[at + lengthOf(piece)]! += reached[at]! * shares[2 * (piece & idMask)]!;
    }
  }

  /** Backward, words in their reverse order: what lies behind a place is added up over all words that share it before it is gone on from. */
  private expectWord(word: number): void {
    const { reached, behind, shares } = this;
    const { starts, shared, firsts, packed } = this.placed;
    const begin = starts[word]!;
    const end = starts[word + 1]! - 1;
    const length = end - begin;
    const count = this.counts[word]!;
    if (!(reached[end]! > leastProbability)) {
      this.expectLongWord(word, length, count);
      return;
    }
    for (let i = shared[word + 1]! + 1; i <= length; i++) behind[i] = 0;
    behind[length]! += count / reached[end]!;
    const first = firsts[word]!;
    // What begins last is the last character.
    for (let arc = firsts[word + 1]! - 1, i = length - 1; arc >= first; arc--) {
      const piece = packed[arc]!;
      const place = 2 * (piece & idMask);
      const own = behind[i + lengthOf(piece)]! * shares[place]!;
      behind[i]! += own;
      shares[place + 1]! += reached[begin + i]! * own;
      i -= piece >>> stepShift;
    }
  }

  /** The same of a word whose probability no number holds: at each place in a unit of its own, from which a piece leads to another at most. */
  private expectLongWord(word: number, length: number, count: number): void {
    const { best: forward, behind: backward, shares, units } = this;
    const { firsts, packed } = this.placed;
    const [first, last] = [firsts[word]!, firsts[word + 1]!];
    forward.fill(0, 1, length + 1);
    forward[0] = 1;
    units[0] = 0;
    let farthest = 0;
    const enter = (i: number) => {
      units[i] = units[i - 1]!;
      if (forward[i]! >= small) return;
      units[i]! += 1;
      for (let ahead = i; ahead <= farthest; ahead++) forward[ahead]! *= largerUnit;
    };
    let i = 0;
    for (let arc = first; arc < last; arc++) {
      const piece = packed[arc]!;
      // Every character of a long word begins with a piece.
      if (piece >>> stepShift > 0) enter(++i);
      const to = i + lengthOf(piece);
      if (to > farthest) farthest = to;
      forward[to]! += forward[i]! * shares[2 * (piece & idMask)]!;
    }
    enter(length);
    backward.fill(0, 0, length);
    backward[length] = 1;
    const share = count / forward[length]!;
    for (let arc = last - 1; arc >= first; arc--) {
      const piece = packed[arc]!;
      const to = i + lengthOf(piece);
      const unit = units[to] === units[i] ? 1 : largerUnit ** (units[to]! - units[i]!);
      const place = 2 * (piece & idMask);
      const own = backward[to]! * shares[place]! * unit;
      backward[i]! += own;
      shares[place + 1]! += forward[i]! * share * own;
      i -= piece >>> stepShift;
    }
  }

  /**
   * Leaves by place the best piece that ends there, of what a word shares as it stands from the word before, and returns its length. Longer
   * pieces come first, and of equals the first stays.
   */
  private findBest(word: number): number {
    const { scores, best, bestPieces } = this;
    const { starts, shared, firsts, packed } = this.placed;
    const length = starts[word + 1]! - 1 - starts[word]!;
    for (let i = shared[word]! + 1; i <= length; i++) bestPieces[i] = 0;
    best[0] = 0;
    const last = firsts[word + 1]!;
    for (let arc = firsts[word]!, i = 0; arc < last; arc++) {
      const piece = packed[arc]!;
      i += piece >>> stepShift;
      const to = i + lengthOf(piece);
      const score = best[i]! + scores[piece & idMask]!;
      if (bestPieces[to] !== 0 && score <= best[to]!) continue;
      best[to] = score;
      bestPieces[to] = piece;
    }
    return length;
  }

  /** What the best way up to a place is made of, the last piece first. */
  private listBest(length: number): number[] {
    const pieces: number[] = [];
    for (let at = length; at > 0; at -= lengthOf(this.bestPieces[at]!)) pieces.push(this.bestPieces[at]! & idMask);
    return pieces;
  }
}
