// A part of all words with every piece at every place of theirs, while a Unigram is learned, and what any thread does with one: what each
// piece has to expect (forward and backward), what words are most probably made of (Viterbi), and taking pieces out. What a word begins with
// as the one before it does is gone through for both together.

import type { JoinedWords } from "./joined-words.ts";

/** The piece that stands for a character that is none, at a cost of e^-10 of the least probable piece. */
export const unknown = 0;

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

/** Words with the pieces that they may be made of. Plain data, of which threads share the arrays. */
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

export interface ExpectInput {
  readonly parts: readonly PlacedPieces[];
  /** By part: how often each word occurs. */
  readonly counts: readonly Float64Array[];
  /** The probabilities of the pieces, by the numbers that parts know them by. */
  readonly shares: Float64Array;
  /** By place: room for how probable it is that a word begins as this one does up to there, and is cut there. */
  readonly reached: Float64Array;
  /** By part: room for two numbers of each piece. Its probability and how often it is expected stand beside each other: who asks for one changes the other. */
  readonly sums: readonly Float64Array[];
}

/** How often each piece is to be expected in the words of a part: the second number of each. */
export function expectPart({ parts, counts, shares: all, reached, sums }: ExpectInput, part: number): void {
  const placed = parts[part]!;
  const own = counts[part]!;
  const longest = findLongest(placed);
  const behind = new Float64Array(longest);
  const long = { forward: new Float64Array(longest), units: new Uint32Array(longest) };
  const shares = sums[part]!;
  for (let id = 0; id < all.length; id++) {
    shares[2 * id] = all[id]!;
    shares[2 * id + 1] = 0;
  }
  for (let word = 0; word < own.length; word++) reachPlaces(placed, word, shares, reached);
  for (let word = own.length - 1; word >= 0; word--) {
    const end = placed.starts[word + 1]! - 1;
    if (reached[end]! > leastProbability) expectWord(placed, word, own[word]!, shares, reached, behind);
    else expectLongWord(placed, word, own[word]!, shares, behind, long);
  }
}

/** Room for the places of any word. */
function findLongest({ starts }: JoinedWords): number {
  let longest = 0;
  for (let word = 0; word + 1 < starts.length; word++) longest = Math.max(longest, starts[word + 1]! - starts[word]!);
  return longest;
}

/** Forward: what a word shares it takes from the one before it. */
function reachPlaces(
  { starts, shared, firsts, packed }: PlacedPieces,
  word: number,
  shares: Float64Array,
  reached: Float64Array,
): void {
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
function expectWord(
  { starts, shared, firsts, packed }: PlacedPieces,
  word: number,
  count: number,
  shares: Float64Array,
  reached: Float64Array,
  behind: Float64Array,
): void {
  const begin = starts[word]!;
  const end = starts[word + 1]! - 1;
  const length = end - begin;
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
function expectLongWord(
  { starts, firsts, packed }: PlacedPieces,
  word: number,
  count: number,
  shares: Float64Array,
  backward: Float64Array,
  { forward, units }: { readonly forward: Float64Array; readonly units: Uint32Array },
): void {
  const length = starts[word + 1]! - 1 - starts[word]!;
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

/** The best ways to make the words of a part, one word after another; owns the memory for the longest. */
export class BestWays {
  /** By place: the logarithm of the probability of the best way up to there, and the last piece of it. */
  readonly best: Float64Array;
  readonly pieces: Uint32Array;
  private readonly placed: PlacedPieces;

  constructor(placed: PlacedPieces) {
    this.placed = placed;
    const longest = findLongest(placed);
    this.best = new Float64Array(longest);
    this.pieces = new Uint32Array(longest);
  }

  /**
   * Leaves by place the best piece that ends there, of what a word shares as it stands from the word before, and returns its length. Longer
   * pieces come first, and of equals the first stays.
   */
  find(word: number, scores: Float64Array): number {
    const { best, pieces } = this;
    const { starts, shared, firsts, packed } = this.placed;
    const length = starts[word + 1]! - 1 - starts[word]!;
    for (let i = shared[word]! + 1; i <= length; i++) pieces[i] = 0;
    best[0] = 0;
    const last = firsts[word + 1]!;
    for (let arc = firsts[word]!, i = 0; arc < last; arc++) {
      const piece = packed[arc]!;
      i += piece >>> stepShift;
      const to = i + lengthOf(piece);
      const score = best[i]! + scores[piece & idMask]!;
      if (pieces[to] !== 0 && score <= best[to]!) continue;
      best[to] = score;
      pieces[to] = piece;
    }
    return length;
  }

  /** What the best way up to a place is made of, the last piece first. */
  list(length: number): number[] {
    const list: number[] = [];
    for (let at = length; at > 0; at -= lengthOf(this.pieces[at]!)) list.push(this.pieces[at]! & idMask);
    return list;
  }
}

export interface CountInput {
  readonly parts: readonly PlacedPieces[];
  readonly counts: readonly Float64Array[];
  readonly scores: Float64Array;
  readonly sums: readonly Float64Array[];
}

/** How often each piece is used, where every word of a part is made of its most probable ones: the second number of each. */
export function countPart({ parts, counts, scores, sums }: CountInput, part: number): void {
  const own = counts[part]!;
  const ways = new BestWays(parts[part]!);
  const used = sums[part]!;
  used.fill(0, 0, 2 * scores.length);
  const { pieces } = ways;
  for (let word = 0; word < own.length; word++) {
    const count = own[word]!;
    for (let at = ways.find(word, scores); at > 0; at -= lengthOf(pieces[at]!))
      used[2 * (pieces[at]! & idMask) + 1]! += count;
  }
}

export interface KeepInput {
  readonly parts: readonly PlacedPieces[];
  /** The new number of each piece; -1 where it goes. */
  readonly numbers: Int32Array;
}

/** Takes pieces out of a part; a character that goes is unknown. */
export function keepPart({ parts, numbers }: KeepInput, part: number): void {
  const { firsts, packed } = parts[part]!;
  let [to, from] = [0, 0];
  for (let word = 0; word + 1 < firsts.length; word++) {
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
  firsts[firsts.length - 1] = to;
}
