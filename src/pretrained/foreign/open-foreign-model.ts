// Opens a folder that another program saved a model in, after telling by its files which program that was.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { readJson } from "../../base/files/files.ts";
import { quoteValue } from "../../base/printable.ts";
import { withoutHead } from "../../model/shape.ts";
import { checkExport } from "../export-checksums.ts";
import { readBert } from "./bert.ts";
import { readDistilBert } from "./distil-bert.ts";
import { readElectra } from "./electra.ts";
import type { ForeignModel } from "./foreign-model.ts";
import { readModernBert } from "./modern-bert.ts";
import { readReferenceCheckpoint } from "./reference-checkpoint.ts";
import { requireTensorFiles } from "./tensor-files.ts";

type Reader = (json: unknown, configPath: string, folder: string) => ForeignModel;

/** By the `model_type` of a config.json. */
const readers: Readonly<Record<string, Reader>> = {
  bert: readBert,
  roberta: readBert,
  distilbert: readDistilBert,
  electra: readElectra,
  modernbert: readModernBert,
  crammedBERT: (json, ...rest) => readReferenceCheckpoint((json as { readonly arch?: unknown }).arch, ...rest),
};

/** What predicts no tokens is an encoder alone, whatever head its config tells of. */
function leaveHead(model: ForeignModel, json: unknown): ForeignModel {
  if (model.predictsTokens) return model;
  const { architectures } = json as { readonly architectures?: unknown };
  const [named] = Array.isArray(architectures) ? (architectures as unknown[]) : [];
  const isFinetuned =
    typeof named === "string" &&
    /For(SequenceClassification|TokenClassification|QuestionAnswering|MultipleChoice)$/.test(named);
  return {
    ...model,
    shape: withoutHead(model.shape),
    ...(isFinetuned && { headFault: `it was finetuned, ${quoteValue(named)}` }),
  };
}

/** Whether a folder looks like a model that another program saved. */
export function isForeignModel(folder: string): boolean {
  return ["config.json", "model_config.json"].some(name => existsSync(join(folder, name)));
}

/**
 * The model in a folder of Hugging Face's, or of the reference's. Errors: E_FOREIGN_CONFIG, E_FOREIGN_TENSOR, E_EXPORT_CHANGED and those of
 * reading.
 */
export function openForeignModel(folder: string): ForeignModel {
  checkExport(folder, name => name === "config.json" || name.endsWith(".safetensors"));
  const own = join(folder, "model_config.json");
  if (existsSync(own)) {
    return readReferenceCheckpoint(readJson(own, "reference's model config"), own, folder);
  }
  const path = join(folder, "config.json");
  const json = readJson(path, "model's config");
  const type = (json as { readonly model_type?: unknown } | null)?.model_type;
  const reader = typeof type === "string" && Object.hasOwn(readers, type) ? readers[type]! : undefined;
  if (reader !== undefined) {
    // Before the config is read: that of an export of ONNX files alone says no more than these need.
    requireTensorFiles(folder);
    return leaveHead(reader(json, path, folder), json);
  }
  const named = typeof type === "string" ? quoteValue(type) : "missing";
  throw new UserError(
    "E_FOREIGN_CONFIG",
    `${path}: model_type ${named} cannot be read`,
    `The model types that can are ${Object.keys(readers).join(", ")}.`,
  );
}
