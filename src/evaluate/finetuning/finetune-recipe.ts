// How a model is finetuned: one flat recipe for every task of a suite, checked at the boundary, with the nearest name for a
// misspelt key. The defaults are the paper's; recipes/glue.ts spells them out.

import { z } from "zod";
import { contentHash } from "../../base/files/files.ts";
import { classifierHeads, poolers } from "../../model/classifier.ts";
import { listPaths } from "../../settings/schema.ts";
import { assignSettings, checkSettings } from "../../settings/settings.ts";

const positive = z.number().int().min(1).max(131_072);
/** Of a moving mean, which 1 would stop. */
const fraction = z.number().min(0).lt(1);

/** Of keys that recipes did not always have: stored results of that time are of these values. */
const defaults = { head: "tanh" } as const;

const recipeSchema = z.strictObject({
  name: z.string().min(1),
  /** Peak learning rate of AdamW. */
  learningRate: z.number().positive().max(1e30),
  batchSequences: positive,
  epochs: positive,
  schedule: z.enum(["cosine", "linear"]),
  /** Share of the task's own steps over which the rate rises from 0. */
  warmup: z.number().min(0).lt(1),
  /** Tokens of an example, special ones included, at most. */
  maxLength: positive,
  dropout: z.number().min(0).lt(1),
  beta1: fraction,
  beta2: fraction,
  epsilon: z.number().min(1e-37).max(1),
  weightDecay: z.number().min(0).max(1e3),
  /** Global gradient norm above which the gradient is scaled down to it; 0 turns clipping off. */
  clip: z.number().min(0).max(1e30),
  pooler: z.enum(poolers),
  /** After the wide layer: tanh, or GELU and a norm, which Hugging Face's ModernBERT has. */
  head: z.enum(classifierHeads).default(defaults.head),
  headWidth: positive,
  /** What happens to texts longer than maxLength: cut, the longest first, or an error. */
  longTexts: z.enum(["truncate", "refuse"]),
  /** Type of what products read: bf16 or f16 (sums and parameters stay f32), f32, or auto, the fastest of them on the device. */
  precision: z.enum(["auto", "f32", "bf16", "f16"]),
});

export type FinetuneRecipe = z.infer<typeof recipeSchema>;

const kind = {
  noun: "a finetuning recipe",
  advice: "Correct this value, or leave --recipe out and change single values with --set.",
};

/** Checks a value from outside; UserErrors E_RECIPE_KEY and E_RECIPE_VALUE. `origin` names where it came from. */
export function checkFinetuneRecipe(value: unknown, origin: string): FinetuneRecipe {
  return checkSettings(recipeSchema, value, origin, kind);
}

/** Applies `--set key=value` pairs, as assignSettings says. */
export function overrideFinetuneRecipe(recipe: FinetuneRecipe, assignments: readonly string[]): FinetuneRecipe {
  return assignSettings(recipeSchema, recipe, assignments, recipe.name, kind);
}

/** Names the recipe by what it does: two recipes that differ in their name alone give the same scores. */
export function hashFinetuneRecipe(recipe: FinetuneRecipe): string {
  const keys = listPaths(recipeSchema);
  const valueAt = (key: string) => recipe[key as keyof FinetuneRecipe];
  const isSaid = (key: string) => !(key in defaults) || valueAt(key) !== defaults[key as keyof typeof defaults];
  return contentHash(JSON.stringify(keys.filter(key => key !== "name" && isSaid(key)).map(valueAt)));
}
