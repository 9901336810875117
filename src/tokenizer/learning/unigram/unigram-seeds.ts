// The pieces that learning a Unigram begins with: every character, and the stretches of 2 to 16 characters that occur twice or more among the
// different words and are followed by more than one thing, by length times occurrences. A suffix array cut at 17 characters finds them, and
// every place of theirs: what begins somewhere is the longest stretch that does, and those that it begins with.

import { siblingModule } from "../../../base/threads/bounded-worker.ts";
import { Crew } from "../../../base/threads/crew.ts";
import { type JoinedWords, joinWords, type WordRange } from "./joined-words.ts";
import { allocateFloat64, allocateUint8, allocateUint32 } from "./large-arrays.ts";
import { longestPiece, mostPieces, type PlacedPieces } from "./lattice-part.ts";
import { type PlaceInput, placePart } from "./placed-seeds.ts";
import { commonLength, sortSuffixes } from "./suffixes.ts";

const mostSeeds = 1_000_000;

/** The seeds of words, numbered in the order of Hugging Face's trainer; the first is the unknown piece. */
export class Seeds {
  /** The logarithms of their shares; of the unknown piece none. */
  readonly scores: Float64Array;
  /** How many are characters: the first ones. */
  readonly letters: number;
  private readonly joined: ReturnType<typeof joinWords>;
  private readonly crew: Crew;
  private readonly idOfLetter: ReadonlyMap<number, number>;
  /** By seed: one of its places, how many characters it has, its first place in the order of suffixes. */
  private readonly places: Uint32Array;
  private readonly lengths: Uint8Array;
  private readonly ranks: Uint32Array;
  /** By stretch: the longest one that it begins with; 0 where there is none. */
  private readonly parents: Uint32Array;
  /** By place: the longest stretch that begins there; 0 where there is none. */
  private readonly longest: Uint32Array;

  /** Of words as `sortWords` has them, and how often each occurs. */
  constructor(
    words: readonly string[],
    counts: Float64Array,
    alphabet: readonly string[],
    crew: Crew = new Crew(1),
    leastPart?: number,
  ) {
    const joined = joinWords(words, leastPart);
    const { text } = joined;
    this.crew = crew;
    const suffixes = sortSuffixes(text, crew);
    const { ranksOfPoints, ...repeated } = findRepeated(text, suffixes);
    const letters = rankLetters(joined, counts, alphabet);
    const chosen = chooseRepeated(
      repeated,
      mostSeeds - letters.length,
      text,
      suffixes,
      new Set(letters.map(([p]) => p)),
    );
    const count = 1 + letters.length + chosen.length;
    if (count > mostPieces) throw new Error("more pieces than a number has room for");
    this.joined = joined;
    this.letters = letters.length;
    this.idOfLetter = new Map(letters.map(([point], i) => [point, i + 1]));
    this.scores = allocateFloat64(count).fill(Number.NaN);
    this.places = allocateUint32(count);
    this.lengths = allocateUint8(count);
    this.ranks = allocateUint32(count);
    this.parents = allocateUint32(count);
    this.longest = allocateUint32(text.length);
    const seedOf = allocateUint32(repeated.firsts.length);
    for (const [i, [point, occurrences]] of letters.entries()) {
      this.scores[1 + i] = occurrences;
      this.ranks[1 + i] = ranksOfPoints.get(point)!;
      this.lengths[1 + i] = 1;
    }
    for (let i = 0; i < chosen.length; i++) {
      const seed = 1 + letters.length + i;
      const stretch = chosen[i]!;
      this.scores[seed] = repeated.scores[stretch]!;
      this.ranks[seed] = repeated.firsts[stretch]!;
      this.lengths[seed] = repeated.lengths[stretch]!;
      seedOf[stretch] = seed;
    }
    for (let seed = 1; seed < count; seed++) this.places[seed] = suffixes[this.ranks[seed]!]!;
    this.placeStretches(suffixes, repeated, seedOf);
    const sum = this.scores.subarray(1).reduce((sum, share) => sum + share, 0);
    for (let seed = 1; seed < count; seed++) this.scores[seed] = Math.log(this.scores[seed]!) - Math.log(sum);
  }

