// Which of Hugging Face's classes a model of ours is, and its files as that class reads them. A model that is none is told by the
// field of the recipe that stands in the way, with the value that would not.

import type { StoredTensor } from "../../checkpoint/safetensors.ts";
import type { ModelShape } from "../../model/shape.ts";
import { exportParameters } from "../../pretrained/foreign/foreign-tensors.ts";
import type { SpecialIds } from "../../tokenizer/tokenizer.ts";
import { bertFamily } from "./bert-export.ts";
import { electraFamily } from "./electra-export.ts";
import { describeOption, findUnexpressedOption } from "./expressed-options.ts";
import type { HuggingFaceFamily, ModelKind } from "./hugging-face-family.ts";
import { modernBertFamily } from "./modern-bert-export.ts";

export const families: readonly HuggingFaceFamily[] = [modernBertFamily, bertFamily, electraFamily];

export interface HuggingFaceExport {
  readonly className: string;
  readonly kind: ModelKind;
  readonly config: Readonly<Record<string, unknown>>;
  readonly tensors: readonly StoredTensor[];
  readonly notes: readonly string[];
}

/**
 * A model as one of Hugging Face's classes, or why it is none. Reads the final norm's weights. An encoder is written with the head that
 * tells replaced tokens, `discriminator`, where a class has one.
 */
export function exportToHuggingFace(
  shape: ModelShape,
  parameters: readonly StoredTensor[],
  specials: SpecialIds,
  discriminator: readonly StoredTensor[] = [],
): HuggingFaceExport | { readonly obstacle: string } {
  const chooseKind = ({ classNames }: HuggingFaceFamily): ModelKind => {
    if (!shape.isEncoder) return "tokens";
    return discriminator.length > 0 && classNames.discriminator !== undefined ? "discriminator" : "encoder";
  };
  const family = families.find(
    candidate =>
      candidate.classNames[chooseKind(candidate)] !== undefined &&
      findObstacle(candidate, shape, parameters) === undefined,
  );
  if (family === undefined) return { obstacle: findObstacle(findNearest(shape), shape, parameters)! };
  const kind = chooseKind(family);
  const className = family.classNames[kind]!;
  const config = {
    architectures: [className],
    model_type: family.modelType,
    ...family.encodeConfig(shape, specials),
    tie_word_embeddings: true,
    dtype: "float32",
  };
  const { table, derived } = family.tablesOf(config);
  const isWhole = discriminator.length === 0 || kind === "discriminator";
  const lost = `the head that tells replaced tokens is left out: ${family.name} has none`;
  const tensors = exportParameters(isWhole ? [...parameters, ...discriminator] : parameters, table, derived);
  // An encoder alone is saved without what stands before its names beside a head.
  const isBare = kind === "encoder";
  return {
    ...{ className, kind, config },
    tensors: isBare ? tensors.map(each => ({ ...each, name: each.name.replace(/^[^.]+\./, "") })) : tensors,
    notes: [...family.listNotes(shape), ...(isWhole ? [] : [lost])],
  };
}

/** The family that obstacles are told for: the first that has all options. */
export const findNearest = (shape: ModelShape): HuggingFaceFamily =>
  families.find(({ options }) => findUnexpressedOption(shape, options) === undefined) ?? families[0]!;

/** Why a model is none of the family, a sentence; undefined where it is one. */
export function findObstacle(
  { name, expressed, options, findObstacle: findMore }: HuggingFaceFamily,
  shape: ModelShape,
  parameters: readonly StoredTensor[],
): string | undefined {
  const unexpressed = findUnexpressedOption(shape, options);
  if (unexpressed !== undefined) return `${describeOption(unexpressed)}, and ${name} has no such option`;
  for (const [key, wanted] of Object.entries(expressed)) {
    const seen = shape[key as keyof ModelShape];
    if (seen !== wanted && !(key === "head" && shape.isEncoder)) {
      return `model.${key} is ${seen}, and ${name}'s is ${wanted}: --set model.${key}=${wanted} trains one that it can express`;
    }
  }
  return findMore(shape, parameters);
}
