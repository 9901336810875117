// Keeps the model of a finished seed beside its result, as kept-model.ts describes it: what is written last is what makes it one.

import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { UserError } from "../../base/errors.ts";
import { writeFileAtomically } from "../../base/files/files.ts";
import { type HeldTensor, saveSafetensors } from "../../checkpoint/safetensors.ts";
import type { ClassifierShape } from "../../model/classifier.ts";
import { abbreviateShape, completeShape, type ModelShape } from "../../model/shape.ts";
import {
  type Described,
  describeKeptModel,
  formatDescription,
  holdsModel,
  keptFolderIn,
} from "../../pretrained/kept-model.ts";
import type { PretrainedModel } from "../../pretrained/pretrained-model.ts";
import type { TokenizerJson } from "../../pretrained/text-reader.ts";
import type { FinetuneRecipe } from "../finetuning/finetune-recipe.ts";
import type { Example, TaskData } from "../tasks/task.ts";
import type { TaskResult } from "./result.ts";

export interface FinishedModel {
  readonly data: TaskData;
  readonly result: TaskResult;
  readonly recipe: FinetuneRecipe;
  readonly pretrained: PretrainedModel;
  readonly shape: ModelShape;
  readonly classifier: ClassifierShape;
  readonly parameters: readonly HeldTensor[];
}

const probesKept = 100;

/** Writes the model of a finished seed into the seed's folder. UserErrors: E_DISK_FULL, E_NOT_WRITABLE. */
export async function keepModel(seedFolder: string, finished: FinishedModel): Promise<void> {
  const { data, result, recipe, pretrained, shape, classifier, parameters } = finished;
  const { task } = data;
  const folder = keptFolderIn(seedFolder);
  const described: Described = {
    suite: result.suite,
    task: task.name,
    title: task.title,
    texts: [...task.texts],
    label: task.label,
    labels: [...task.labels],
    seed: result.seed,
    shape: completeShape(abbreviateShape(shape)),
    classifier,
    maxLength: recipe.maxLength,
    longTexts: recipe.longTexts,
    hashes: result.hashes,
  };
  await saveSafetensors(join(folder, "parameters.safetensors"), parameters, { format: "pt" });
  writeFileAtomically(join(folder, "tokenizer.json"), `${JSON.stringify(frameTexts(pretrained), undefined, 1)}\n`);
  writeFileAtomically(
    join(folder, "tokenizer_config.json"),
    `${JSON.stringify(describeSettings(pretrained), undefined, 2)}\n`,
  );
  const probes = drawProbes(data).map(({ texts }) => `${JSON.stringify({ texts })}\n`);
  writeFileAtomically(join(folder, "probes.jsonl"), probes.join(""));
  writeFileAtomically(join(folder, "model.json"), formatDescription(folder, described));
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
    id: tokenOf(id)!,
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

/** By the names of Hugging Face's settings: the special tokens, and whether they are text where an example spells them out. */
function describeSettings({
  specials,
  tokenOf,
  specialTokensInText,
}: PretrainedModel): Readonly<Record<string, string | boolean>> {
  return {
    split_special_tokens: specialTokensInText === "as-text",
    pad_token: tokenOf(specials.pad)!,
    unk_token: tokenOf(specials.unknown)!,
    cls_token: tokenOf(specials.classify)!,
    sep_token: tokenOf(specials.separator)!,
    mask_token: tokenOf(specials.mask)!,
  };
}
