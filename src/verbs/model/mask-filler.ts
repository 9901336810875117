// Fills masks: the model's own distribution over the vocabulary at each masked place. A program serves texts up to its length and
// as many masks; padding is left out of attention, so it changes nothing.

import type { Backend, DeviceBuffer, HostArray, LoadedGraph } from "../../backends/backend.ts";
import type { StoredTensor } from "../../checkpoint/safetensors.ts";
import { bucketOfFew } from "../../evaluate/finetuning/length-buckets.ts";
import { input, state } from "../../graph/operations.ts";
import { predictTokens } from "../../model/heads.ts";
import { declareEncoderInputs, makeTables } from "../../model/inputs.ts";
import type { ModelShape } from "../../model/shape.ts";
import { requireFiniteAnswers } from "../../pretrained/finite-answers.ts";

export interface Candidate {
  readonly token: number;
  readonly probability: number;
}

export interface Filler {
  /** `tokens` are no more than the model's sequences have. For each position of `masked`, the likeliest tokens, best first. */
  fill(tokens: readonly number[], masked: readonly number[], count: number): Promise<Candidate[][]>;
}

/**
 * Over parameters that stand on the backend. Tokens that are no candidates count in the probabilities of the
 * others.
 */
export function openFiller(
  backend: Backend,
  model: ModelShape,
  parameters: readonly Pick<StoredTensor, "name" | "shape">[],
  isCandidate: (token: number) => boolean,
  states: ReadonlyMap<string, DeviceBuffer>,
): Filler {
  const tensors = new Map(parameters.map(({ name, shape }) => [name, state(name, shape)] as const));
  const programs = new Map<string, Promise<LoadedGraph>>();
  const load = (length: number, places: number): Promise<LoadedGraph> => {
    const key = `${length} ${places}`;
    const positions = input("positions", [places], "i32");
    const inputs = { ...declareEncoderInputs(model, 1, length), lengths: input("lengths", [1], "i32"), positions };
    const program =
      programs.get(key) ??
      backend.load({ outputs: { logits: predictTokens(inputs, tensors, model) }, updates: {} }, states);
    programs.set(key, program);
    return program;
  };
  return {
    fill: async (tokens, masked, count) => {
      const length = bucketOfFew(tokens.length, model.sequenceLength);
      // A power of two, so that few programs serve all texts; places beyond the masks are the first token.
      const places = 2 ** Math.ceil(Math.log2(masked.length));
      const graph = await load(length, places);
      const padded = new Int32Array(length);
      padded.set(tokens);
      const positions = new Int32Array(places);
      positions.set(masked);
      const lengths = Int32Array.of(tokens.length);
      const outputs = await graph.run({ tokens: padded, positions, lengths, ...makeTables(model, length) });
      requireFiniteAnswers(outputs.logits!);
      return masked.map((_, row) => {
        const start = row * model.vocabulary;
        return rankTokens(outputs.logits!.subarray(start, start + model.vocabulary), count, isCandidate);
      });
    },
  };
}

/** Softmax of the logits, the `count` likeliest candidates first, of equals the one with the lower number. */
function rankTokens(logits: HostArray, count: number, isCandidate: (token: number) => boolean): Candidate[] {
  let highest = Number.NEGATIVE_INFINITY;
  for (const logit of logits) highest = Math.max(highest, logit);
  let total = 0;
  for (const logit of logits) total += Math.exp(logit - highest);
  // A vocabulary has tens of thousands of tokens, of which a handful is asked for: whoever beats none of them is passed over.
  const best: number[] = [];
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token]!;
    if (best.length === count && !(logit > logits[best.at(-1)!]!)) continue;
    if (!isCandidate(token)) continue;
    let place = best.length;
    while (place > 0 && logit > logits[best[place - 1]!]!) place--;
    best.splice(place, 0, token);
    if (best.length > count) best.pop();
  }
  return best.map(token => ({ token, probability: Math.exp(logits[token]! - highest) / total }));
}
