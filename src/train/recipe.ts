// What a run is: one typed value with a section per room. Types catch unknown keys in recipes/*.ts; the schema below
// catches them in JSON files and --set, with the nearest name. The resolved recipe is stored in the run.

import { z } from "zod";
import { nearestNames, UserError } from "../base/errors.ts";
import { findShapeFault } from "../model/shape.ts";
import { parseBudget } from "./budget.ts";

const positive = z.number().int().positive();
const fraction = z.number().min(0).max(1);
const rate = z.number().positive();

export const modelSchema = z.strictObject({
  width: positive,
  layers: positive,
  heads: positive,
  /** Width of the feed-forward's input projection; with a gate its output projection reads half of it. */
  feedForward: positive,
  vocabulary: positive,
  sequenceLength: positive,
  positions: z.enum(["scaled-sinusoidal", "rotary", "learned"]),
  // What src/model/shape.ts says of these; without them the model is crammed BERT.
  normalisation: z.enum(["pre", "post"]).exactOptional(),
  normEpsilon: rate.exactOptional(),
  firstAttentionNorm: z.boolean().exactOptional(),
  biases: z.boolean().exactOptional(),
  activation: z.enum(["geglu", "gelu"]).exactOptional(),
  segments: z.boolean().exactOptional(),
  rotaryBases: z.array(rate).exactOptional(),
  head: z.enum(["tied", "transform"]).exactOptional(),
});

const data = z.strictObject({
  /** Share of each sequence's positions that are predicted. */
  maskFraction: z.number().gt(0).max(1),
  /** Held-out sequences that every validation reads, at most. */
  validationSequences: positive,
});

const adamw = {
  /** Peak learning rate of AdamW. */
  learningRate: rate,
  beta1: fraction,
  beta2: fraction,
  epsilon: rate,
  weightDecay: z.number().min(0),
  /** Global gradient norm above which the gradient is scaled down to it; 0 turns clipping off. */
  clip: z.number().min(0),
};
/** Muon trains the hidden matrices; AdamW, with its own rate, the rest. */
const muon = {
  muonLearningRate: rate.default(0.02),
  muonMomentum: fraction.default(0.95),
};
const optimizer = z.discriminatedUnion("name", [
  z.strictObject({ name: z.literal("adamw"), ...adamw }),
  z.strictObject({ name: z.literal("muon"), ...adamw, ...muon }),
]);

const schedule = z.strictObject({
  learningRate: z.enum(["budget-triangle2"]),
  /** Sequences of one step at full batch. */
  batchSequences: positive,
  /** The batch grows linearly from one micro-batch to batchSequences over this share of the budget; 0: no ramp. */
  batchRamp: fraction,
});

const train = z.strictObject({
  /** "24h", "5m", "90s", or "300steps" for a run that does not depend on the machine's speed. */
  budget: z.string(),
  /** Sequences of one pass through the model. */
  microBatchSequences: positive,
  /** Type of what products read: bf16 (sums and parameters stay f32), f32, or auto, the faster one on the device. */
  precision: z.enum(["auto", "f32", "bf16"]),
  seed: z.number().int().nonnegative(),
  /** Validations over the whole budget, at equal distances of progress; the last is at the end. */
  validations: positive,
  checkpointEverySeconds: z.number().positive(),
  /** This many non-finite steps in a row end the run. */
  badStepsAllowed: positive,
});

const recipeSchema = z.strictObject({ name: z.string().min(1), model: modelSchema, data, optimizer, schedule, train });

export type Recipe = z.infer<typeof recipeSchema>;

