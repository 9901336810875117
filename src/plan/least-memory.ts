// What a run takes at least, by arithmetic alone: one that no memory here holds is refused before anything is compiled or
// allocated, with sizes that would do.

import { UserError } from "../base/errors.ts";
import { countBytes, type Shape, type TensorType } from "../graph/tensor.ts";
import { countMasked } from "../objectives/predictions.ts";
import { defineTraining } from "../train/definition.ts";
import type { UpdateShare } from "../train/ranks/share-update.ts";
import type { Recipe } from "../train/recipe.ts";
import { listGradients } from "../train/step/states.ts";

/**
 * UserError E_MEMORY where the run cannot fit into `room` bytes, whatever the compiler makes of it. With a share, that of a rank that takes
 * this one of the update.
 */
export function checkLeastMemory(recipe: Recipe, room: number, share?: UpdateShare): void {
  const needed = countLeastBytes(recipe, share);
  if (needed <= room) return;
  throw new UserError(
    "E_MEMORY",
    `the run needs ${formatGigabytes(needed)} at least, and ${formatGigabytes(room)} are there`,
    suggestSizes(recipe, room),
  );
}

/** Parameters, gradients and moments, and what every layer begins with, which backward reads, in two bytes an element. */
export function countLeastBytes(recipe: Recipe, share?: UpdateShare): number {
  const { model } = recipe;
  return countStateBytes(recipe, share) + 2 * countTokens(recipe) * model.layers * model.width;
}

/** More than any compiled program takes: all that forward computes is kept, in f32. */
export function countAmpleBytes(recipe: Recipe): number {
  const { width, layers, feedForward, vocabulary } = recipe.model;
  const kept = layers * (12 * width + 3 * feedForward) + 12 * width;
  const predicted = recipe.train.microBatchSequences * countMasked(recipe);
  return countStateBytes(recipe) + 4 * (countTokens(recipe) * kept + 4 * predicted * (vocabulary + width)) + 1e6;
}

const countTokens = ({ train, model }: Recipe) => train.microBatchSequences * model.sequenceLength;

function countStateBytes(recipe: Recipe, share?: UpdateShare): number {
  const definition = defineTraining(recipe, undefined, share);
  const count = (types: Iterable<TensorType>) => [...types].reduce((sum, type) => sum + countBytes(type), 0);
  const ofShapes = (shapes: ReadonlyMap<string, Shape>) =>
    count(Array.from(shapes.values(), shape => ({ shape, dtype: "f32" })));
  return ofShapes(definition.parameters) + ofShapes(listGradients(definition)) + count(definition.moments.values());
}

const sizes = ["microBatchSequences", "layers", "width", "feedForward", "sequenceLength"] as const;
type Size = (typeof sizes)[number];

function suggestSizes(recipe: Recipe, room: number): string {
  const alone = sizes.flatMap(size => shrinkUntil(recipe, [size], room) ?? []);
  if (alone.length > 0) return `${alone.join(", or ")} would do.`;
  const together = shrinkUntil(recipe, sizes.slice(0, 4), room) ?? shrinkUntil(recipe, sizes, room);
  return together === undefined ? "End other programs, or use a larger machine." : `${together} would do.`;
}

/** Settings with these sizes halved until the run fits for sure; undefined where it does not however often. */
function shrinkUntil(recipe: Recipe, halved: readonly Size[], room: number): string | undefined {
  let before = "";
  for (let divisor = 2; ; divisor *= 2) {
    const smaller = divideSizes(recipe, halved, divisor);
    if (JSON.stringify(smaller) === before) return undefined;
    before = JSON.stringify(smaller);
    if (countAmpleBytes(smaller) > room) continue;
    return halved
      .map(size =>
        size === "microBatchSequences"
          ? `train.${size}=${smaller.train[size]}`
          : `model.${size}=${smaller.model[size]}`,
      )
      .join(" and ");
  }
}

function divideSizes(recipe: Recipe, divided: readonly Size[], divisor: number): Recipe {
  const { model, train } = recipe;
  /** A multiple of `unit`, which is the least. */
  const divide = (size: Size, value: number, unit: number) =>
    divided.includes(size) ? Math.max(1, Math.floor(value / divisor / unit)) * unit : value;
  return {
    ...recipe,
    train: { ...train, microBatchSequences: divide("microBatchSequences", train.microBatchSequences, 1) },
    model: {
      ...model,
      layers: divide("layers", model.layers, Math.max(1, model.rotaryBases?.length ?? 0)),
      width: divide("width", model.width, 2 * model.heads),
      feedForward: divide("feedForward", model.feedForward, 2),
      sequenceLength: divide("sequenceLength", model.sequenceLength, 16),
    },
  };
}

const formatGigabytes = (bytes: number) => `${(bytes / 1e9).toLocaleString("en-US", { maximumFractionDigits: 1 })} GB`;
