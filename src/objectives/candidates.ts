// A loss that is told apart from some of the vocabulary and not from all of it: every token that a micro-batch predicts, and as many
// others, drawn uniformly, as make up a fixed number of candidates. Each of those drawn stands for its share of all that were not, so the
// sum of exponentials is that of the whole vocabulary in expectation, and so is its gradient: the head costs what its candidates do.
//
// P predictions, V tokens of the vocabulary, K candidates.

import { RandomSequence, streams } from "../base/random.ts";
import { input } from "../graph/operations.ts";
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

/** The inputs that drawCandidates gives beside labels. */
export const declareCandidates = (count: number): Candidates => ({
  tokens: input("candidates", [count], "i32"),
  known: input("known", [1], "i32"),
});

/** What is wrong with a number of candidates in a recipe, beginning with its path; undefined where all is well. */
export function findCandidatesFault(count: number, recipe: ObjectiveRecipe) {
  const { model, loss, train } = recipe;
  const predicted = train.microBatchSequences * countMasked(recipe);
  const of = `objective.candidates ${count}`;
  if (count > model.vocabulary) {
    return { message: `${of}: the vocabulary has ${model.vocabulary}`, advice: "Lower it, or leave it out." };
  }
  if (count < model.vocabulary && count <= predicted) {
    const message = `${of}: a micro-batch may predict ${predicted} tokens, and some must be drawn beside them`;
    const advice = `Set it to ${predicted + 1} at least, or make the micro-batch, its sequences or their larger share of masks smaller.`;
    return { message, advice };
  }
  if (loss !== undefined && (loss.name !== "cross-entropy" || loss.labelSmoothing > 0)) {
    const message = `${of} estimate plain cross-entropy, and the loss section asks for another`;
    return { message, advice: "Leave out one of the two." };
  }
  if (model.decoder.logitCap > 0) {
    const message = `${of}: what is drawn weighs more by its logit, which model.decoder.logitCap ${model.decoder.logitCap} would cap`;
    return { message, advice: "Set it to 0, or leave out objective.candidates." };
  }
  return undefined;
}
