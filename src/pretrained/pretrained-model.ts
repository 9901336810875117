// A model opened, wherever it lies: a run of ours, a finetuned model that was kept, a checkpoint of the reference, a folder of
// Hugging Face's. What it holds is the same for all, so no verb asks which it was; what one cannot do is said by what it lacks.

import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { UserError } from "../base/errors.ts";
import { contentHash } from "../base/files/files.ts";
import { recoverFolder } from "../base/files/folder-draft.ts";
import { refuseUnseen } from "../base/files/read-failure.ts";
import { quoteOwnCommand } from "../base/shell-words.ts";
import type { StoredTensor } from "../checkpoint/safetensors.ts";
import { findRun, loadMoments, loadParameters, readCounters } from "../checkpoint/state.ts";
import { listParameters } from "../model/parameters.ts";
import { abbreviateShape, type ModelShape, withoutHead } from "../model/shape.ts";
import { findHeadFault, findTrainedShape, listTrainedDiscriminator } from "../objectives/objectives.ts";
import { listAverageStates } from "../optim/averages.ts";
import { readTokenizer } from "../tokenizer/read-tokenizer.ts";
import type { Recipe } from "../train/recipe.ts";
import { checkRunRecipe, checkRunTokenizer, readRunRecipe } from "../train/run-folder.ts";
import { type AverageName, listAveraged } from "../train/stored-average.ts";
import { isForeignModel, openForeignModel } from "./foreign/open-foreign-model.ts";
import { holdsModel, openKeptModel } from "./kept-model.ts";
import { openTextReader, readTextWith, type TextReader } from "./text-reader.ts";

export interface PretrainedModel
  extends Pick<
    TextReader,
    | "encodeText"
    | "encodeForModel"
    | "describeLoss"
    | "specialTokensInText"
    | "specials"
    | "isSpecial"
    | "tokenOf"
    | "describeTokenizer"
  > {
  /** The folder's own name. */
  readonly name: string;
  /** The folder where what is made of it goes: the run's, where it is one of its checkpoints. */
  readonly home: string;
  /** run: ours; kept: the encoder of a finetuned model; foreign: saved by another program, or exported for one. */
  readonly kind: "run" | "kept" | "foreign";
  readonly shape: ModelShape;
  /** Every parameter of listParameters(shape), in that order. Reading a value that is no number is an error. */
  readonly parameters: readonly StoredTensor[];
  /** The head by which it tells replaced tokens, where it was trained to. */
  readonly discriminator?: readonly StoredTensor[] | undefined;
  /** false: an encoder without the head of a masked language model. It finetunes and embeds, and fills no mask. */
  readonly predictsTokens: boolean;
  /** Why a model of ours predicts none; undefined where it does, and of other programs' encoders. */
  readonly headFault?: string | undefined;
  /** What its products are computed in where nothing else is asked for. */
  readonly precision: Recipe["train"]["precision"];
  /** Names shape, parameters, tokenizer and `specialTokensInText` by their content. The first to ask waits until every parameter was read. */
  readonly hash: string;
  /** What a person should know of it, a sentence each. */
  readonly notes: readonly string[];
}

type Opened = Pick<
  PretrainedModel,
  "kind" | "shape" | "parameters" | "discriminator" | "predictsTokens" | "headFault" | "precision" | "notes"
> & {
  readonly reader: TextReader;
};

/**
 * Opens a folder: the newest checkpoint of a run, a finetuned model that cram evaluate kept, or a model that another program
 * saved. Errors: those of reading the files, E_FOREIGN_CONFIG, E_FOREIGN_TENSOR, E_KEPT_MODEL, E_TOKENIZER_UNSUPPORTED,
 * E_TOKENIZER_OTHER. With `average` the parameters are that average of a run's: E_OPTION where it keeps none.
 */
export async function openPretrainedModel(path: string, average?: AverageName): Promise<PretrainedModel> {
  const { reader, ...model } = await openFolder(path, average);
  if (average !== undefined && model.kind !== "run") refuseAverage(path, average);
  const { shape } = model;
  if (reader.vocabulary > shape.vocabulary) {
    throw new UserError(
      "E_TOKENIZER_OTHER",
      `${path}: the tokenizer has ${reader.vocabulary} tokens and the model ${shape.vocabulary}`,
      "Put the tokenizer there that the model was trained with.",
    );
  }
  const { parameters } = model;
  const { encodeText, encodeForModel, describeLoss, specialTokensInText, specials, isSpecial, tokenOf } = reader;
  const { describeTokenizer } = reader;
  let hash: string | undefined;
  return {
    ...model,
    ...{ encodeText, encodeForModel, describeLoss, specialTokensInText, specials, isSpecial, tokenOf },
    describeTokenizer,
    name: basename(resolve(findRun(path))),
    home: findRun(path),
    parameters,
    get hash() {
      hash ??= hashModel(shape, parameters, reader);
      return hash;
    },
  };
}

/** The same model with its values in memory: a run that still trains removes its older checkpoints. */
export function holdParameters(model: PretrainedModel): PretrainedModel {
  const parameters = model.parameters.map(tensor => {
    const values = tensor.read();
    return { ...tensor, read: () => values };
  });
  const { hash } = model;
  return { ...model, parameters, hash };
}

