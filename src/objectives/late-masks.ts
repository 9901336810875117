// Late masks: a masked language model whose masks are not there in the first layers. Those see the text that is left, which is shorter,
// and the masks join behind them with the embedding of <mask> and their position. A place that is predicted and shows a token, its own or
// a random one, is there from the first layer on. Validation measures the same masks, let in at the same layer.
//
// B sequences of S tokens, of which M show <mask>, and K = S - M are there from the first layer on.

import { z } from "zod";
import { countOf } from "../base/printable.ts";
import type { MaskedBatch } from "../dataset/dataset.ts";
import { plainMask } from "../dataset/mask-units.ts";
import { input } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";
import { encode } from "../model/encoder.ts";
import { computeRowLoss } from "../model/heads.ts";
import { declareMaskedInputs } from "../model/inputs.ts";
import type { Parameters } from "../model/layer-parts.ts";
import { countTrainingFlops, leaveRead } from "../model/parameters.ts";
import { countDepths, type ModelShape } from "../model/shape.ts";
import type { TokenLossSettings } from "../nn/token-losses/token-losses.ts";
import { findDetourFault } from "./detour-faults.ts";
import type { Batch, Objective, ObjectiveRecipe } from "./objective.ts";
import { countMasked, countValidated, decodedShare, mayLackPredictions } from "./predictions.ts";

const schema = z.strictObject({
  name: z.literal("late-masks"),
  lastLayers: z.number().int().min(1).max(256).default(2).describe("layers at the end in which masks are there"),
});

type Settings = z.infer<typeof schema>;

/** Places of a sequence that show <mask>, of this many that are predicted. */
const countShown = (predicted: number, masked: number) => Math.round(masked * predicted);

const countTrained = (recipe: ObjectiveRecipe) =>
  countShown(countMasked(recipe), (recipe.data.mask ?? plainMask).masked);

/** The batch with `early`, (B·K): the places that are there from the first layer on, ascending; `late` of each sequence are not. */
function addEarlyPlaces(batch: MaskedBatch, late: number, mask: number, S: number): Batch {
  const B = batch.tokens.length / S;
  const predicted = batch.positions.length / B;
  const early = Array.from({ length: B }, (_, sequence) => {
    const own = [...batch.positions.subarray(sequence * predicted, (sequence + 1) * predicted)];
    // A random token may happen to be <mask>, so those are counted off.
    const shown = [
      ...own.filter(place => batch.tokens[place] === mask),
      ...own.filter(place => batch.tokens[place] !== mask),
    ];
    const left = new Set(shown.slice(0, late));
    return Array.from({ length: S }, (_, place) => sequence * S + place).filter(place => !left.has(place));
  });
  return { ...batch, early: Int32Array.from(early.flat()) };
}

function computeLateLoss(
  parameters: Parameters,
  { lastLayers }: Settings,
  { model, train }: ObjectiveRecipe,
  predicted: number,
  late: number,
  loss: TokenLossSettings | undefined,
): Tensor {
  const { microBatchSequences: B } = train;
  const inputs = declareMaskedInputs(model, B, B * predicted);
  const rows = input("early", [B * (model.sequenceLength - late)], "i32");
  const detour = { rows, from: 0, to: countDepths(model) - lastLayers, seesAll: false };
  const hidden = encode(inputs, parameters, model, { rows: inputs.positions, detour });
  return computeRowLoss(hidden, inputs.labels, parameters, model, { loss });
}

export const lateMasks = {
  name: "late-masks",
  summary: "masked tokens are predicted, and masks enter at the last layers alone",
  source: "Liao et al. 2022, 3ML, arXiv 2211.04898",
  schema,
  cutFault: "leaves one number of masks out of every sequence, and pieces of one have unequal numbers",
  feed: (source, _, recipe) => {
    const batch = source.readMasked(0, recipe.train.microBatchSequences);
    return addEarlyPlaces(batch, countTrained(recipe), source.mask, recipe.model.sequenceLength);
  },
  computeLoss: (parameters, settings, recipe) => {
    const predicted = countMasked(recipe);
    return { loss: computeLateLoss(parameters, settings, recipe, predicted, countTrained(recipe), recipe.loss) };
  },
  validation: {
    feed: (batch, mask, _, { model }) =>
      addEarlyPlaces(batch, countShown(countValidated({ model }), plainMask.masked), mask, model.sequenceLength),
    computeLoss: (parameters, settings, recipe) => {
      const predicted = countValidated(recipe);
      return computeLateLoss(
        parameters,
        settings,
        recipe,
        predicted,
        countShown(predicted, plainMask.masked),
        undefined,
      );
    },
  },
  headFault: "its masks entered at the last layers alone, and whoever reads it elsewhere shows them to every layer",
  countFlops: ({ lastLayers }, recipe) => {
    const { model } = recipe;
    const { sequenceLength: S } = model;
    const early = S - countTrained(recipe);
    const lastAt = leaveRead(model, decodedShare(recipe));
    return countTrainingFlops(model, decodedShare(recipe), depth =>
      depth < countDepths(model) - lastLayers ? { entering: early, leaving: early } : lastAt(depth),
    );
  },
  findFault: ({ lastLayers }, recipe) => {
    const { model, data } = recipe;
    if (lastLayers >= countDepths(model)) {
      const message = `objective.lastLayers ${lastLayers} leave none of ${countOf(countDepths(model), "layer")} without masks`;
      return { message, advice: "Lower it, raise model.layers, or set objective.name=masked." };
    }
    if (mayLackPredictions(data)) {
      const changing = (["finalMaskFraction", "maskSchedule"] as const).find(key => data[key] !== undefined);
      const name = `data.${changing ?? "mask"}`;
      const message = `${name} masks another number of tokens in every sequence, and objective.name late-masks needs one number`;
      return { message, advice: "Mask single tokens, specials predicted, at one rate, or take another objective." };
    }
    const late = countTrained(recipe);
    if (late === 0 || late === model.sequenceLength) {
      const message = `data masks ${late === 0 ? "no" : "every"} token of a sequence, and objective.name late-masks leaves masks out of the first layers`;
      return { message, advice: `${late === 0 ? "Raise" : "Lower"} data.maskFraction or data.mask.masked.` };
    }
    return findDetourFault(model) ?? findEarlyFault(model);
  },
} as const satisfies Objective<Settings>;

/** What shows the first layers masks all the same, or reads there what masks lack. */
function findEarlyFault({ embedding, mixer }: ModelShape) {
  const found = [
    embedding.tokenShift && "embedding.tokenShift shows tokens the masks beside them",
    embedding.neighbours > 0 && "embedding.neighbours shows tokens the masks beside them",
    embedding.bigramRows > 0 && "embedding.bigramRows shows tokens the masks before them",
    mixer.name === "attention" &&
      mixer.valueResidual &&
      "mixer.valueResidual adds the first layer's values, which masks lack",
  ].find(each => each !== false);
  if (found === undefined) return undefined;
  return {
    message: `model.${found}, and objective.name late-masks lets masks in later`,
    advice: "Leave it out, or take another objective.",
  };
}