  textOf(seed: number): string {
    const place = this.places[seed]!;
    return String.fromCodePoint(...this.joined.text.subarray(place, place + this.lengths[seed]!));
  }

  /** The words that each part has of the whole. */
  get parts(): readonly WordRange[] {
    return this.joined.parts;
  }

  /** Every seed at every place of the words, by parts. */
  placeInWords(): PlacedPieces[] {
    const numbers = allocateUint32(this.scores.length);
    for (let seed = 0; seed < numbers.length; seed++) numbers[seed] = seed;
    return this.place(this.joined, this.joined.parts, this.joined.starts, numbers, false);
  }

  /**
   * Some seeds as words, in their order, and each at every place in the others. `numbers` says which piece a seed is, 0 none; `ids` which
   * piece a word is.
   */
  placeInEachOther(numbers: Uint32Array): { readonly placed: PlacedPieces; readonly ids: Int32Array } {
    const order = Uint32Array.from(numbers.keys()).filter(seed => numbers[seed] !== 0);
    const { ranks, lengths, places } = this;
    const keys = Float64Array.from(order, seed => (ranks[seed]! * 32 + lengths[seed]!) * mostPieces + seed).sort();
    for (let i = 0; i < keys.length; i++) order[i] = keys[i]! % mostPieces;
    const joined = joinWords(Array.from(order, seed => this.textOf(seed)));
    const from = order.map(seed => places[seed]!);
    const [placed] = this.place(joined, [[0, order.length]], from, numbers, true);
    return { placed: placed!, ids: Int32Array.from(order, seed => numbers[seed]!) };
  }

  private place(
    words: JoinedWords,
    parts: readonly WordRange[],
    places: Uint32Array,
    numbers: Uint32Array,
    apart: boolean,
  ): PlacedPieces[] {
    const { longest, lengths, parents, idOfLetter } = this;
    const input: PlaceInput = {
      ...{ words, parts, places, numbers, apart },
      ...{ text: this.joined.text, longest, lengths, parents, idOfLetter },
    };
    return this.crew.run(siblingModule(import.meta.url, "placed-seeds"), placePart, input, parts.length);
  }

  /** Finds the longest stretch at each place, and the parent of each: in the order of suffixes from the last one on, outer ones before inner ones. */
  private placeStretches(suffixes: Uint32Array, { firsts, ends }: Repeated, seedOf: Uint32Array): void {
    const open = new Uint32Array(longestPiece + 1);
    const begins = new Uint32Array(longestPiece + 1);
    let [depth, next] = [0, firsts.length - 1];
    for (let rank = suffixes.length - 1; rank >= 0; rank--) {
      while (depth > 0 && begins[depth]! > rank) depth--;
      for (; next >= 0 && ends[next] === rank + 1; next--) {
        const seed = seedOf[next]!;
        if (seed === 0) continue;
        this.parents[seed] = open[depth]!;
        open[++depth] = seed;
        begins[depth] = firsts[next]!;
      }
      this.longest[suffixes[rank]!] = open[depth]!;
    }
  }
}

/** Of each letter its code point and how often it occurs, the commonest first, of equals the last in the alphabet. */
function rankLetters(
  { text, starts }: JoinedWords,
  counts: Float64Array,
  alphabet: readonly string[],
): [point: number, occurrences: number][] {
  const occurrences = new Float64Array(0x110000);
  for (let word = 0; word < counts.length; word++) {
    const end = starts[word + 1]! - 1;
    for (let at = starts[word]!; at < end; at++) occurrences[text[at]!]! += counts[word]!;
  }
  return alphabet
    .map((letter): [number, number] => [letter.codePointAt(0)!, occurrences[letter.codePointAt(0)!]!])
    .sort(([a, countOfA], [b, countOfB]) => countOfB - countOfA || b - a)
    .slice(0, mostSeeds);
}

