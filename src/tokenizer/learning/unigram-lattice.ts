// All words with every piece at every place of theirs, while a Unigram is learned: pieces only go, so they are found once, and who goes is
// taken out of the list. What each piece has to expect (forward and backward), and what words are most probably made of (Viterbi).

/** The piece that stands for a character that is none, at a cost of e^-10 of the least probable piece. */
export const unknown = 0;
const unknownPenalty = 10;

/** Of a piece at a place: its number below, and above it its length in code points. */
const idBits = 20;
const idMask = 2 ** idBits - 1;
export const mostPieces = 2 ** idBits;
export const packPiece = (id: number, length: number): number => (length << idBits) | id;

/** Pieces at the places of a text where they begin. */
export interface PlacedPieces {
  /** The code points of all words, 0 behind each. */
  readonly text: Uint32Array;
  /** By place: where its pieces begin in `packed`, shorter ones first; one more behind the last. */
  readonly firsts: Uint32Array;
  /** As `packPiece` packs them. A character that is no piece is the unknown one. */
  readonly packed: Uint32Array;
}

/** From so small a probability on, what lies ahead is counted in units of another size. */
const small = 2 ** -300;
const largerUnit = 2 ** 300;

/** Owns the list of pieces, and the memory for the longest word. */
export class UnigramLattice {
  /** Natural logarithms of the probabilities of the pieces; the first is the unknown one. */
  scores: Float64Array;
  /** How many words there are, each as often as it occurs. */
  readonly words: number;
  private readonly text: Uint32Array;
  private readonly firsts: Uint32Array;
  private readonly packed: Uint32Array;
  private readonly counts: Float64Array;
  /** By word: where it begins; one more behind the last. */
  private readonly starts: Uint32Array;
  /** By piece: one of its places, and its probability. */
  private places: Uint32Array;
  private shares = new Float64Array(0);
  private readonly forward: Float64Array;
  private readonly backward: Float64Array;
  /** By place: how often the unit was changed up to there. */
  private readonly units: Uint32Array;
  private readonly best: Float64Array;
  private readonly bestPieces: Uint32Array;

  /** Takes the list of pieces over. `counts` says how often each word occurs. */
  constructor({ text, firsts, packed }: PlacedPieces, counts: Float64Array, scores: Float64Array) {
    this.text = text;
    this.firsts = firsts;
    this.packed = packed;
    this.counts = counts;
    this.words = counts.reduce((sum, count) => sum + count, 0);
    this.places = new Uint32Array(scores.length);
    for (let at = 0; at < text.length; at++) {
      for (let arc = firsts[at]!; arc < firsts[at + 1]!; arc++) this.places[packed[arc]! & idMask] = at;
    }
    this.starts = new Uint32Array(counts.length + 1);
    let longest = 0;
    for (let word = 0; word < counts.length; word++) {
      const end = text.indexOf(0, this.starts[word]);
      longest = Math.max(longest, end - this.starts[word]!);
      this.starts[word + 1] = end + 1;
    }
    this.forward = new Float64Array(longest + 1);
    this.backward = new Float64Array(longest + 1);
    this.units = new Uint32Array(longest + 1);
    this.best = new Float64Array(longest + 1);
    this.bestPieces = new Uint32Array(longest + 1);
    this.scores = scores;
    this.findShares();
  }

  /** How often each piece is to be expected in all words. */
  expect(): Float64Array {
    const expected = new Float64Array(this.scores.length);
    this.forEachWord((begin, end, count) => this.expectWord(begin, end, count, expected));
    return expected;
  }

  /** How often each piece is used, where every word is made of its most probable ones. */
  countUsed(): Float64Array {
    const used = new Float64Array(this.scores.length);
    const { bestPieces } = this;
    this.forEachWord((begin, end, count) => {
      this.findBest(begin, end);
      for (let at = end - begin; at > 0; at -= bestPieces[at]! >>> idBits) used[bestPieces[at]! & idMask]! += count;
    });
    return used;
  }

  /** Whether a piece's own text is most probably that piece. */
  isBestItself(id: number): boolean {
    const place = this.places[id]!;
    const length = this.lengthOf(id, place);
    this.findBest(place, place + length);
    return (this.bestPieces[length]! & idMask) === id;
  }

  /** What a piece's own text is made of without that piece, the last one first; undefined where nothing else makes it. */
  findOthers(id: number): number[] | undefined {
    const place = this.places[id]!;
    const length = this.lengthOf(id, place);
    this.findBest(place, place + length, id);
    if (this.bestPieces[length] === 0) return undefined;
    const others: number[] = [];
    for (let at = length; at > 0; at -= this.bestPieces[at]! >>> idBits) others.push(this.bestPieces[at]! & idMask);
    return others;
  }

  /** Goes on with some of the pieces, the unknown one first, and other scores. */
  keep(ids: ArrayLike<number>, scores: Float64Array): void {
    const { places, firsts, packed } = this;
    this.scores = scores;
    if (ids.length === places.length && places.every((_, i) => ids[i] === i)) {
      this.findShares();
      return;
    }
    const numbers = new Int32Array(places.length).fill(-1);
    for (let i = 0; i < ids.length; i++) numbers[ids[i]!] = i;
    this.places = new Uint32Array(ids.length);
    for (let i = 0; i < ids.length; i++) this.places[i] = places[ids[i]!]!;
    let to = 0;
    for (let at = 0; at + 1 < firsts.length; at++) {
      const from = firsts[at]!;
      firsts[at] = to;
      for (let arc = from; arc < firsts[at + 1]!; arc++) {
        const length = packed[arc]! >>> idBits;
        const number = numbers[packed[arc]! & idMask]!;
        if (number >= 0) packed[to++] = packPiece(number, length);
        else if (length === 1) packed[to++] = packPiece(unknown, 1);
      }
    }
    firsts[firsts.length - 1] = to;
    this.findShares();
  }

