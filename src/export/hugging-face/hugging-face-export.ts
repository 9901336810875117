// Which of Hugging Face's classes a model of ours is, and its files as that class reads them. A model that is none is told by the
// field of the recipe that stands in the way, with the value that would not.

import type { StoredTensor } from "../../checkpoint/safetensors.ts";
import type { ModelShape } from "../../model/shape.ts";
import { exportParameters } from "../../pretrained/foreign/foreign-tensors.ts";
import type { SpecialIds } from "../../tokenizer/tokenizer.ts";
import { bertFamily } from "./bert-export.ts";
import { describeOption, findUnexpressedOption } from "./expressed-options.ts";
import type { HuggingFaceFamily } from "./hugging-face-family.ts";
import { modernBertFamily } from "./modern-bert-export.ts";

/** The first is the one that obstacles are told for. */
export const families = [modernBertFamily, bertFamily] as const;

export interface HuggingFaceExport {
  readonly className: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly tensors: readonly StoredTensor[];
  readonly notes: readonly string[];
}

/** A model as one of Hugging Face's classes, or why it is none. Reads the final norm's weights. */
export function exportToHuggingFace(
  shape: ModelShape,
  parameters: readonly StoredTensor[],
  specials: SpecialIds,
): HuggingFaceExport | { readonly obstacle: string } {
  const family = families.find(candidate => findObstacle(candidate, shape, parameters) === undefined);
  if (family === undefined) return { obstacle: findObstacle(families[0], shape, parameters)! };
  const { className, modelType } = family;
  const config = {
    architectures: [className],
    model_type: modelType,
    ...family.encodeConfig(shape, specials),
    tie_word_embeddings: true,
    dtype: "float32",
  };
  const { table, derived } = family.tablesOf(config);
  return { className, config, tensors: exportParameters(parameters, table, derived), notes: family.listNotes(shape) };
}

/** Why a model is none of the family, a sentence; undefined where it is one. */
export function findObstacle(
  { name, expressed, findObstacle: findMore }: HuggingFaceFamily,
  shape: ModelShape,
  parameters: readonly StoredTensor[],
): string | undefined {
  const unexpressed = findUnexpressedOption(shape);
  if (unexpressed !== undefined) return `${describeOption(unexpressed)}, and ${name} has no such option`;
  for (const [key, wanted] of Object.entries(expressed)) {
    const seen = shape[key as keyof ModelShape];
    if (seen !== wanted) {
      return `model.${key} is ${seen}, and ${name}'s is ${wanted}: --set model.${key}=${wanted} trains one that it can express`;
    }
  }
  return findMore(shape, parameters);
}