/** Checks a value from outside against the schema and the rules between fields. `origin` names where it came from. */
export function checkRecipe(value: unknown, origin: string): Recipe {
  const parsed = recipeSchema.safeParse(value);
  if (!parsed.success) throw explainIssue(parsed.error.issues[0]!, value, origin);
  const recipe = parsed.data;
  parseBudget(recipe.train.budget);
  const wrong = (message: string, advice: string) => new UserError("E_RECIPE_VALUE", `${origin}: ${message}`, advice);
  const fault = findShapeFault(recipe.model);
  if (fault !== undefined) throw wrong(`model.${fault.message}`, fault.advice);
  if (Math.round(recipe.data.maskFraction * recipe.model.sequenceLength) < 1) {
    throw wrong("data.maskFraction masks no position of a sequence", "Raise it, or model.sequenceLength.");
  }
  return recipe;
}

/**
 * Applies `--set path=value` pairs. A path that is not in the recipe is an error: nothing is silently ignored.
 * Values are read as JSON where they are JSON, as text otherwise.
 */
export function overrideRecipe(recipe: Recipe, assignments: readonly string[]): Recipe {
  const changed: Record<string, unknown> = structuredClone(recipe);
  const known = listPaths(recipe);
  const given = new Set<string>();
  for (const assignment of assignments) {
    const match = /^([^=]+)=(.*)$/s.exec(assignment);
    if (match === null) {
      throw new UserError("E_SET", `--set ${assignment}: no "="`, "Write --set section.name=value.");
    }
    const path = match[1]!.trim();
    if (!known.includes(path)) throw unknownKey(path, known, "--set");
    given.add(path);
    const [section, key] = path.split(".") as [string, string?];
    if (key === undefined) changed[section] = match[2];
    else (changed[section] as Record<string, unknown>)[key] = readValue(match[2]!);
  }
  const section = changed.optimizer as Record<string, unknown>;
  if (section.name === "adamw") {
    for (const key of Object.keys(muon)) if (!given.has(`optimizer.${key}`)) delete section[key];
  }
  return checkRecipe(changed, assignments.length > 0 ? `--set ${assignments.join(" ")}` : "recipe");
}

/** Every path that some recipe has. */
function listPaths(recipe: Recipe): string[] {
  const own = Object.entries(recipe).flatMap(([section, value]) =>
    typeof value === "object" ? Object.keys(value).map(key => `${section}.${key}`) : [section],
  );
  const optional = [...listKeys(["model"]), ...Object.keys(muon).map(key => `optimizer.${key}`)];
  return [...new Set([...own, ...optional])];
}

function readValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function unknownKey(key: string, known: readonly string[], origin: string): UserError {
  const near = nearestNames(key, known);
  return new UserError(
    "E_RECIPE_KEY",
    `${origin}: a recipe has no "${key}"`,
    near.length > 0 ? `Did you mean ${near.join(" or ")}?` : `It has ${known.join(", ")}.`,
  );
}

function explainIssue(issue: z.core.$ZodIssue, value: unknown, origin: string): UserError {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    const key = [...path, issue.keys[0]!].join(".");
    if (path[0] === "optimizer" && issue.keys[0]! in muon) {
      return new UserError(
        "E_RECIPE_KEY",
        `${origin}: ${key} changes nothing under adamw`,
        "Set optimizer.name to muon.",
      );
    }
    return unknownKey(key, listKeys(path), origin);
  }
  let seen = value;
  for (const key of path) seen = (seen as Record<string, unknown> | undefined)?.[key];
  return new UserError(
    "E_RECIPE_VALUE",
    `${origin}: ${path.join(".") || "the recipe"}: ${issue.message} (found ${JSON.stringify(seen) ?? "nothing"})`,
    "Correct this value; recipes/ has whole recipes to compare with.",
  );
}

/** The keys of a section by their whole paths, or the sections. */
function listKeys(path: readonly string[]): string[] {
  const { shape } = recipeSchema;
  if (path.length === 0) return Object.keys(shape);
  const section = shape[path[0] as keyof typeof shape];
  const keys = section === optimizer ? { name: 0, ...adamw, ...muon } : "shape" in section ? section.shape : {};
  return Object.keys(keys).map(key => `${path[0]}.${key}`);
}
