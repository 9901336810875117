// Three ways to predict, each for a share of the sequences of every micro-batch: masked tokens, masked tokens from the place before
// them, and every next token from those before it. A prediction of the next token is read where a decoder reads it, so the last
// two teach one model to be both.
//
// B sequences of S tokens in a micro-batch, the masked ones first, then the masked-next ones, then the causal ones.

import { z } from "zod";
import { add, multiply, reshape, slice } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";
import { encode } from "../model/encoder.ts";
import { computeMaskedLoss, computeRowLoss } from "../model/heads.ts";
import { declareEncoderInputs, declarePredictions, type EncoderInputs } from "../model/inputs.ts";
import { countTrainingFlops, leaveRead } from "../model/parameters.ts";
import type { ModelShape } from "../model/shape.ts";
import type { Objective, ObjectiveRecipe, WholeSequences } from "./objective.ts";
import { countMasked, decodedShare } from "./predictions.ts";

const share = z.number().min(0).max(1);

const schema = z.strictObject({
  name: z.literal("mixed"),
  causal: share
    .default(0.125)
    .describe("share of the sequences in which every token is predicted from those before it; GPT-BERT's is 1/16"),
  maskedNext: share
    .default(0)
    .describe("share of them whose masked tokens are predicted from the place before; the rest is masked as ever"),
});

type Settings = z.infer<typeof schema>;

/** Sequences of each kind in a micro-batch. */
function countKinds({ causal, maskedNext }: Settings, { train }: Pick<ObjectiveRecipe, "train">) {
  const { microBatchSequences: B } = train;
  const [next, ahead] = [Math.round(causal * B), Math.round(maskedNext * B)];
  return { masked: B - next - ahead, maskedNext: ahead, causal: next };
}

const isWhole = (sequences: number) => Math.abs(sequences - Math.round(sequences)) < 1e-6;

/** The model as a decoder: each token sees itself and those before it. */
function makeCausal(shape: ModelShape): ModelShape {
  const { mixer } = shape;
  if (mixer.name !== "attention") throw new Error(`a causal ${mixer.name}`);
  return { ...shape, mixer: { ...mixer, causal: true } };
}

/** The batch's tokens from one to before another. */
function cutInputs(inputs: EncoderInputs, from: number, to: number): EncoderInputs {
  const { tokens, documents } = inputs;
  return {
    ...inputs,
    tokens: slice(tokens, 0, from, to),
    ...(documents !== undefined && { documents: slice(documents, 0, from, to) }),
  };
}

/** Mean loss, shape [], of every token but the first of each sequence, tokens (c·S) i32. */
function computeCausalLoss(
  inputs: EncoderInputs,
  parameters: ReadonlyMap<string, Tensor>,
  { model, loss }: ObjectiveRecipe,
): Tensor {
  const { tokens, length: S } = inputs;
  const { width: C } = model;
  const sequences = tokens.shape[0]! / S;
  const causal = makeCausal(model);
  const hidden = encode(inputs, parameters, causal); // (c·S, C)
  const rows = slice(reshape(hidden, [sequences, S, C]), 1, 0, S - 1);
  const labels = slice(reshape(tokens, [sequences, S]), 1, 1, S);
  const count = sequences * (S - 1);
  return computeRowLoss(reshape(rows, [count, C]), reshape(labels, [count]), parameters, causal, { loss });
}