/** Errors: E_NO_HEAD for a model that predicts no tokens. */
export function requireTokenHead(
  { predictsTokens, headFault }: Pick<PretrainedModel, "predictsTokens" | "headFault">,
  path: string,
): void {
  if (predictsTokens) return;
  const fault = headFault ?? "it is an encoder alone";
  throw new UserError(
    "E_NO_HEAD",
    `${path}: this model has no head that predicts tokens: ${fault}`,
    headFault?.startsWith("it was finetuned") === true
      ? "Give the run that it was finetuned from; transformers' pipelines, and openModel().classify of what cram evaluate kept, say what it learned."
      : "Give a masked language model; this one can be finetuned with cram evaluate.",
  );
}

/** The folder of the seed whose kept model the path leads to, itself or its model/; undefined where it leads to none. */
export function findKeptFolder(path: string): string | undefined {
  if (holdsModel(path)) return path;
  const above = dirname(resolve(path));
  return basename(resolve(path)) === "model" && holdsModel(above) ? above : undefined;
}

/** Whether a path leads to what `openPretrainedModel` takes for a model, whole or not. */
export const isModel = (path: string): boolean =>
  existsSync(join(findRun(path), "recipe.json")) || findKeptFolder(path) !== undefined || isForeignModel(path);

/** A run is one whatever else lies in its folder. */
async function openFolder(path: string, average: AverageName | undefined): Promise<Opened> {
  recoverFolder(path);
  if (existsSync(join(findRun(path), "recipe.json"))) return openRun(path, average);
  const keptIn = findKeptFolder(path);
  if (keptIn !== undefined) return openKept(keptIn);
  if (isForeignModel(path)) {
    return { ...openForeignModel(path), kind: "foreign", precision: "f32", reader: await openTextReader(path) };
  }
  refuseUnseen(path, "model");
  const isDataset = existsSync(join(path, "manifest.json"));
  throw new UserError(
    "E_FILE_MISSING",
    `${path}: no model here`,
    isDataset
      ? `It is a dataset: ${quoteOwnCommand("pretrain", "--data", path)} begins a run on it.`
      : "Give a run, its export, or a folder with config.json, model.safetensors and a tokenizer that another program saved.",
  );
}

/** The newest checkpoint of a run, or the one that the path leads to. */
function openRun(path: string, average: AverageName | undefined): Opened {
  const run = findRun(path);
  const recipe = readRunRecipe(run);
  checkRunRecipe(run, recipe, readCounters(path).recipeHash);
  const { train } = recipe;
  const shape = findTrainedShape(recipe);
  const headFault = findHeadFault(recipe);
  const listed = listParameters(shape);
  const all = [...listed, ...listTrainedDiscriminator(recipe)];
  checkRunTokenizer(run);
  const { parameters: last, notes } = loadParameters(path, new Map(all.map(each => [each.name, each.shape] as const)));
  const read = average === undefined ? last : openAverage(path, recipe, last, average);
  return {
    ...{ kind: "run", shape, predictsTokens: headFault === undefined, headFault },
    ...{ precision: train.precision, notes, parameters: read.slice(0, listed.length) },
    ...(read.length > listed.length && { discriminator: read.slice(listed.length) }),
    // Tasks are read as a corpus is. Elsewhere a text is read as other programs read it to the run's export.
    reader: readTextWith(readTokenizer(join(run, "tokenizer.json")), "as-text", "recognise"),
  };
}

/** The average of a checkpoint's parameters, as its optimizer's states hold it. */
function openAverage(
  path: string,
  { average }: Recipe,
  parameters: readonly StoredTensor[],
  name: AverageName,
): readonly StoredTensor[] {
  if (average?.name !== name) return refuseAverage(path, name);
  const shapes = new Map(parameters.map(tensor => [tensor.name, tensor.shape] as const));
  return listAveraged(parameters, loadMoments(path, listAverageStates(shapes, average)), average);
}

function refuseAverage(path: string, name: AverageName): never {
  throw new UserError(
    "E_OPTION",
    `${path}: keeps no ${name} average of its parameters`,
    `A run keeps it that was begun with cram pretrain --set average.name=${name}.`,
  );
}

async function openKept(seedFolder: string): Promise<Opened> {
  const kept = await openKeptModel(seedFolder);
  // A finetuned model predicts no tokens.
  const shape = withoutHead(kept.shape);
  const names = new Set(listParameters(shape).map(({ name }) => name));
  return {
    ...{ kind: "kept", shape, predictsTokens: false, precision: "f32" },
    headFault: `it was finetuned on ${kept.title}`,
    parameters: kept.parameters.filter(({ name }) => names.has(name)),
    notes: [`the encoder of a model that was finetuned on ${kept.title}; its classifier is left out`],
    reader: kept.reader,
  };
}

function hashModel(shape: ModelShape, parameters: readonly StoredTensor[], reader: TextReader): string {
  const values = parameters.map(({ name, read }) => {
    const { buffer, byteOffset, byteLength } = read();
    return `${name} ${contentHash(new Uint8Array(buffer, byteOffset, byteLength))}`;
  });
  // Named where it is so, for a result of the same model is another by how a task's "[SEP]" was read.
  const inText = reader.specialTokensInText === "recognise" ? ["recognise"] : [];
  return contentHash(JSON.stringify([abbreviateShape(shape), values, reader.hash, ...inText]));
}