  /** The text of a piece that is not the unknown one. */
  textOf(id: number): string {
    const place = this.places[id]!;
    return String.fromCodePoint(...this.text.subarray(place, place + this.lengthOf(id, place)));
  }

  private lengthOf(id: number, place: number): number {
    const { firsts, packed } = this;
    for (let arc = firsts[place]!; arc < firsts[place + 1]!; arc++) {
      if ((packed[arc]! & idMask) === id) return packed[arc]! >>> idBits;
    }
    throw new Error(`piece ${id} is not at its place`);
  }

  private findShares(): void {
    let least = Number.POSITIVE_INFINITY;
    for (let id = 1; id < this.scores.length; id++) if (this.scores[id]! < least) least = this.scores[id]!;
    this.scores[unknown] = least - unknownPenalty;
    this.shares = this.scores.map(Math.exp);
  }

  private forEachWord(visit: (begin: number, end: number, count: number) => void): void {
    const { starts, counts } = this;
    for (let word = 0; word < counts.length; word++) visit(starts[word]!, starts[word + 1]! - 1, counts[word]!);
  }

  private expectWord(begin: number, end: number, count: number, expected: Float64Array): void {
    const { firsts, packed, forward, backward, shares } = this;
    const length = end - begin;
    for (let i = 1; i <= length; i++) forward[i] = 0;
    forward[0] = 1;
    for (let i = 0; i < length; i++) {
      const before = forward[i]!;
      const last = firsts[begin + i + 1]!;
      for (let arc = firsts[begin + i]!; arc < last; arc++) {
        const piece = packed[arc]!;
        forward[i + (piece >>> idBits)]! += before * shares[piece & idMask]!;
      }
    }
    const all = forward[length]!;
    if (!(all > small)) {
      this.expectLongWord(begin, end, count, expected);
      return;
    }
    backward[length] = 1;
    const share = count / all;
    for (let i = length - 1; i >= 0; i--) {
      const before = forward[i]! * share;
      const last = firsts[begin + i + 1]!;
      let sum = 0;
      for (let arc = firsts[begin + i]!; arc < last; arc++) {
        const piece = packed[arc]!;
        const behind = backward[i + (piece >>> idBits)]! * shares[piece & idMask]!;
        sum += behind;
        expected[piece & idMask]! += before * behind;
      }
      backward[i] = sum;
    }
  }

  /** The same of a word whose probability no number holds: at each place in a unit of its own, from which a piece leads to another at most. */
  private expectLongWord(begin: number, end: number, count: number, expected: Float64Array): void {
    const { firsts, packed, forward, backward, shares, units } = this;
    const length = end - begin;
    for (let i = 1; i <= length; i++) forward[i] = 0;
    forward[0] = 1;
    let changes = 0;
    let reached = 0;
    for (let i = 0; i <= length; i++) {
      if (forward[i]! < small) {
        changes += 1;
        for (let ahead = i; ahead <= reached; ahead++) forward[ahead]! *= largerUnit;
      }
      units[i] = changes;
      if (i === length) break;
      const before = forward[i]!;
      const last = firsts[begin + i + 1]!;
      for (let arc = firsts[begin + i]!; arc < last; arc++) {
        const piece = packed[arc]!;
        const at = i + (piece >>> idBits);
        if (at > reached) reached = at;
        forward[at]! += before * shares[piece & idMask]!;
      }
    }
    backward[length] = 1;
    const share = count / forward[length]!;
    for (let i = length - 1; i >= 0; i--) {
      const before = forward[i]! * share;
      const last = firsts[begin + i + 1]!;
      let sum = 0;
      for (let arc = firsts[begin + i]!; arc < last; arc++) {
        const piece = packed[arc]!;
        const at = i + (piece >>> idBits);
        const unit = largerUnit ** (units[at]! - units[i]!);
        const behind = backward[at]! * shares[piece & idMask]! * unit;
        sum += behind;
        expected[piece & idMask]! += before * behind;
      }
      backward[i] = sum;
    }
  }

  /** Leaves by place the best piece that ends there; 0 where none does. Shorter pieces come first, and of equals the first stays. */
  private findBest(begin: number, end: number, without = -1): void {
    const { firsts, packed, scores, best, bestPieces } = this;
    const length = end - begin;
    for (let i = 0; i <= length; i++) bestPieces[i] = 0;
    best[0] = 0;
    for (let i = 0; i < length; i++) {
      if (i > 0 && bestPieces[i] === 0) continue;
      const before = best[i]!;
      const last = firsts[begin + i + 1]!;
      for (let arc = firsts[begin + i]!; arc < last; arc++) {
        const piece = packed[arc]!;
        const at = i + (piece >>> idBits);
        if (at > length) break;
        const id = piece & idMask;
        if (id === without) continue;
        const score = before + scores[id]!;
        if (bestPieces[at] !== 0 && score <= best[at]!) continue;
        best[at] = score;
        bestPieces[at] = piece;
      }
    }
  }
}