/** The mean over the sequences of what each kind loses: kinds weigh what their shares are, however many predictions each has. */
export const mixed = {
  name: "mixed",
  summary: "masked tokens, masked next tokens and causal next tokens, each in a share of the sequences",
  source: "Charpentier & Samuel 2024, GPT-BERT, arXiv 2410.24159",
  schema,
  feed: (source, settings, recipe) => {
    const kinds = countKinds(settings, recipe);
    const { cut = 1, model } = recipe;
    const { sequenceLength: S } = model;
    const hidden = kinds.masked + kinds.maskedNext;
    const none: WholeSequences = { tokens: new Int32Array(0) };
    const whole = kinds.causal > 0 ? source.readWhole(hidden, kinds.causal) : none;
    if (hidden === 0) return { tokens: whole.tokens, ...(whole.documents && { documents: whole.documents }) };
    const { tokens, positions, labels, documents } = source.readMasked(0, hidden);
    // What stands first in its sequence has no place before it.
    const isRead = (position: number) => position < kinds.masked * S || position % (S / cut) > 0;
    return {
      tokens: Int32Array.of(...tokens, ...whole.tokens),
      ...(documents !== undefined && { documents: Int32Array.of(...documents, ...(whole.documents ?? [])) }),
      positions: positions.map(position =>
        position < kinds.masked * S || !isRead(position) ? position : position - 1,
      ),
      labels: labels.map((label, i) => (isRead(positions[i]!) ? label : -1)),
    };
  },
  computeLoss: (parameters, settings, recipe) => {
    const { model, data, loss, train, cut = 1 } = recipe;
    const { microBatchSequences: B } = train;
    const { sequenceLength: S } = model;
    const { causal } = countKinds(settings, recipe);
    const all = declareEncoderInputs(model, B * cut, S / cut);
    const take = (from: number, to: number) => cutInputs(all, from * S, to * S);
    const weigh = (mean: Tensor, sequences: number) => multiply(mean, sequences / B);
    const next = () => weigh(computeCausalLoss(take(B - causal, B), parameters, recipe), causal);
    if (causal === B) return { loss: next() };
    const masked = B - causal;
    const predictions = declarePredictions(masked * countMasked({ model, data }), cut === 1 ? masked : undefined);
    const inputs = { ...take(0, masked), ...predictions };
    const hidden = weigh(computeMaskedLoss(inputs, parameters, model, { loss, hasGaps: true }), masked);
    return { loss: causal === 0 ? hidden : add(hidden, next()) };
  },
  findLeastSequences: ({ causal, maskedNext }) => {
    const sizes = Array.from({ length: 11 }, (_, exponent) => 2 ** exponent);
    return sizes.find(size => isWhole(causal * size) && isWhole(maskedNext * size)) ?? 1;
  },
  countFlops: (settings, recipe) => {
    const { causal } = countKinds(settings, recipe);
    const [nextShare, S] = [causal / recipe.train.microBatchSequences, recipe.model.sequenceLength];
    const hidden = (1 - nextShare) * decodedShare(recipe);
    const tokensAt = leaveRead(recipe.model, hidden + nextShare);
    return countTrainingFlops(recipe.model, hidden + (nextShare * (S - 1)) / S, tokensAt);
  },
  findFault: (settings, { model, train }) => {
    const { microBatchSequences: B } = train;
    if (settings.causal + settings.maskedNext > 1 + 1e-9) {
      const message = `objective.causal ${settings.causal} and maskedNext ${settings.maskedNext} are more than all sequences`;
      return { message, advice: "Lower one." };
    }
    if (settings.causal === 0 && settings.maskedNext === 0) {
      return {
        message: "objective.causal and maskedNext are both 0, so all is masked",
        advice: "Set objective.name=masked.",
      };
    }
    for (const name of ["causal", "maskedNext"] as const) {
      const sequences = settings[name] * B;
      if (isWhole(sequences)) continue;
      const message = `objective.${name} ${settings[name]} of train.microBatchSequences ${B} is no whole number of sequences`;
      return {
        message,
        advice: `Set one of the two such that it is: objective.${name}=${Math.max(1, Math.round(sequences)) / B}.`,
      };
    }
    if (model.sequenceLength < 2)
      return {
        message: "objective.name mixed predicts next tokens, and a sequence has one",
        advice: "Raise model.sequenceLength.",
      };
    return settings.causal > 0 ? findCausalFault(settings, model) : undefined;
  },
} as const satisfies Objective<Settings>;

/** What in a model shows a token those behind it, or cannot hide them. */
function findCausalFault({ causal, maskedNext }: Settings, { mixer, embedding, strides }: ModelShape) {
  const hide = `objective.name mixed hides the tokens behind each in a share of the sequences, objective.causal ${causal}`;
  const leave = maskedNext > 0 ? "objective.causal=0" : "objective.causal=0 and a share of objective.maskedNext,";
  if (strides.length > 0) {
    const message = `${hide}, and model.strides make rows of several tokens`;
    return { message, advice: `Set ${leave} or leave out model.strides.` };
  }
  if (mixer.name !== "attention") {
    return {
      message: `${hide}, and model.mixer.name ${mixer.name} shows all`,
      advice: `Set ${leave} or model.mixer.name=attention.`,
    };
  }
  if (mixer.scores === "norm") {
    const message = `${hide}, and model.mixer.scores norm makes the one score of a first token 0`;
    return { message, advice: `Set ${leave} or model.mixer.scores=softmax.` };
  }
  const showing = embedding.tokenShift ? "tokenShift=false" : embedding.neighbours > 0 ? "neighbours=0" : undefined;
  if (showing !== undefined) {
    const message = `${hide}, and model.embedding.${showing.split("=")[0]} shows the next one`;
    return { message, advice: `Set ${leave} or model.embedding.${showing}.` };
  }
  return undefined;
}
