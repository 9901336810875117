// A finetuned model as `cram evaluate --keep-models` leaves it beside its result: seed-0/model/ with parameters.safetensors, a
// tokenizer.json that puts around a text what it was finetuned with, some validation examples to compare an export on, and,
// written last, model.json. It is the result's where both name the same hashes.

import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { UserError } from "../base/errors.ts";
import { readJson, writeFileAtomically } from "../base/files.ts";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../checkpoint/safetensors.ts";
import { openTextReader, type TextReader, type TokenizerJson } from "../exchange/text-reader.ts";
import { countElements } from "../graph/tensor.ts";
import { type ClassifierShape, classifierHeads, listClassifierParameters, poolers } from "../model/classifier.ts";
import { findShapeFault, listParameters, type ModelShape, type Parameter } from "../model/shape.ts";
import { modelSchema } from "../train/recipe.ts";
import type { FinetuneRecipe } from "./finetune-recipe.ts";
import type { PretrainedModel } from "./pretrained-model.ts";
import type { TaskResult } from "./result.ts";
import type { Example, TaskData } from "./task.ts";

const count = z.number().int().positive();

const describedSchema = z.strictObject({
  version: z.literal(1),
  suite: z.string(),
  task: z.string(),
  title: z.string(),
  /** Columns of the texts, in the order they are put together. */
  texts: z.array(z.string()).min(1),
  /** The column of the label. */
  label: z.string(),
  /** By class; empty for a regression. */
  labels: z.array(z.string()),
  seed: z.number().int(),
  shape: modelSchema,
  classifier: z.strictObject({
    kind: z.enum(["classification", "regression", "tokens"]),
    outputs: count,
    pooler: z.enum(poolers),
    head: z.enum(classifierHeads),
    headWidth: count,
  }),
  /** Tokens of an example in finetuning, at most, and what happened to longer ones. */
  maxLength: count,
  longTexts: z.enum(["truncate", "refuse"]),
  hashes: z.strictObject({ model: z.string(), data: z.string(), recipe: z.string() }),
});

type Described = z.infer<typeof describedSchema>;

export interface KeptModel extends Omit<Described, "shape"> {
  readonly shape: ModelShape;
  /** The encoder's, then the head's; values stay in the file until they are read. */
  readonly parameters: readonly StoredTensor[];
  readonly reader: TextReader;
  /** Texts of validation examples. */
  readonly probes: readonly (readonly string[])[];
}

export interface FinishedModel {
  readonly data: TaskData;
  readonly result: TaskResult;
  readonly recipe: FinetuneRecipe;
  readonly pretrained: PretrainedModel;
  readonly shape: ModelShape;
  readonly classifier: ClassifierShape;
  readonly parameters: readonly StoredTensor[];
}

const folderIn = (seedFolder: string) => join(seedFolder, "model");
const probesKept = 100;

/** Parameters of a finetuned model, in the order of its file. */
export function listFinetunedParameters(shape: ModelShape, classifier: ClassifierShape): Parameter[] {
  return [...listParameters(shape), ...listClassifierParameters(shape, classifier)];
}

/** Bytes of a kept model's parameters. */
export function countModelBytes(shape: ModelShape, classifier: ClassifierShape): number {
  const listed = listFinetunedParameters({ ...shape, head: "tied" }, classifier);
  return listed.reduce((sum, { shape }) => sum + 4 * countElements(shape), 0);
}

/** Writes the model of a finished seed into the seed's folder. UserErrors: E_DISK_FULL, E_NOT_WRITABLE. */
export function keepModel(seedFolder: string, finished: FinishedModel): void {
  const { data, result, recipe, pretrained, shape, classifier, parameters } = finished;
  const { task } = data;
  const folder = folderIn(seedFolder);
  removeKeptModel(seedFolder);
  const described: Described = {
    version: 1,
    suite: result.suite,
    task: task.name,
    title: task.title,
    texts: [...task.texts],
    label: task.label,
    labels: [...task.labels],
    seed: result.seed,
    shape: modelSchema.parse(shape),
    classifier,
    maxLength: recipe.maxLength,
    longTexts: recipe.longTexts,
    hashes: result.hashes,
  };
  writeSafetensors(join(folder, "parameters.safetensors"), parameters, { format: "pt" });
  writeFileAtomically(join(folder, "tokenizer.json"), `${JSON.stringify(frameTexts(pretrained), undefined, 1)}\n`);
  writeFileAtomically(
    join(folder, "tokenizer_config.json"),
    `${JSON.stringify(nameSpecials(pretrained), undefined, 2)}\n`,
  );
  const probes = drawProbes(data).map(({ texts }) => `${JSON.stringify({ texts })}\n`);
  writeFileAtomically(join(folder, "probes.jsonl"), probes.join(""));
  writeFileAtomically(join(folder, "model.json"), `${JSON.stringify(described, undefined, 2)}\n`);
}

