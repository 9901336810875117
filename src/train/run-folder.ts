// The folder of a run: recipe.json (resolved), tokenizer.json, data.json (where its dataset is), device.json (what it began on),
// extensions.json (what was added to its budget), events.jsonl, checkpoints/, and initial.safetensors where it began with another model. A
// run is resumed with its own recipe and the data it began with, or not at all.

import { existsSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";
import { UserError } from "../base/errors.ts";
import { contentHash, mostBytes, readJson, readWholeFile, writeFileAtomically } from "../base/files/files.ts";
import { lookAt, refuseUnseen } from "../base/files/read-failure.ts";
import { formatSealed, isSealed } from "../base/sealed-json.ts";
import { quoteOwnCommand, quoteWord } from "../base/shell-words.ts";
import {
  checkpointFolder,
  findRun,
  listCheckpoints,
  loadCheckpoint,
  readCounters,
  type TrainingState,
} from "../checkpoint/state.ts";
import { abbreviateShape } from "../model/shape.ts";
import { type Budget, formatBudget, parseBudget } from "./budget.ts";
import { type InitialModel, readInitialParameters, storeInitialParameters } from "./initial-parameters.ts";
import { checkRecipe, type Recipe } from "./recipe.ts";
import type { TrainingDefinition } from "./step/training-definition.ts";

/** Names the recipe by its content, the budget's text included. */
export function hashRecipe(recipe: Recipe): string {
  return contentHash(JSON.stringify({ ...recipe, model: abbreviateShape(recipe.model) }));
}

/** Of a run, or of the one that a checkpoint's folder is in. E_FILE_MISSING where no run was begun. */
export function readRunRecipe(folder: string): Recipe {
  const run = findRun(folder);
  const path = join(run, "recipe.json");
  if (!hasBegun(run)) {
    refuseUnseen(run, "run");
    const advice = existsSync(join(run, "manifest.json"))
      ? `It is a dataset: cram pretrain --data ${run} begins a run on it.`
      : "Give the folder of a run that cram pretrain began.";
    throw new UserError("E_FILE_MISSING", `${run}: no run here`, advice);
  }
  return checkRecipe(readJson(path, "run's recipe"), path);
}

/** What a run's folder holds. */
export const runFileNames: readonly string[] = [
  ...[
    "recipe.json",
    "tokenizer.json",
    "data.json",
    "device.json",
    "extensions.json",
    "events.jsonl",
    "checkpoints",
    "initial.safetensors",
    "mlflow.json",
    "wandb",
  ],
];

/** Whether a run was begun in the folder: its recipe is written last. */
export function hasBegun(run: string): boolean {
  return existsSync(join(run, "recipe.json"));
}

/** UserError E_RUN_EXISTS where a run was begun. */
export function refuseBegunRun(run: string): void {
  if (!hasBegun(run)) return;
  throw new UserError(
    "E_RUN_EXISTS",
    `${run}: there is a run here already`,
    `Choose another folder with --out, or continue it with cram pretrain --resume ${quoteWord(run)}.`,
  );
}

/** Of the file itself; earlier versions wrote none. */
const seal = { hash: z.string().optional() };

const deviceSchema = z.strictObject({
  backend: z.string(),
  /** Of the cpu backend. */
  threads: z.int().positive().optional(),
  /** Of the cuda backend: the number of the GPU. */
  device: z.int().nonnegative().optional(),
  /** Processes that compute together, each on so many threads or with a device; without it one. */
  ranks: z.int().positive().optional(),
  ...seal,
});

/** What computes a run, on which its bits depend. */
export type RunDevice = Omit<z.infer<typeof deviceSchema>, "hash">;

export interface RunBeginning {
  readonly recipe: Recipe;
  /** The dataset's folder, and its hash. */
  readonly data: string;
  readonly datasetHash: string;
  readonly initial?: InitialModel | undefined;
  readonly device?: RunDevice | undefined;
}

/**
 * Begins a run in a folder that has none yet: copies the tokenizer, so that the run needs its dataset no more once trained, and
 * the model to begin with, which checkInitialModel has let through; and keeps what it began on, for who resumes it. data.json
 * comes first: by it the folder is known as a run's, and who was killed here may begin again. recipe.json comes last.
 */
export function beginRun(run: string, { recipe, data, datasetHash, initial, device }: RunBeginning): void {
  refuseBegunRun(run);
  const write = (name: string, value: Readonly<Record<string, unknown>>) =>
    writeFileAtomically(join(run, name), formatSealed(value));
  const tokenizer = readWholeFile(join(data, "tokenizer.json"), "tokenizer", mostBytes.ofTokenizer);
  const hashes = { tokenizer: contentHash(tokenizer), dataset: datasetHash, recipe: hashRecipe(recipe) };
  const beginning = { data: resolve(data), ...hashes };
  write("data.json", beginning);
  if (device !== undefined) write("device.json", device);
  if (initial !== undefined) write("data.json", { ...beginning, initial: storeInitialParameters(run, initial) });
  writeFileAtomically(join(run, "tokenizer.json"), tokenizer);
  writeFileAtomically(join(run, "recipe.json"), `${JSON.stringify(recipe, undefined, 2)}\n`);
}

/** A small file of a run's; its hash of itself is compared where it has one. UserErrors: those of reading it, E_JSON. */
function readRunFile<Content>(path: string, kind: string, schema: z.ZodType<Content>, advice: string): Content {
  const json = readJson(path, kind);
  const parsed = schema.safeParse(json);
  const isWhole = parsed.success && (!Object.hasOwn(json as object, "hash") || isSealed(json));
  if (isWhole) return parsed.data;
  const seen = parsed.success ? "changed after it was written" : `not a ${kind}`;
  throw new UserError("E_JSON", `${path}: ${seen}`, advice);
}

/** What a run began on; runs of earlier versions, which did not keep it, began on what was the default then. */
export function readRunDevice(run: string): RunDevice {
  const path = join(run, "device.json");
  if (!existsSync(path)) return { backend: "cpu", threads: 2 };
  return readRunFile(
    path,
    "run's device",
    deviceSchema,
    "Remove it, and resume with cram pretrain --resume, --backend and --threads.",
  );
}

const extensionsSchema = z.strictObject({
  version: z.literal(1),
  /** In their order: the budget that was added, and the steps that were done then. */
  extensions: z.array(z.strictObject({ step: z.int().nonnegative(), budget: z.string() })),
  ...seal,
});

/** What was added to a run's budget, and the steps that were done then. */
interface Extension {
  readonly step: number;
  readonly budget: Budget;
}

/**
 * What a run's budget was extended by, and by `more`: what was added at the same step before is replaced, so a command that was
 * killed before its first step can be given again. UserErrors of reading the file, and E_BUDGET.
 */
export function listExtensions(run: string, more?: Extension): Extension[] {
  const path = join(run, "extensions.json");
  const advice = "Remove it, and extend again with cram pretrain --resume and --extend.";
  const { extensions } = existsSync(path)
    ? readRunFile(path, "run's extensions", extensionsSchema, advice)
    : { extensions: [] };
  const before = extensions.map(({ step, budget }) => ({ step, budget: parseBudget(budget, `${path}: budget`) }));
  return more === undefined ? before : [...before.filter(({ step }) => step !== more.step), more];
}

export function writeExtensions(run: string, listed: readonly Extension[]): void {
  const extensions = listed.map(({ step, budget }) => ({ step, budget: formatBudget(budget) }));
  writeFileAtomically(join(run, "extensions.json"), formatSealed({ version: 1, extensions }));
}

/**
 * Reads a run's small files, which somebody may move or remove with its folder while it trains. `restore` writes those that are gone, where
 * the run goes on saving, so that what is saved there can be opened; it answers whether any was.
 */
export function holdRunFiles(run: string): { restore(): boolean } {
  const held = ["tokenizer.json", "data.json", "device.json", "extensions.json", "recipe.json"].flatMap(name => {
    const path = join(run, name);
    return existsSync(path) ? [[path, readWholeFile(path, "run's file", mostBytes.ofTokenizer)] as const] : [];
  });
  return {
    restore: () => {
      const gone = held.filter(([path]) => !existsSync(path));
      for (const [path, bytes] of gone) writeFileAtomically(path, bytes);
      return gone.length > 0;
    },
  };
}

/** Removes a run without an event, which nobody could go on with: what beginRun wrote, and no other file. */
export function abandonEmptyRun(run: string): void {
  const events = lookAt(join(run, "events.jsonl"));
  if (events !== undefined && events.size > 0) return;
  for (const name of [
    "recipe.json",
    "events.jsonl",
    "data.json",
    "device.json",
    "tokenizer.json",
    "initial.safetensors",
  ]) {
    rmSync(join(run, name), { force: true });
  }
}

const dataSchema = z.strictObject({
  data: z.string(),
  // Hashes of what the run was begun with, which runs of earlier versions do not say.
  tokenizer: z.string().optional(),
  dataset: z.string().optional(),
  recipe: z.string().optional(),
  /** SHA-256 of initial.safetensors. */
  initial: z.string().optional(),
  ...seal,
});

function readBeginning(run: string): Partial<z.infer<typeof dataSchema>> {
  return existsSync(join(run, "data.json")) ? readRunBeginning(run) : {};
}

function readRunBeginning(run: string): z.infer<typeof dataSchema> {
  const resume = quoteOwnCommand("pretrain", "--resume", run, "--data", "DATASET");
  const advice = `Put a copy back, or remove it; the run is resumed by ${resume} then.`;
  return readRunFile(join(run, "data.json"), "run's data", dataSchema, advice);
}

/** The parameters that a run began with, by name; undefined where they are drawn. Errors: those of readInitialParameters. */
export function readRunInitial(run: string, { model }: Recipe): ReturnType<typeof readInitialParameters> {
  return readInitialParameters(run, model, readBeginning(run).initial);
}

/**
 * Refuses to go on with what the run was not begun with, whether it has a checkpoint or not. UserErrors E_TOKENIZER_OTHER,
 * E_RESUME_RECIPE, E_RESUME_DATA.
 */
export function checkResumedRun(run: string, recipe: Recipe, datasetHash: string): void {
  const began = readBeginning(run);
  checkRunTokenizer(run);
  checkRunRecipe(run, recipe, began.recipe);
  checkRunDataset(run, datasetHash, began.dataset);
}

/** Refuses a tokenizer.json that is not the one the run was begun with: E_TOKENIZER_OTHER. */
export function checkRunTokenizer(run: string): void {
  const known = readBeginning(run).tokenizer;
  const path = join(run, "tokenizer.json");
  if (known === undefined || !existsSync(path)) return;
  const seen = contentHash(readWholeFile(path, "tokenizer", mostBytes.ofTokenizer));
  if (seen === known) return;
  throw new UserError(
    "E_TOKENIZER_OTHER",
    `${path}: this tokenizer (${seen}) is not the one the run was begun with (${known})`,
    "Put the run's own back; its dataset has a copy.",
  );
}

/** The folder of the dataset that a run was begun with. */
export function readRunData(run: string): string {
  return readRunBeginning(run).data;
}

/**
 * UserError E_RESUME_RECIPE where the recipe is not the one that the run was begun with; of runs of earlier versions, which do not say
 * it, the one of the newest checkpoint.
 */
export function checkTrainedRecipe(run: string, recipe: Recipe): void {
  const ofCheckpoint = () => (listCheckpoints(run).length === 0 ? undefined : readCounters(run).recipeHash);
  checkRunRecipe(run, recipe, readBeginning(run).recipe ?? ofCheckpoint());
}

/** UserError E_RESUME_RECIPE where recipe.json is not of this hash, of a checkpoint or of the run's beginning. */
export function checkRunRecipe(run: string, recipe: Recipe, recipeHash: string | undefined): void {
  if (recipeHash === undefined || recipeHash === hashRecipe(recipe)) return;
  throw new UserError(
    "E_RESUME_RECIPE",
    `${run}: recipe.json is not the recipe that it was trained with`,
    "Put the recipe back, or start a new run with the changed one.",
  );
}

function checkRunDataset(run: string, datasetHash: string, known: string | undefined): void {
  if (known === undefined || known === datasetHash) return;
  throw new UserError(
    "E_RESUME_DATA",
    `${run}: the dataset (${datasetHash}) is not the one the run began with (${known})`,
    "Give the dataset of the run with --data.",
  );
}

/**
 * The state to continue from, of the newest checkpoint or of the one of `fromStep`; undefined when the run was killed before its
 * first checkpoint, so that it starts over.
 */
export function loadRunState(
  run: string,
  recipe: Recipe,
  definition: TrainingDefinition,
  datasetHash: string,
  fromStep?: number,
): TrainingState | undefined {
  if (fromStep === undefined && listCheckpoints(run).length === 0) return undefined;
  const counters = readCounters(fromStep === undefined ? run : checkpointFolder(run, fromStep));
  checkRunRecipe(run, recipe, counters.recipeHash);
  checkRunDataset(run, datasetHash, counters.datasetHash);
  return loadCheckpoint(run, definition, fromStep);
}
