// What a run is: one typed value with a section per room. Types catch unknown keys in recipes/*.ts; the schema below
// catches them in JSON files and --set, with the nearest name. The resolved recipe is stored in the run.

import { z } from "zod";
import { UserError } from "../base/errors.ts";
import { maskSchema, maskUnits } from "../dataset/mask-units.ts";
import { orderSchema, orders } from "../dataset/order.ts";
import { shapeSchema } from "../model/shape.ts";
import { findShapeFault } from "../model/shape-faults.ts";
import { tokenLosses, tokenLossSchema } from "../nn/token-losses/token-losses.ts";
import { findObjectiveFault, isMasked, listTrained, objectiveSchema, objectives } from "../objectives/objectives.ts";
import { mayLackPredictions } from "../objectives/predictions.ts";
import { weightAverageSchema, weightAverages } from "../optim/averages.ts";
import { batchRuleSchema, batchRules } from "../optim/batch-rules.ts";
import { findOptimizerFault, optimizerSchema, optimizers } from "../optim/optimizers.ts";
import { findProbe } from "../optim/probe.ts";
import { listSchedule, type RateSchedule, type RateSettings, rateSchedules, valueSchedule } from "../optim/schedule.ts";
import { listMoments } from "../optim/update.ts";
import { describeChoice, listChoices, listValues } from "../settings/choices.ts";
import { checkRecord, type FieldKinds, growChoice } from "../settings/grow-choice.ts";
import { describeAsJsonSchema } from "../settings/json-schema.ts";
import { mergeSettings } from "../settings/merge-settings.ts";
import { listReference } from "../settings/reference.ts";
import { listPaths } from "../settings/schema.ts";
import { assignSettings, checkSettings } from "../settings/settings.ts";
import { parseBudget } from "./budget.ts";
import { findLayerFault } from "./layer-faults.ts";
import { findLazyEnd, findLazyFault } from "./lazy-faults.ts";
import { findScheduleFault } from "./scheduled-values.ts";

const upTo = (most: number) => z.number().int().min(1).max(most);
/** Sequences, validations, steps: more of any would outlast every budget and every memory. */
const positive = upTo(2 ** 20);
const fraction = z.number().min(0).max(1);

const data = z.strictObject({
  maskFraction: z.number().gt(0).max(1).describe("share of each sequence's positions that are predicted"),
  finalMaskFraction: z
    .number()
    .gt(0)
    .max(1)
    .exactOptional()
    .describe("the share at the end of the budget, where it is to change: in a straight line with progress"),
  mask: maskSchema
    .exactOptional()
    .describe("what masks are made of and what they show; without it single tokens, 80/10/10"),
  maskSchedule: valueSchedule
    .exactOptional()
    .describe("how maskFraction changes over the budget otherwise than in a straight line"),
  order: describeChoice(orderSchema, orders)
    .exactOptional()
    .describe("in which order training reads the sequences of the dataset; without it uniformly at random"),
  separateDocuments: z
    .boolean()
    .exactOptional()
    .describe("whether attention keeps to the document that a token is of; documents end at their separators"),
  echo: z
    .number()
    .gt(0)
    .max(1)
    .exactOptional()
    .describe(
      "share of the training sequences that are rewritten as passages, half of them beside noisy copies of themselves, which teaches to compare sentences; without it none",
    ),
  passages: z
    .number()
    .gt(0)
    .max(1)
    .exactOptional()
    .describe(
      "share of the training sequences, of those that data.echo leaves, that are cut into passages of a sentence or two, as texts stand that are finetuned and scored; without it none",
    ),
  validationSequences: positive.describe("held-out sequences that every validation reads, at most"),
});

const batches = {
  batchSequences: positive.describe("sequences of one step at full batch"),
  batchRamp: fraction.describe(
    "the batch grows linearly from one micro-batch to batchSequences over this share of the budget; 0: no ramp",
  ),
  batchRule: describeChoice(batchRuleSchema, batchRules)
    .exactOptional()
    .describe("a batch ends before batchSequences where its micro-batches agree on their gradient"),
  weightDecay: valueSchedule
    .exactOptional()
    .describe("of the optimizer's weight decay; without it that stays what it is"),
  momentum: valueSchedule.exactOptional().describe("of its momentum: beta1, momentum or muonMomentum"),
  sequenceLength: valueSchedule
    .exactOptional()
    .describe(
      "length curriculum: sequences are cut into equal pieces that are 2, 4, 8 … times shorter, and no longer than this says",
    ),
};