/** The description goes first: without it there is no model. */
export function removeKeptModel(seedFolder: string): void {
  rmSync(join(folderIn(seedFolder), "model.json"), { force: true });
  rmSync(folderIn(seedFolder), { recursive: true, force: true });
}

/** Whether the seed's folder holds a whole model, whatever it is of. */
export function holdsModel(seedFolder: string): boolean {
  const names = ["model.json", "parameters.safetensors", "tokenizer.json", "probes.jsonl"];
  return names.every(name => existsSync(join(folderIn(seedFolder), name)));
}

/** Whether the seed's folder holds a whole model of these hashes. */
export function hasKeptModel(seedFolder: string, hashes: TaskResult["hashes"]): boolean {
  if (!holdsModel(seedFolder)) return false;
  try {
    return isDeepStrictEqual(describeKeptModel(seedFolder).hashes, hashes);
  } catch (error) {
    // One that cannot be read is none, and is made again.
    if (error instanceof UserError) return false;
    throw error;
  }
}

/** What model.json says. UserErrors: E_FILE_MISSING, E_JSON, E_KEPT_MODEL. */
export function describeKeptModel(seedFolder: string): Described {
  const path = join(folderIn(seedFolder), "model.json");
  const refuse = (what: string): UserError => explainDamage(`${path}: ${what}`);
  const parsed = describedSchema.safeParse(readJson(path, "finetuned model's description"));
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw refuse(`${issue.path.join(".")}: ${issue.message}`);
  }
  const fault = findShapeFault(parsed.data.shape);
  if (fault !== undefined) throw refuse(fault.message);
  return parsed.data;
}

/**
 * Opens the model of a seed's folder. UserErrors: E_FILE_MISSING, E_JSON, E_KEPT_MODEL, E_CHECKPOINT_TENSOR and those of reading a
 * tokenizer.
 */
export async function openKeptModel(seedFolder: string): Promise<KeptModel> {
  const folder = folderIn(seedFolder);
  const described = describeKeptModel(seedFolder);
  const listed = listFinetunedParameters(described.shape, described.classifier);
  const shapes = new Map(listed.map(({ name, shape }) => [name, shape] as const));
  return {
    ...described,
    parameters: [...readSafetensors(join(folder, "parameters.safetensors"), shapes).values()],
    reader: await openTextReader(folder),
    probes: readProbes(join(folder, "probes.jsonl")),
  };
}

const probeSchema = z.strictObject({ texts: z.array(z.string()).min(1) });

function readProbes(path: string): string[][] {
  if (!existsSync(path)) throw explainDamage(`${path}: not there`);
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.flatMap((line, i) => {
    if (line === "") return [];
    try {
      return [probeSchema.parse(JSON.parse(line)).texts];
    } catch {
      throw explainDamage(`${path}:${i + 1}: not a validation example`);
    }
  });
}

function explainDamage(seen: string): UserError {
  return new UserError("E_KEPT_MODEL", seen, "Remove its folder and run cram evaluate with --keep-models again.");
}

/** Examples from all over the validation splits. */
function drawProbes({ validation }: TaskData): Example[] {
  const all = validation.flatMap(({ examples }) => examples);
  const chosen = Math.min(probesKept, all.length);
  return Array.from({ length: chosen }, (_, i) => all[Math.floor((i * all.length) / chosen)]!);
}

/**
 * The tokenizer.json with what encodeExamples puts around a text and a pair, whatever it put there before: other programs
 * follow it. A pair's second text is of segment 1.
 */
function frameTexts({ describeTokenizer, specials, tokenOf }: PretrainedModel): TokenizerJson {
  const [classify, separator] = [specials.classify, specials.separator].map(id => ({
    id: tokenOf(id),
    number: id,
  })) as [{ id: string; number: number }, { id: string; number: number }];
  const token = ({ id }: typeof classify, segment: 0 | 1) => ({ SpecialToken: { id, type_id: segment } });
  const text = (id: "A" | "B", segment: 0 | 1) => ({ Sequence: { id, type_id: segment } });
  const single = [token(classify, 0), text("A", 0), token(separator, 0)];
  return {
    ...describeTokenizer(),
    truncation: null,
    padding: null,
    post_processor: {
      type: "TemplateProcessing",
      single,
      pair: [...single, text("B", 1), token(separator, 1)],
      special_tokens: Object.fromEntries(
        [classify, separator].map(({ id, number }) => [id, { id, ids: [number], tokens: [id] }]),
      ),
    },
  };
}

/** By the names of Hugging Face's settings. */
function nameSpecials({ specials, tokenOf }: PretrainedModel): Readonly<Record<string, string>> {
  return {
    pad_token: tokenOf(specials.pad),
    unk_token: tokenOf(specials.unknown),
    cls_token: tokenOf(specials.classify),
    sep_token: tokenOf(specials.separator),
    mask_token: tokenOf(specials.mask),
  };
}
