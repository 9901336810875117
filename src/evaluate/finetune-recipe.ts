// How a model is finetuned: one flat recipe for every task of a suite, checked at the boundary, with the nearest name for a
// misspelt key. The defaults are the paper's; recipes/glue.ts spells them out.

import { z } from "zod";
import { nearestNames, UserError } from "../base/errors.ts";
import { contentHash } from "../base/files.ts";
import { classifierHeads, poolers } from "../model/classifier.ts";

const positive = z.number().int().positive();
const fraction = z.number().min(0).max(1);

/** Of keys that recipes did not always have: stored results of that time are of these values. */
const defaults = { head: "tanh" } as const;

const recipeSchema = z.strictObject({
  name: z.string().min(1),
  /** Peak learning rate of AdamW. */
  learningRate: z.number().positive(),
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
  epsilon: z.number().positive(),
  weightDecay: z.number().min(0),
  /** Global gradient norm above which the gradient is scaled down to it; 0 turns clipping off. */
  clip: z.number().min(0),
  pooler: z.enum(poolers),
  /** After the wide layer: tanh, or GELU and a norm, which Hugging Face's ModernBERT has. */
  head: z.enum(classifierHeads).default(defaults.head),
  headWidth: positive,
  /** What happens to texts longer than maxLength: cut, the longest first, or an error. */
  longTexts: z.enum(["truncate", "refuse"]),
  /** Type of what products read: bf16 (sums and parameters stay f32), f32, or auto, the faster one on the device. */
  precision: z.enum(["auto", "f32", "bf16"]),
});

export type FinetuneRecipe = z.infer<typeof recipeSchema>;

const keys = Object.keys(recipeSchema.shape);

/** Checks a value from outside; UserErrors E_RECIPE_KEY and E_RECIPE_VALUE. `origin` names where it came from. */
export function checkFinetuneRecipe(value: unknown, origin: string): FinetuneRecipe {
  const parsed = recipeSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  if (issue.code === "unrecognized_keys") throw unknownKey(issue.keys[0]!, origin);
  const key = String(issue.path[0] ?? "");
  const seen = JSON.stringify((value as Record<string, unknown> | undefined)?.[key]) ?? "nothing";
  throw new UserError(
    "E_RECIPE_VALUE",
    `${origin}: ${key || "the recipe"}: ${issue.message} (found ${seen})`,
    "Correct this value; recipes/glue.ts has a whole finetuning recipe to compare with.",
  );
}

/** Applies `--set key=value` pairs; values are read as JSON where they are JSON, as text otherwise. */
export function overrideFinetuneRecipe(recipe: FinetuneRecipe, assignments: readonly string[]): FinetuneRecipe {
  const changed: Record<string, unknown> = { ...recipe };
  for (const assignment of assignments) {
    const match = /^([^=]+)=(.*)$/s.exec(assignment);
    if (match === null) throw new UserError("E_SET", `--set ${assignment}: no "="`, "Write --set name=value.");
    const key = match[1]!.trim();
    if (!keys.includes(key)) throw unknownKey(key, "--set");
    changed[key] = readValue(match[2]!);
  }
  return checkFinetuneRecipe(changed, assignments.length > 0 ? `--set ${assignments.join(" ")}` : recipe.name);
}

/** Names the recipe by what it does: two recipes that differ in their name alone give the same scores. */
export function hashFinetuneRecipe(recipe: FinetuneRecipe): string {
  const valueAt = (key: string) => recipe[key as keyof FinetuneRecipe];
  const isSaid = (key: string) => !(key in defaults) || valueAt(key) !== defaults[key as keyof typeof defaults];
  return contentHash(JSON.stringify(keys.filter(key => key !== "name" && isSaid(key)).map(valueAt)));
}

function readValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function unknownKey(key: string, origin: string): UserError {
  const near = nearestNames(key, keys);
  return new UserError(
    "E_RECIPE_KEY",
    `${origin}: a finetuning recipe has no "${key}"`,
    near.length > 0 ? `Did you mean ${near.join(" or ")}?` : `It has ${keys.join(", ")}.`,
  );
}
