// The pieces of a Unigram as words: what each would be made of if it were none. Pieces only go, so who is made of whom is found once.

import { BestWays, keepPart, type PlacedPieces, packPiece, unknown } from "./lattice-part.ts";
import type { Seeds } from "./unigram-seeds.ts";

/** Told of a piece whether its text is most probably that piece, and where it is, what else makes it, the last piece first. */
export type OnPiece = (id: number, isWhole: boolean, others: readonly number[] | undefined) => void;

export class PieceLattice {
  private readonly placed: PlacedPieces;
  private readonly ways: BestWays;
  /** By word: the piece that it is; -1 where that went. */
  private readonly ids: Int32Array;
  /** Of the pieces that are listed the new number; -1 of one that went. Who takes them out does it for all that went since. */
  private numbers: Int32Array;

  /** Of pieces that are seeds, by their numbers; the first is the unknown one. */
  constructor(seeds: Seeds, pieces: Uint32Array) {
    const numbers = new Uint32Array(seeds.scores.length);
    for (let id = 1; id < pieces.length; id++) numbers[pieces[id]!] = id;
    const { placed, ids } = seeds.placeInEachOther(numbers);
    this.placed = placed;
    this.ids = ids;
    this.ways = new BestWays(placed);
    this.numbers = Int32Array.from(pieces.keys());
  }

  /** Tells of every piece, by their scores, whether its text is most probably that piece; the piece itself is none of those in its word. */
  visit(scores: Float64Array, see: OnPiece): void {
    this.takeOut(scores.length);
    const { ids, ways } = this;
    const { best, pieces } = ways;
    for (let word = 0; word < ids.length; word++) {
      const length = ways.find(word, scores);
      const id = ids[word]!;
      // A character that is no piece any more is unknown.
      if (id < 0 && length > 1) continue;
      const own = id < 0 ? unknown : id;
      const isMade = pieces[length] !== 0;
      const isWhole = !isMade || best[length]! <= scores[own]!;
      if (id >= 0) see(id, isWhole, isWhole && isMade ? ways.list(length) : undefined);
      if (!isWhole) continue;
      best[length] = scores[own]!;
      pieces[length] = packPiece(own, length, 0);
    }
  }

  /** Goes on with some of the pieces, the unknown one first. */
  keep(kept: Uint32Array): void {
    const numbers = new Int32Array(this.numbers.length).fill(-1);
    for (let i = 0; i < kept.length; i++) numbers[kept[i]!] = i;
    this.numbers = this.numbers.map(number => (number < 0 ? -1 : numbers[number]!));
  }

  private takeOut(count: number): void {
    const { ids, numbers } = this;
    for (let word = 0; word < ids.length; word++) if (ids[word]! >= 0) ids[word] = numbers[ids[word]!]!;
    keepPart({ parts: [this.placed], numbers }, 0);
    this.numbers = Int32Array.from({ length: count }, (_, id) => id);
  }
}
