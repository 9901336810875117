// A loss that is told apart from some of the vocabulary and not from all of it: every token that a micro-batch predicts, and as many
// others as make up a fixed number of candidates, drawn uniformly or in proportion to a power of how often they occur. Each of those drawn
// stands for its share of all that were not, so the sum of exponentials is that of the whole vocabulary in expectation, and so is its
// gradient: the head costs what its candidates do.
//
// P predictions, V tokens of the vocabulary, K candidates.

import { RandomSequence, streams } from "../base/random.ts";
import { cast, divide, input, iota, less, log, select, subtract } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Candidates } from "../model/heads.ts";
import type { ObjectiveRecipe } from "./objective.ts";
import { countMasked } from "./predictions.ts";

/**
 * Labels (P) as places among candidates (K): first the tokens that are predicted, each once and ascending, `known` [1] of them, then others that a
 * seed draws, none twice. A label of -1 stays.
 */
export function drawCandidates(labels: Int32Array, vocabulary: number, count: number, seed: number) {
  const placeOf = new Int32Array(vocabulary).fill(-1);
  for (const label of labels) if (label >= 0) placeOf[label] = 0;
  const candidates = new Int32Array(count);
  let known = 0;
  let others = 0;
  const rest = new Int32Array(vocabulary);
  for (let token = 0; token < vocabulary; token++) {
    if (placeOf[token] === 0) {
      placeOf[token] = known;
      candidates[known++] = token;
    } else rest[others++] = token;
  }
  const random = new RandomSequence(seed, streams.candidates, 0);
  for (let i = 0; known + i < count; i++) {
    const at = i + random.below(others - i);
    candidates[known + i] = rest[at]!;
    rest[at] = rest[i]!;
  }
  return {
    candidates,
    known: Int32Array.of(known),
    labels: labels.map(label => (label < 0 ? label : placeOf[label]!)),
  };
}

/** What tokens are drawn in proportion to, and all of them by that, the largest first. */
export interface Proposal {
  readonly shares: Float64Array;
  readonly order: Int32Array;
}

const proposals = new WeakMap<Float64Array, Map<string, Proposal>>();

/** (count + 1)^power of each token of the vocabulary; those that the counts do not reach never occur. Made once of an array and a power. */
export function proposeByCounts(counts: Float64Array, vocabulary: number, power: number): Proposal {
  const known = proposals.get(counts) ?? new Map<string, Proposal>();
  proposals.set(counts, known);
  const key = `${vocabulary} ${power}`;
  const made = known.get(key);
  if (made !== undefined) return made;
  const shares = Float64Array.from({ length: vocabulary }, (_, token) => ((counts[token] ?? 0) + 1) ** power);
  const order = Int32Array.from(shares, (_, token) => token).sort((a, b) => shares[b]! - shares[a]! || a - b);
  known.set(key, { shares, order });
  return { shares, order };
}

/** All of the draw, and a little less, so that what sums lose by rounding leaves no place empty. */
const almostOne = 1 - 1e-6;

/**
 * As drawCandidates, but others are drawn with a chance in proportion to their shares, and certainly where that would be 1 or more; one random
 * number chooses them all, at equal distances along the sum of chances (systematic sampling, Madow 1949). `weights` (K) are - log of each
 * chance, as Horvitz and Thompson 1952 weigh what was drawn; 0 of what is predicted.
 */
export function drawByShares(labels: Int32Array, { shares, order }: Proposal, count: number, seed: number) {
  const placeOf = new Int32Array(shares.length).fill(-1);
  for (const label of labels) if (label >= 0) placeOf[label] = 0;
  const candidates = new Int32Array(count);
  const weights = new Float32Array(count);
  let [found, rest] = [0, 0];
  for (let token = 0; token < shares.length; token++) {
    if (placeOf[token] === 0) {
      placeOf[token] = found;
      candidates[found++] = token;
    } else rest += shares[token]!;
  }
  // How many are still to be drawn by chance, of which share of the rest.
  let drawn = count - found;
  let chance = count === shares.length ? Number.POSITIVE_INFINITY : drawn / rest;
  for (const token of order) {
    if (placeOf[token]! >= 0) continue;
    if (count === shares.length || chance * shares[token]! < 1) break;
    rest -= shares[token]!;
    chance = --drawn / rest;
  }
  let [at, sum] = [new RandomSequence(seed, streams.candidates, 0).uniform() * almostOne, 0];
  for (let token = 0; found < count && token < shares.length; token++) {
    if (placeOf[token]! >= 0) continue;
    const own = Math.min(1, chance * shares[token]!);
    sum += own;
    if (sum <= at) continue;
    candidates[found] = token;
    weights[found++] = -Math.log(own);
    at++;
  }
  return { candidates, weights, labels: labels.map(label => (label < 0 ? label : placeOf[label]!)) };
}