type ScheduleSections<List> = List extends readonly [infer First, ...infer Rest]
  ? First extends { readonly name: infer Name extends string; readonly settings: infer Settings extends z.ZodRawShape }
    ? [z.ZodObject<{ learningRate: z.ZodLiteral<Name> } & Settings & typeof batches>, ...ScheduleSections<Rest>]
    : never
  : [];

/** learningRate is the name of a schedule; its own settings stand beside it. */
const schedule = z.discriminatedUnion(
  "learningRate",
  rateSchedules.map(({ name, settings }) =>
    z.strictObject({ learningRate: z.literal(name), ...settings, ...batches }),
  ) as unknown as ScheduleSections<typeof rateSchedules>,
);

const scheduleFields: FieldKinds<RateSchedule> = {
  ...{ name: "text", summary: "text", source: "text", settings: "object", rate: "function" },
};

/**
 * Adds a schedule of one's own, of the learning rate and of other values, as addOptimizer does an optimizer. Gives what makes the
 * schedule section's part of its settings. UserError E_EXTENSION for a name that is taken, and for a record that lacks something.
 */
export function addSchedule<Shape extends z.ZodRawShape>(
  added: RateSchedule<z.output<z.ZodObject<Shape>>> & { readonly settings: Shape },
): (settings: z.input<z.ZodObject<Shape>>) => RateSettings {
  checkRecord<RateSchedule>("addSchedule", added, scheduleFields);
  const { name, settings } = added;
  growChoice(schedule, z.strictObject({ learningRate: z.literal(name), ...settings, ...batches }), name);
  listSchedule(added as unknown as RateSchedule);
  return given => ({ ...given, learningRate: name }) as unknown as RateSettings;
}

const precisions = [
  { name: "auto", summary: "the fastest of them on the device" },
  { name: "f32", summary: "32 bits" },
  { name: "bf16", summary: "the upper 16 bits of f32", source: "Kalamkar et al. 2019, arXiv 1905.12322" },
  {
    name: "f16",
    summary: "IEEE's 16 bits, with a loss that is scaled, for GPUs without bf16",
    source: "Micikevicius et al. 2017, arXiv 1710.03740",
  },
];

/** DiLoCo's, with the paper's constants. */
const sync = z.strictObject({
  everySteps: positive.describe("steps that each process takes by itself before all are brought together"),
  rate: z.number().positive().max(10).default(0.7).describe("of the outer step, on what parameters moved in the mean"),
  momentum: z.number().min(0).lt(1).default(0.9).describe("of the outer step, Nesterov's"),
});

const train = z.strictObject({
  budget: z
    .string()
    .describe('"24h", "5m", "90s", or "300steps" for a run that does not depend on the machine\'s speed'),
  clock: z
    .literal("processor")
    .exactOptional()
    .describe(
      "seconds of the budget are those for which processors compute for this run: waiting for them costs nothing, sharing their caches still does; without it the clock on the wall's",
    ),
  microBatchSequences: positive.describe("sequences of one pass through the model"),
  precision: describeChoice(z.enum(["auto", "f32", "bf16", "f16"]), precisions).describe(
    "type of what products read; sums and parameters are always f32",
  ),
  seed: z.number().int().nonnegative().describe("what all that is drawn depends on"),
  validations: positive.describe(
    "validations over the whole budget, at equal distances of progress; the last is at the end",
  ),
  checkpointEverySeconds: z.number().positive().max(1e9).describe("seconds of the budget between checkpoints"),
  keepBest: z
    .literal(true)
    .exactOptional()
    .describe("a checkpoint is saved at every validation that is the lowest so far, and the last of these is kept"),
  keepEverySeconds: z
    .number()
    .positive()
    .max(1e9)
    .exactOptional()
    .describe(
      "the first checkpoint behind every so many seconds of the budget is kept; without it the newest two alone",
    ),
  badStepsAllowed: positive.describe("this many non-finite steps in a row end the run"),
  recompute: z
    .boolean()
    .exactOptional()
    .describe(
      "gradient checkpointing (Chen et al. 2016, arXiv 1604.06174): less memory for more arithmetic, and the same bits",
    ),
  sync: sync
    .exactOptional()
    .describe(
      "local steps, for processes that a slow network connects (DiLoCo, Douillard et al. 2023, arXiv 2311.08105); without it every gradient is summed",
    ),
  layerDrop: z
    .number()
    .gt(0)
    .lt(1)
    .exactOptional()
    .describe(
      "stochastic depth (Huang et al. 2016, arXiv 1603.09382): the chance that the last layer is left out; others less, in a straight line",
    ),
  residualGradient: z
    .literal("bf16")
    .exactOptional()
    .describe("gradient of the residual stream: rounded between layers, which a GPU moves faster; without it f32"),
});

const shownText = z.string().min(1).max(500);

