// All words with every piece at every place of theirs, while a Unigram is learned: pieces only go, so they are found once, and who goes is
// taken out of the lists once some went. Words are in parts, which depend on the words alone and are added up in their order: what is
// expected is the same number whoever does which part.

import { siblingModule } from "../../../base/threads/bounded-worker.ts";
import { Crew } from "../../../base/threads/crew.ts";
import { allocateFloat64 } from "./large-arrays.ts";
import { countPart, expectPart, keepPart, type PlacedPieces, unknown } from "./lattice-part.ts";

const unknownPenalty = 10;
const partModule = siblingModule(import.meta.url, "lattice-part");
/** Where more than this share of the listed pieces is still there, the lists are left as they are. */
const fewGone = 0.9;

/** The logarithm of the unknown piece's probability is put where the others stand. */
function scoreUnknown(scores: Float64Array): void {
  let least = Number.POSITIVE_INFINITY;
  for (let id = 1; id < scores.length; id++) if (scores[id]! < least) least = scores[id]!;
  scores[unknown] = least - unknownPenalty;
}

/** Owns the lists of pieces. */
export class UnigramLattice {
  /** Natural logarithms of the probabilities of the pieces; the first is the unknown one. */
  scores: Float64Array;
  /** By piece: which one it was at first. */
  origins: Uint32Array;
  /** How many words there are, each as often as it occurs. */
  readonly words: number;
  private readonly parts: readonly PlacedPieces[];
  private readonly counts: readonly Float64Array[];
  private readonly crew: Crew;
  private readonly letters: number;
  private readonly reached: Float64Array;
  /** Of each part, two numbers a piece, by their numbers in the lists; what it says of it is the second. */
  private readonly sums: readonly Float64Array[];
  /** By piece its number in the lists, in which pieces that are gone may still be, and how many numbers there are. */
  private numbers: Uint32Array;
  private listed: number;

  /**
   * Takes the lists of pieces over. `counts` says how often each word of a part occurs. Of the pieces those behind the unknown one are
   * characters, as many as `letters` says.
   */
  constructor(
    parts: readonly PlacedPieces[],
    counts: readonly Float64Array[],
    scores: Float64Array,
    letters: number,
    crew: Crew = new Crew(1),
  ) {
    this.parts = parts;
    this.counts = counts;
    this.crew = crew;
    this.letters = letters;
    this.words = counts.reduce((sum, part) => part.reduce((sum, count) => sum + count, sum), 0);
    this.reached = allocateFloat64(parts[0]?.text.length ?? 0);
    this.sums = parts.map(() => allocateFloat64(2 * scores.length));
    this.scores = scores;
    this.origins = Uint32Array.from(scores.keys());
    this.numbers = this.origins;
    this.listed = scores.length;
    scoreUnknown(scores);
  }

  /** How often each piece is to be expected in all words. */
  expect(): Float64Array {
    const shares = this.listScores();
    for (let number = 0; number < shares.length; number++) shares[number] = Math.exp(shares[number]!);
    const { parts, counts, reached, sums } = this;
    this.crew.run(partModule, expectPart, { parts, counts, shares, reached, sums }, parts.length);
    return this.addSums();
  }

  /** How often each piece is used, where every word is made of its most probable ones. */
  countUsed(): Float64Array {
    const { parts, counts, sums } = this;
    const scores = this.listScores();
    this.crew.run(partModule, countPart, { parts, counts, scores, sums }, parts.length);
    return this.addSums();
  }

  /** Goes on with some of the pieces, the unknown one first, and other scores. */
  keep(ids: Uint32Array, scores: Float64Array): void {
    const { origins, letters } = this;
    const isLetter = (origin: number) => origin > 0 && origin <= letters;
    const countLetters = (list: Uint32Array) => list.reduce((sum, origin) => sum + (isLetter(origin) ? 1 : 0), 0);
    this.origins = ids.map(id => origins[id]!);
    this.scores = scores;
    scoreUnknown(scores);
    const kept = ids.map(id => this.numbers[id]!);
    this.numbers = kept;
    if (kept.length > fewGone * this.listed && countLetters(this.origins) === countLetters(origins)) return;
    const numbers = new Int32Array(new SharedArrayBuffer(4 * this.listed)).fill(-1);
    for (let i = 0; i < kept.length; i++) numbers[kept[i]!] = i;
    this.crew.run(partModule, keepPart, { parts: this.parts, numbers }, this.parts.length);
    this.numbers = Uint32Array.from(kept.keys());
    this.listed = kept.length;
  }

  /** The scores by the numbers of the lists: nothing is made of pieces that are gone. */
  private listScores(): Float64Array {
    const list = allocateFloat64(this.listed).fill(Number.NEGATIVE_INFINITY);
    for (let id = 0; id < this.scores.length; id++) list[this.numbers[id]!] = this.scores[id]!;
    return list;
  }

  private addSums(): Float64Array {
    const sums = allocateFloat64(this.scores.length);
    const { numbers } = this;
    for (const part of this.sums) for (let id = 0; id < sums.length; id++) sums[id]! += part[2 * numbers[id]! + 1]!;
    return sums;
  }
}