/** Stretches that begin the suffixes of some ranks, from `firsts` up to `ends`, and no others; inner ones before outer ones. */
interface Repeated {
  readonly firsts: Uint32Array;
  readonly ends: Uint32Array;
  readonly lengths: Uint8Array;
  /** Length times occurrences. */
  readonly scores: Uint32Array;
}

/** Stretches that more than one thing follows, and of every character which suffix is the first that it begins. */
function findRepeated(
  text: Uint32Array,
  suffixes: Uint32Array,
): Repeated & { readonly ranksOfPoints: ReadonlyMap<number, number> } {
  const count = suffixes.length;
  let found = 0;
  // There are fewer of them than suffixes.
  const [firsts, ends, lengths] = [allocateUint32(count), allocateUint32(count), allocateUint8(count)];
  const ranksOfPoints = new Map<number, number>([[text[suffixes[0]!]!, 0]]);
  const depths = new Uint8Array(longestPiece + 2);
  const begins = new Uint32Array(longestPiece + 2);
  let open = 0; // depths[0] is 0
  for (let rank = 1; rank <= count; rank++) {
    const common = rank < count ? commonLength(text, suffixes[rank - 1]!, suffixes[rank]!) : 0;
    if (common === 0 && rank < count) ranksOfPoints.set(text[suffixes[rank]!]!, rank);
    let first = rank - 1;
    for (; depths[open]! > common; open--) {
      first = begins[open]!;
      if (depths[open]! < 2 || depths[open]! > longestPiece) continue;
      firsts[found] = first;
      ends[found] = rank;
      lengths[found++] = depths[open]!;
    }
    if (depths[open]! < common) {
      depths[++open] = common;
      begins[open] = first;
    }
  }
  const scores = allocateUint32(found);
  for (let i = 0; i < found; i++) scores[i] = (ends[i]! - firsts[i]!) * lengths[i]!;
  const own = { firsts: firsts.subarray(0, found), ends: ends.subarray(0, found), lengths: lengths.subarray(0, found) };
  return { ...own, scores, ranksOfPoints };
}

/** The best of those of known characters: the highest score first, of equals the last in the alphabet, the longer one. */
function chooseRepeated(
  { firsts, lengths, scores }: Repeated,
  most: number,
  text: Uint32Array,
  suffixes: Uint32Array,
  known: ReadonlySet<number>,
): Uint32Array {
  const isKnown = new Uint8Array(0x110000);
  for (const point of known) isKnown[point] = 1;
  let order = allocateUint32(firsts.length);
  let count = 0;
  for (let i = 0; i < firsts.length; i++) {
    const place = suffixes[firsts[i]!]!;
    let at = place;
    while (at < place + lengths[i]! && isKnown[text[at]!] === 1) at++;
    if (at === place + lengths[i]!) order[count++] = i;
  }
  // Of two that begin alike the longer one comes first already.
  order = sortFalling(sortFalling(order.subarray(0, count), firsts), scores);
  return order.subarray(0, Math.max(0, most));
}

/** Numbers by falling keys, in their own array; equals stay in their order. */
function sortFalling(order: Uint32Array, keys: Uint32Array): Uint32Array {
  let from = order;
  let to = allocateUint32(order.length);
  for (const shift of [0, 16]) {
    const ends = new Uint32Array(0x10001);
    const digitOf = (i: number) => 0xffff - ((keys[i]! >>> shift) & 0xffff);
    for (const i of from) ends[digitOf(i) + 1]! += 1;
    for (let digit = 0; digit < 0x10000; digit++) ends[digit + 1]! += ends[digit]!;
    for (const i of from) to[ends[digitOf(i)]!++] = i;
    [from, to] = [to, from];
  }
  return from;
}