/** Nothing that is trained depends on it. */
const samples = z.strictObject({
  masks: z
    .array(shownText)
    .max(20)
    .default([])
    .describe("texts whose [MASK] is filled at every validation; the time that takes is part of the budget"),
  neighbours: z
    .array(shownText)
    .max(20)
    .default([])
    .describe("words, a token each, whose nearest tokens are shown at every validation, by their embeddings' cosine"),
  top: upTo(50).default(3).describe("tokens that are shown for each"),
});

describeChoice(maskSchema, maskUnits);
describeChoice(objectiveSchema, objectives);
describeChoice(tokenLossSchema, tokenLosses);
describeChoice(optimizerSchema, optimizers);
describeChoice(weightAverageSchema, weightAverages);
describeChoice(schedule, rateSchedules);
describeChoice(valueSchedule, rateSchedules);

export const recipeSchema = z.strictObject({
  name: z.string().min(1).describe("names the recipe where runs are listed, and the folder of a run"),
  model: shapeSchema,
  data,
  /** What is trained; without it the masked language model. */
  objective: objectiveSchema.exactOptional(),
  /** Of training; without it cross-entropy. */
  loss: tokenLossSchema.exactOptional(),
  optimizer: optimizerSchema,
  /** Of the parameters, validated beside them; without it none. */
  average: weightAverageSchema.exactOptional(),
  schedule,
  train,
  /** What is shown while it trains; without it nothing but losses. */
  samples: samples.exactOptional(),
});

export type Recipe = z.infer<typeof recipeSchema>;

const kind = {
  noun: "a recipe",
  advice: "Correct this value; recipe.json in the folder of a run is a whole recipe to compare with.",
  severalValues: "One training has one value of it; cram sweep --recipe … --set takes several and trains each.",
  otherNames: "A name that a module of your own adds is known where CRAM_EXTENSIONS names the module.",
};

/** Checks a value from outside against the schema and the rules between fields. `origin` names where it came from. */
export function checkRecipe(value: unknown, origin: string): Recipe {
  return checkTogether(checkSettings(recipeSchema, value, origin, kind), origin);
}

/**
 * Applies `--set path=value` pairs, as assignSettings says. As an objective leaves behind what another one was given, a lazy update is left
 * behind that was the recipe's and does not go with what they say.
 */
export function overrideRecipe(recipe: Recipe, assignments: readonly string[]): Recipe {
  const origin = assignments.length > 0 ? `--set ${assignments.join(" ")}` : "recipe";
  const changed = assignSettings(recipeSchema, recipe, assignments, origin, kind);
  const isAsked = assignments.some(assignment => assignment.startsWith("optimizer.lazyEmbedding="));
  if (isAsked || findLazyEnd(recipe, changed) === undefined) return checkTogether(changed, origin);
  const { lazyEmbedding: _, ...optimizer } = changed.optimizer;
  return checkTogether({ ...changed, optimizer: optimizer as Recipe["optimizer"] }, origin);
}

/** The recipe with some values of its train section replaced, checked as a whole. `origin` names where they came from, in errors, too. */
export function replaceTraining(recipe: Recipe, values: Partial<Recipe["train"]>, origin: string): Recipe {
  try {
    return checkRecipe({ ...recipe, train: { ...recipe.train, ...values } }, origin);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // What names where it was read and the value in it names the option once.
    const say = (text: string) =>
      Object.keys(values).reduce(
        (said, key) => said.replaceAll(`${origin}: train.${key}`, origin).replaceAll(`train.${key}`, origin),
        text,
      );
    throw new UserError(error.code as `E_${string}`, say(error.message), say(error.advice), { cause: error });
  }
}

/** A recipe in part: what another changes of it, with a name of its own. null takes a key away that may be absent. */
export type RecipeChanges = Pick<Recipe, "name"> & {
  readonly [Section in keyof Omit<Recipe, "name">]?: Changes<Recipe[Section]>;
};
type Changes<Section> = Section extends readonly unknown[]
  ? Section
  : Section extends object
    ? { readonly [Key in keyof Section]?: Changes<Section[Key]> | (undefined extends Section[Key] ? null : never) }
    : Section | null;

/**
 * The recipe with changes, merged as mergeSettings says, checked against the schema. The rules between fields are checked where one is chosen:
 * a start reads all recipes of the package and takes one. UserErrors with `origin`, by default the new name.
 */
export function extendRecipe(base: Recipe, changes: RecipeChanges, origin: string = changes.name): Recipe {
  return checkSettings(recipeSchema, mergeSettings(recipeSchema, base, changes), origin, kind);
}

/** Every choice that a recipe makes, with what there is to choose. */
export const listRecipeChoices = () => listChoices(recipeSchema);

