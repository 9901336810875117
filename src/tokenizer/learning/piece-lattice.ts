// The pieces of a Unigram as words: what each would be made of if it were none. Pieces only go, so who is made of whom is found once.

import { type OnPiece, UnigramLattice } from "./unigram-lattice.ts";
import type { Seeds } from "./unigram-seeds.ts";

export class PieceLattice {
  private readonly lattice: UnigramLattice;
  /** By word: the piece that it is; -1 where that went. */
  private readonly ids: Int32Array;

  /** Of pieces that are seeds, by their numbers and scores; the first is the unknown one. */
  constructor(seeds: Seeds, pieces: Uint32Array, scores: Float64Array) {
    const numbers = new Uint32Array(seeds.scores.length);
    for (let id = 1; id < pieces.length; id++) numbers[pieces[id]!] = id;
    const { placed, ids } = seeds.placeInEachOther(numbers);
    this.ids = ids;
    this.lattice = new UnigramLattice(placed, new Float64Array(ids.length), scores);
  }

  visit(see: OnPiece): void {
    this.lattice.visitWhole(this.ids, see);
  }

  /** As `UnigramLattice.keep`. */
  keep(kept: Uint32Array, scores: Float64Array): void {
    const numbers = new Int32Array(this.lattice.scores.length).fill(-1);
    for (let i = 0; i < kept.length; i++) numbers[kept[i]!] = i;
    for (let word = 0; word < this.ids.length; word++) {
      if (this.ids[word]! >= 0) this.ids[word] = numbers[this.ids[word]!]!;
    }
    this.lattice.keep(kept, scores);
  }
}
