// Learns a Unigram vocabulary as SentencePiece and Hugging Face's UnigramTrainer do: begin with a million stretches that repeat, find their
// probabilities by expectation maximisation, drop the quarter that the text misses least, and so on until the vocabulary is left.

import { Crew } from "../../../base/threads/crew.ts";
import type { LearnOptions } from "../../kinds/kind.ts";
import { chooseAlphabet, limitAlphabet, refuseSize } from "../alphabet.ts";
import type { WordCount } from "../count-words.ts";
import { sortWords } from "./joined-words.ts";
import { allocateFloat64, allocateUint32 } from "./large-arrays.ts";
import { unknown } from "./lattice-part.ts";
import { PieceLattice } from "./piece-lattice.ts";
import { UnigramLattice } from "./unigram-lattice.ts";
import { Seeds } from "./unigram-seeds.ts";

const iterations = 2;
const keptShare = 0.75;
const leastExpected = 0.5;
/** Before a thread has begun with so few they are learned of. */
const fewWords = 1 << 15;

/**
 * The pieces by falling probability, the special tokens not among them, and the logarithms of their probabilities. UserError
 * E_VOCABULARY_SIZE when the alphabet alone does not fit.
 */
export function learnUnigram(
  wordCounts: readonly WordCount[],
  options: LearnOptions,
): { pieces: string[]; scores: number[] } {
  const crew = new Crew(wordCounts.length < fewWords ? 1 : (options.threads ?? 1));
  try {
    return learn(wordCounts, options, crew);
  } finally {
    crew.close();
  }
}

function learn(
  wordCounts: readonly WordCount[],
  options: LearnOptions,
  crew: Crew,
): { pieces: string[]; scores: number[] } {
  const { vocabularySize, specialTokens, onProgress } = options;
  const { all: alphabet } = chooseAlphabet(wordCounts, options.alphabetLimit ?? limitAlphabet(vocabularySize));
  const needed = specialTokens.length + alphabet.length;
  if (needed > vocabularySize) throw refuseSize(vocabularySize, needed);
  const enough = Math.floor((vocabularySize * 11) / 10);
  const words = sortWords(wordCounts);
  const counts = allocateFloat64(words.length);
  for (let word = 0; word < counts.length; word++) counts[word] = words[word]![1];
  const seeds = new Seeds(
    words.map(([word]) => word),
    counts,
    alphabet,
    crew,
  );
  const partCounts = seeds.parts.map(([from, to]) => counts.subarray(from, to));
  const lattice = new UnigramLattice(seeds.placeInWords(), partCounts, seeds.scores, seeds.letters, crew);
  for (let pieces: PieceLattice | undefined; ; ) {
    const keep: Keep = (ids, scores) => {
      lattice.keep(ids, scores);
      pieces?.keep(ids);
    };
    for (let iteration = 0; iteration < iterations; iteration++) maximise(lattice, keep);
    onProgress?.(lattice.scores.length);
    if (lattice.scores.length <= enough) break;
    // Most seeds are gone by now.
    pieces ??= new PieceLattice(seeds, lattice.origins);
    prune(lattice, pieces, enough, keep);
  }
  return finish(seeds, lattice, { alphabet, specialTokens, size: vocabularySize - specialTokens.length });
}

/** Goes on with some of the pieces, the unknown one first, and other scores. */
type Keep = (ids: Uint32Array, scores: Float64Array) => void;

/** One step of expectation maximisation, with the digamma function as a sparse prior (Liang & Klein 2007). */
function maximise(lattice: UnigramLattice, keep: Keep): void {
  const expected = lattice.expect();
  const kept = allocateUint32(expected.length);
  let [count, sum] = [1, 0]; // with the unknown one
  for (let id = 1; id < expected.length; id++) {
    if (expected[id]! < leastExpected) continue;
    kept[count++] = id;
    sum += expected[id]!;
  }
  const logarithm = digamma(sum);
  const scores = allocateFloat64(count).fill(Number.NaN);
  for (let i = 1; i < count; i++) scores[i] = digamma(expected[kept[i]!]!) - logarithm;
  keep(kept.subarray(0, count), scores);
}