/** Every other value of one. */
export const listRecipeValues = () => listValues(recipeSchema);

/** Every path to a value, as --set takes it: "model.width". */
export const listRecipePaths = () => listPaths(recipeSchema);

/** Every key, with what it takes, what it is where nobody says, and what must be chosen for it to be read. */
export const listRecipeReference = () => listReference(recipeSchema);

/** The JSON Schema of a recipe's file. */
export const describeRecipe = () => describeAsJsonSchema(recipeSchema, "A recipe of cram pretrain");

/** The rules between fields. */
function checkTogether(recipe: Recipe, origin: string): Recipe {
  parseBudget(recipe.train.budget, `${origin}: train.budget`);
  const wrong = (message: string, advice: string) => new UserError("E_RECIPE_VALUE", `${origin}: ${message}`, advice);
  const fault = findShapeFault(recipe.model);
  if (fault !== undefined) throw wrong(`model.${fault.message}`, fault.advice);
  const objectiveFault = findObjectiveFault(recipe);
  if (objectiveFault !== undefined) throw wrong(objectiveFault.message, objectiveFault.advice);
  const optimizerFault = findOptimizerFault(recipe.optimizer, listTrained(recipe));
  if (optimizerFault !== undefined) throw wrong(`optimizer.${optimizerFault.message}`, optimizerFault.advice);
  const trainingFault = findLayerFault(recipe);
  if (trainingFault !== undefined) throw wrong(trainingFault.message, trainingFault.advice);
  const lazyFault = findLazyFault(recipe);
  if (lazyFault !== undefined) throw wrong(lazyFault.message, lazyFault.advice);
  const scheduleFault = findScheduleFault(recipe);
  if (scheduleFault !== undefined) throw wrong(scheduleFault.message, scheduleFault.advice);
  if (!isMasked(recipe) && findProbe(recipe.optimizer) === "sampled") {
    const message = `optimizer.name ${recipe.optimizer.name} samples labels of masked tokens, and objective.name is ${recipe.objective!.name}`;
    throw wrong(message, "Change one of the two.");
  }
  if (recipe.loss !== undefined && recipe.loss.name !== "cross-entropy" && findProbe(recipe.optimizer) === "sampled") {
    const message = `optimizer.name ${recipe.optimizer.name} samples labels for cross-entropy, and loss.name is ${recipe.loss.name}`;
    throw wrong(message, "Change one of the two.");
  }
  const held = [...listMoments(listTrained(recipe), recipe.optimizer).values()];
  if (recipe.train.sync !== undefined && held.some(({ dtype }) => dtype !== "f32")) {
    throw wrong(
      "train.sync averages moments, and optimizer.momentBlock keeps them in eight bits",
      "Leave out one of the two.",
    );
  }
  const { masks, neighbours } = recipe.samples ?? {};
  if (masks?.length === 0 && neighbours?.length === 0) {
    throw wrong("samples shows nothing", "Give samples.masks or samples.neighbours, or leave samples out.");
  }
  const unmasked = masks?.find(text => !/\[MASK\]/i.test(text));
  if (unmasked !== undefined) {
    throw wrong(`samples.masks: "${unmasked}" has no [MASK]`, 'Write [MASK] where a word is missing: "Hello [MASK]."');
  }
  const { warmup = 0, cooldown = 0 } = recipe.schedule as { readonly warmup?: number; readonly cooldown?: number };
  if (warmup + cooldown > 1) {
    throw wrong(`schedule.warmup ${warmup} and cooldown ${cooldown} are more than the whole budget`, "Lower one.");
  }
  const { maskFraction, finalMaskFraction = maskFraction, mask, maskSchedule } = recipe.data;
  const leastShare = maskSchedule?.least ?? maskFraction;
  for (const [name, share] of Object.entries({ maskFraction, finalMaskFraction, "maskSchedule.least": leastShare })) {
    if (Math.round(share * recipe.model.sequenceLength) < 1) {
      throw wrong(`data.${name} masks no position of a sequence`, "Raise it, or model.sequenceLength.");
    }
  }
  if (mask !== undefined && mask.masked + mask.random > 1 + 1e-9) {
    throw wrong(
      `data.mask.masked ${mask.masked} and random ${mask.random} are more than all predictions`,
      "Lower one.",
    );
  }
  if (mayLackPredictions(recipe.data) && findProbe(recipe.optimizer) === "sampled") {
    throw wrong(
      `${recipe.optimizer.name} draws a label for every place, and data.mask or data.finalMaskFraction leave some without`,
      "Mask single tokens at one rate, or take another optimizer.",
    );
  }
  return recipe;
}
