// The commands of pretraining that are advised, with every choice that was made: what trains on a dataset that was just prepared
// (a recipe, what of the recipe's model the dataset or the model to go on from has otherwise, and that model), and what follows
// a training that ended early.

import { statSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../base/errors.ts";
import { quoteCommand } from "../base/shell-words.ts";
import { listCheckpoints } from "../checkpoint/state.ts";
import type { DatasetManifest } from "../dataset/manifest.ts";
import type { ModelShape } from "../model/shape.ts";
import { openPretrainedModel } from "../pretrained/pretrained-model.ts";
import { listShapeSettings } from "../train/initial-parameters.ts";
import type { Recipe } from "../train/recipe.ts";
import { hasBegun, readRunData } from "../train/run-folder.ts";
import { chooseRecipe } from "./recipe.ts";

export interface PreparedChoices {
  readonly out: string;
  /** A name, or the path of a recipe.json. */
  readonly recipe: string;
  /** What the dataset's tokenizer was taken from. */
  readonly tokenizer?: string | undefined;
  readonly manifest: Pick<DatasetManifest, "vocabulary" | "sequenceLength">;
}

/** The words of the command, not yet quoted. */
export async function suggestPretrain({ out, recipe, tokenizer, manifest }: PreparedChoices): Promise<string[]> {
  const ours = chooseRecipe({ recipe }).model;
  const theirs = tokenizer === undefined ? undefined : await readShape(tokenizer);
  const { vocabulary, sequenceLength } = manifest;
  const fromModel = theirs === undefined ? [] : listShapeSettings(theirs, ours);
  const settings = [
    ...(theirs === undefined && vocabulary !== ours.vocabulary ? [`model.vocabulary=${vocabulary}`] : []),
    ...fromModel.filter(pair => !pair.startsWith("model.sequenceLength=")),
    ...(sequenceLength === ours.sequenceLength ? [] : [`model.sequenceLength=${sequenceLength}`]),
  ];
  return [
    ...["cram", "pretrain", "--data", out, "--recipe", recipe],
    ...settings.flatMap(pair => ["--set", pair]),
    ...(theirs === undefined ? [] : ["--init-from", tokenizer!]),
  ];
}

/** The length of sequences that a model has a learned position for; undefined for others, and where there is no model. */
export async function readLearnedLength(path: string | undefined): Promise<number | undefined> {
  const shape = path === undefined ? undefined : await readShape(path);
  return shape?.positions === "learned" ? shape.sequenceLength : undefined;
}

/** The shape of the model in a folder whose tokenizer was taken; undefined where there is none to go on from. */
async function readShape(path: string): Promise<ModelShape | undefined> {
  if (!statSync(path).isDirectory()) return undefined;
  try {
    return (await openPretrainedModel(path)).shape;
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** A disk that did not take what was trained: the same command again would find a run that was begun. */
export function adviseResuming(error: unknown, run: string): unknown {
  if (!(error instanceof UserError) || !hasBegun(run)) return error;
  const { code, message } = error;
  if (code !== "E_DISK_FULL" && code !== "E_NOT_WRITABLE") return error;
  const first = code === "E_DISK_FULL" ? "Free some space" : "See that it can be written";
  const advice = `${first}, and go on with: ${quoteCommand("cram", "pretrain", "--resume", run)}`;
  return new UserError(code, message, advice, { cause: error });
}

/** A resumed run repeats its bits and diverges again: what can be changed is what a new one begins with. */
export function adviseNewRun(error: unknown, run: string, { optimizer }: Recipe): unknown {
  if (!(error instanceof UserError) || error.code !== "E_DIVERGED") return error;
  const setting = `optimizer.learningRate=${optimizer.learningRate / 2}`;
  const begin = ["cram", "pretrain", "--data", readRunData(run), "--recipe", join(run, "recipe.json")];
  const from = listCheckpoints(run).length > 0 ? ["--init-from", run] : [];
  return new UserError(
    "E_DIVERGED",
    error.message,
    `Resuming would repeat it. Begin a new run with a lower learning rate, or with optimizer.clip: ${quoteCommand(...begin, ...from, "--set", setting)}`,
  );
}