/** The inputs that drawCandidates gives beside labels, or drawByShares. */
export function declareCandidates(count: number, vocabulary: number, isByShares: boolean): Candidates {
  const tokens = input("candidates", [count], "i32");
  if (isByShares) return { tokens, weigh: () => input("weights", [count], "f32") };
  const known = input("known", [1], "i32");
  return { tokens, weigh: () => weighUniform(known, count, vocabulary) };
}

/**
 * What was drawn uniformly has log (V - known) / (K - known) added to its logits, so that Σ exp is in expectation that of all tokens (Bengio &
 * Senécal 2008, with a uniform proposal for what is not in the batch).
 */
function weighUniform(known: Tensor, count: number, vocabulary: number): Tensor {
  const left = (of: number) => cast(subtract(of, known), "f32"); // [1]
  const share = log(divide(left(vocabulary), left(count)));
  return select(less(iota(count), known), 0, share);
}

/** What a recipe says of them. */
export interface CandidateSettings {
  readonly candidates: number;
  readonly candidatePower?: number | undefined;
}

/** Sequences of the largest micro-batch that leaves some to be drawn beside what it may predict: any, where candidates are the whole vocabulary. */
export function findMostSequences({ candidates }: CandidateSettings, recipe: ObjectiveRecipe): number {
  if (candidates >= recipe.model.vocabulary) return Number.POSITIVE_INFINITY;
  return Math.floor((candidates - 1) / countMasked(recipe));
}

/** Settings that leave them out, and what would change nothing without them. */
const leaveOut = ({ candidatePower }: CandidateSettings): string[] => [
  "objective.candidates=null",
  ...(candidatePower === undefined ? [] : ["objective.candidatePower=null"]),
];

/** Settings with which a recipe of another vocabulary or length has candidates that can be drawn, or none; empty where it has. */
export function adjustCandidates(settings: CandidateSettings, recipe: ObjectiveRecipe): string[] {
  const { model, train } = recipe;
  if (settings.candidates > model.vocabulary) return leaveOut(settings);
  const most = findMostSequences(settings, recipe);
  if (train.microBatchSequences <= most) return [];
  return most < 1 ? leaveOut(settings) : [`train.microBatchSequences=${2 ** Math.floor(Math.log2(most))}`];
}

/** What is wrong with a number of candidates in a recipe, beginning with its path; undefined where all is well. */
export function findCandidatesFault(settings: CandidateSettings, recipe: ObjectiveRecipe) {
  const { model, loss, train } = recipe;
  const { vocabulary } = model;
  const of = `objective.candidates ${settings.candidates}`;
  const without = leaveOut(settings).join(" ");
  const predicted = train.microBatchSequences * countMasked(recipe);
  const most = findMostSequences(settings, recipe);
  if (settings.candidates > vocabulary || train.microBatchSequences > most) {
    const ways = [
      ...(predicted + 1 < vocabulary ? [`set it from ${predicted + 1} to ${vocabulary}`] : []),
      ...(most >= 1 && Number.isFinite(most) ? [`set train.microBatchSequences to ${most} at most`] : []),
      `leave it out: ${without}`,
    ].join(", or ");
    const message =
      settings.candidates > vocabulary
        ? `${of}: the vocabulary has ${vocabulary}`
        : `${of}: a micro-batch may predict ${predicted} tokens, and some must be drawn beside them`;
    return { message, advice: `${ways[0]!.toUpperCase()}${ways.slice(1)}.` };
  }
  if (loss !== undefined && (loss.name !== "cross-entropy" || loss.labelSmoothing > 0)) {
    const message = `${of} estimate plain cross-entropy, and the loss section asks for another`;
    return { message, advice: `Leave out one of the two: loss=null, or ${without}.` };
  }
  if (model.decoder.logitCap > 0) {
    const message = `${of}: what is drawn weighs more by its logit, which model.decoder.logitCap ${model.decoder.logitCap} would cap`;
    return { message, advice: `Set it to 0, or leave out candidates: ${without}.` };
  }
  return undefined;
}