/** Drops the pieces whose text is made of others at the least cost. */
function prune(lattice: UnigramLattice, pieces: PieceLattice, enough: number, keep: Keep): void {
  const { scores } = lattice;
  const used = lattice.countUsed();
  const sum = used.reduce((a, b) => a + b, 0);
  const kept = [unknown];
  const losses = allocateFloat64(scores.length);
  const dispensable: number[] = [];
  pieces.visit(scores, (id, isWhole, others) => {
    if (used[id] === 0 && (others !== undefined || !isWhole)) return;
    if (others === undefined) {
      kept.push(id);
      return;
    }
    const own = Math.log(used[id]!) - Math.log(sum);
    // As there: the number of all pieces, where SentencePiece has that of the others.
    const sumWithout = Math.log(sum + used[id]! * (scores.length - 1));
    let instead = 0;
    for (const other of others) instead += Math.log(used[other]! + used[id]!) - sumWithout;
    losses[id] = (used[id]! / lattice.words) * (own - instead);
    dispensable.push(id);
  });
  // As pieces stand: of equals the first stays.
  kept.sort((a, b) => a - b);
  const byLoss = Uint32Array.from(dispensable).sort();
  const wanted = Math.max(enough, Math.floor(scores.length * keptShare));
  byLoss.sort((a, b) => losses[b]! - losses[a]!);
  for (const id of byLoss) {
    if (kept.length >= wanted) break;
    kept.push(id);
  }
  const ids = Uint32Array.from(kept);
  const left = new Float64Array(ids.length);
  for (let i = 0; i < ids.length; i++) left[i] = scores[ids[i]!]!;
  keep(ids, left);
}

interface Wanted {
  readonly alphabet: readonly string[];
  readonly specialTokens: readonly string[];
  readonly size: number;
}

/**
 * The alphabet in any case, then the others as they stand until the vocabulary is full. A text may write what a special token is called, as
 * HTML does "<s>": that is no piece, which would stand in the vocabulary twice.
 */
function finish(
  seeds: Seeds,
  lattice: UnigramLattice,
  { alphabet, specialTokens, size }: Wanted,
): { pieces: string[]; scores: number[] } {
  const { scores } = lattice;
  const scoreOf = new Map<string, number>();
  for (let id = 1; id < scores.length; id++) scoreOf.set(seeds.textOf(lattice.origins[id]!), scores[id]!);
  let least = Number.POSITIVE_INFINITY;
  for (let id = 1; id < scores.length; id++) least = Math.min(least, scores[id]!);
  let penalty = 0;
  const finished = new Map<string, number>();
  for (const letter of alphabet) {
    const score = scoreOf.get(letter);
    finished.set(letter, score ?? least + penalty);
    if (score === undefined) penalty += 0.0001;
  }
  for (const token of specialTokens) scoreOf.delete(token);
  for (const [text, score] of scoreOf) {
    if (finished.size >= size) break;
    if (!finished.has(text)) finished.set(text, score);
  }
  const sorted = [...finished].sort(([, a], [, b]) => b - a);
  return { pieces: sorted.map(([text]) => text), scores: sorted.map(([, score]) => score) };
}

/** The derivative of the logarithm of the gamma function, by its asymptotic series from 7 on. */
function digamma(x: number): number {
  let result = 0;
  let at = x;
  for (; at < 7; at++) result -= 1 / at;
  at -= 0.5;
  const square = 1 / (at * at);
  return (
    result +
    Math.log(at) +
    square / 24 -
    (7 / 960) * square ** 2 +
    (31 / 8064) * square ** 3 -
    (127 / 30720) * square ** 4
  );
}
