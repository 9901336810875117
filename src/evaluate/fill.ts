// Fills masks: the model's own distribution over the vocabulary at each masked place. The graph is built at the sentence's own
// length, so no padding changes the answer.

import type { Backend } from "../backends/backend.ts";
import { placeParameters } from "../backends/placed-parameters.ts";
import { UserError } from "../base/errors.ts";
import type { StoredTensor } from "../checkpoint/safetensors.ts";
import { input, state } from "../graph/operations.ts";
import { predictTokens } from "../model/heads.ts";
import { declareEncoderInputs, makeTables } from "../model/inputs.ts";
import type { ModelShape } from "../model/shape.ts";
import { requireFiniteAnswers } from "../pretrained/finite-answers.ts";

export interface Candidate {
  readonly token: number;
  readonly probability: number;
}

export interface Filler {
  /** For each position of `masked`, the likeliest tokens, best first. */
  fill(tokens: readonly number[], masked: readonly number[], count: number): Promise<Candidate[][]>;
}

/**
 * Puts the parameters on the backend once; each fill loads a graph of its own length. Tokens that are no candidates count in the
 * probabilities of the others.
 */
export function openFiller(
  backend: Backend,
  model: ModelShape,
  parameters: readonly StoredTensor[],
  isCandidate: (token: number) => boolean = () => true,
): Filler {
  const states = placeParameters(backend, parameters);
  const tensors = new Map(parameters.map(({ name, shape }) => [name, state(name, shape)] as const));
  return {
    fill: async (tokens, masked, count) => {
      const length = tokens.length;
      if (length > model.sequenceLength) {
        throw new UserError(
          "E_TEXT_LENGTH",
          `the text has ${length} tokens and the model was trained on ${model.sequenceLength}`,
          "Shorten the text.",
        );
      }
      const positions = input("positions", [masked.length], "i32");
      const logits = predictTokens({ ...declareEncoderInputs(model, 1, length), positions }, tensors, model);
      const graph = await backend.load({ outputs: { logits }, updates: {} }, states);
      const outputs = await graph.run({
        tokens: Int32Array.from(tokens),
        positions: Int32Array.from(masked),
        ...makeTables(model, length),
      });
      requireFiniteAnswers(outputs.logits!);
      return masked.map((_, row) => {
        const start = row * model.vocabulary;
        return rankTokens(outputs.logits!.slice(start, start + model.vocabulary), count, isCandidate);
      });
    },
  };
}

/** Softmax of the logits, the `count` likeliest candidates first. */
function rankTokens(logits: ArrayLike<number>, count: number, isCandidate: (token: number) => boolean): Candidate[] {
  const values = Array.from(logits);
  const highest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const weights = values.map(value => Math.exp(value - highest));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights
    .map((weight, token) => ({ token, probability: weight / total }))
    .filter(({ token }) => isCandidate(token))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, count);
}
