// A finetuned model as `cram evaluate --keep-models` leaves it beside its result: seed-0/model/ with parameters.safetensors, a
// tokenizer.json that puts around a text what it was finetuned with, some validation examples to compare an export on, and,
// written last, model.json. It is the result's where both name the same hashes.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { UserError } from "../base/errors.ts";
import { findChangedFile, hashFiles } from "../base/files/checksums.ts";
import { readJson, readText } from "../base/files/files.ts";
import { recoverFolder } from "../base/files/folder-draft.ts";
import { formatSealed, isSealed } from "../base/sealed-json.ts";
import { readSafetensors, type StoredTensor } from "../checkpoint/safetensors.ts";
import { countElements } from "../graph/tensor.ts";
import { type ClassifierShape, classifierHeads, listClassifierParameters, poolers } from "../model/classifier.ts";
import type { Parameter } from "../model/parameter.ts";
import { listParameters } from "../model/parameters.ts";
import { type ModelShape, shapeSchema, withoutHead } from "../model/shape.ts";
import { findShapeFault } from "../model/shape-faults.ts";
import { openTextReader, type TextReader } from "./text-reader.ts";

const count = z
  .int()
  .positive()
  .max(1 << 24);

const description = {
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
  shape: shapeSchema,
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
};

/** What a kept model is made of, beside its description; the description names the SHA-256 of each. */
const keptFileNames = ["parameters.safetensors", "tokenizer.json", "tokenizer_config.json", "probes.jsonl"] as const;

const descriptionSchema = z.strictObject(description);
export type Described = z.infer<typeof descriptionSchema>;

const fileSchema = z.discriminatedUnion("version", [
  // Without hashes of its files.
  z.strictObject({ version: z.literal(1), ...description }),
  z.strictObject({
    version: z.literal(2),
    ...description,
    files: z.record(z.enum(keptFileNames), z.string()),
    hash: z.string(),
  }),
]);
type DescriptionFile = z.infer<typeof fileSchema>;

/** The text of model.json, for files that stand in `folder`. */
export function formatDescription(folder: string, described: Described): string {
  return formatSealed({ version: 2, ...descriptionSchema.parse(described), files: hashFiles(folder, keptFileNames) });
}

export interface KeptModel extends Omit<Described, "shape"> {
  readonly shape: ModelShape;
  /** The encoder's, then the head's; values stay in the file until they are read. */
  readonly parameters: readonly StoredTensor[];
  readonly reader: TextReader;
  /** Texts of validation examples. */
  readonly probes: readonly (readonly string[])[];
}

/** Where the model of a seed lies. */
export const keptFolderIn = (seedFolder: string) => join(seedFolder, "model");

/** Parameters of a finetuned model, in the order of its file. */
export function listFinetunedParameters(shape: ModelShape, classifier: ClassifierShape): Parameter[] {
  return [...listParameters(withoutHead(shape)), ...listClassifierParameters(shape, classifier)];
}

/** Bytes of a kept model's parameters. */
export function countModelBytes(shape: ModelShape, classifier: ClassifierShape): number {
  const listed = listFinetunedParameters(shape, classifier);
  return listed.reduce((sum, { shape }) => sum + 4 * countElements(shape), 0);
}

/** The files of a kept model, by their paths in the seed's folder. */
export const keptModelPaths: readonly string[] = [...keptFileNames, "model.json"].map(name => `model/${name}`);

/** Whether the seed's folder holds a whole model, whatever it is of. UserErrors of recoverFolder, where a writer was killed. */
export function holdsModel(seedFolder: string): boolean {
  recoverFolder(seedFolder);
  const names = ["model.json", "parameters.safetensors", "tokenizer.json", "probes.jsonl"];
  return names.every(name => existsSync(join(keptFolderIn(seedFolder), name)));
}

/** What model.json says. UserErrors: E_FILE_MISSING, E_JSON, E_KEPT_MODEL. */
export function describeKeptModel(seedFolder: string): DescriptionFile {
  const path = join(keptFolderIn(seedFolder), "model.json");
  const refuse = (what: string): UserError => explainDamage(`${path}: ${what}`);
  const json = readJson(path, "finetuned model's description");
  const parsed = fileSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw refuse(`${issue.path.join(".").slice(0, 80) || "the file"}: ${issue.message.slice(0, 200)}`);
  }
  if (parsed.data.version === 2 && !isSealed(json)) throw refuse("it was changed after it was written");
  const fault = findShapeFault(parsed.data.shape);
  if (fault !== undefined) throw refuse(fault.message);
  return parsed.data;
}

/**
 * Opens the model of a seed's folder. UserErrors: E_FILE_MISSING, E_JSON, E_KEPT_MODEL, E_CHECKPOINT_TENSOR and those of reading a
 * tokenizer.
 */
export async function openKeptModel(seedFolder: string): Promise<KeptModel> {
  const folder = keptFolderIn(seedFolder);
  const described = describeKeptModel(seedFolder);
  const changed = described.version === 2 ? findChangedFile(folder, described.files) : undefined;
  if (changed !== undefined) throw explainDamage(changed);
  const listed = listFinetunedParameters(described.shape, described.classifier);
  const shapes = new Map(listed.map(({ name, shape }) => [name, shape] as const));
  return {
    ...described,
    parameters: [...readSafetensors(join(folder, "parameters.safetensors"), shapes).values()],
    // Before split_special_tokens was written, special tokens in an example were text.
    reader: await openTextReader(folder, "as-text"),
    probes: readProbes(join(folder, "probes.jsonl")),
  };
}

const probeSchema = z.strictObject({ texts: z.array(z.string()).min(1) });

function readProbes(path: string): string[][] {
  if (!existsSync(path)) throw explainDamage(`${path}: not there`);
  const lines = readText(path, "list of validation examples").split("\n");
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
