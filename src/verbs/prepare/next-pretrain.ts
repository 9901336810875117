// The command that trains on a dataset that was just prepared, with every choice that was made for it: a recipe, what of the
// recipe's model the dataset or the model to go on from has otherwise, and that model.

import { statSync } from "node:fs";
import { UserError } from "../../base/errors.ts";
import type { DatasetManifest } from "../../dataset/manifest.ts";
import { countParameters } from "../../model/parameters.ts";
import type { ModelShape } from "../../model/shape.ts";
import { adjustObjective } from "../../objectives/objectives.ts";
import { mostEpochs } from "../../plan/data-fit.ts";
import { openPretrainedModel } from "../../pretrained/pretrained-model.ts";
import { listShapeSettings } from "../../train/initial-parameters.ts";
import { chooseRecipe } from "../recipe.ts";

export interface PreparedChoices {
  readonly out: string;
  /** A name, or the path of a recipe.json. */
  readonly recipe: string;
  /** What the dataset's tokenizer was taken from. */
  readonly tokenizer?: string | undefined;
  readonly manifest: Pick<DatasetManifest, "vocabulary" | "sequenceLength" | "training">;
}

/** From the largest on. */
const bySize = ["crammed-bert", "crammed-bert-small"];

/**
 * The recipe that an amount of text suits: the largest whose model gets its twenty tokens a parameter (Hoffmann et al. 2022, arXiv
 * 2203.15556) from it in forty readings, after which text is worth nothing more (Muennighoff et al. 2023, arXiv 2305.16264).
 */
export function recommendRecipe(trainingTokens: number): string {
  const suits = (recipe: string) => 20 * countParameters(chooseRecipe({ recipe }).model) <= mostEpochs * trainingTokens;
  return bySize.find(suits) ?? smallest;
}

const smallest = "quickstart";
/** What its time holds on two cores, in round figures. */
const stepsOfSmallest = 5000;

/** The words of the command, not yet quoted. */
export async function suggestPretrain({ out, recipe, tokenizer, manifest }: PreparedChoices): Promise<string[]> {
  const chosen = chooseRecipe({ recipe });
  const { model: ours, name, schedule } = chosen;
  const { vocabulary, sequenceLength } = manifest;
  // A model has as many learned positions as it was made with: sequences of another length are not for going on from it.
  const length = await readLearnedLength(tokenizer);
  const isForIt = length === undefined || length === sequenceLength;
  const theirs = tokenizer === undefined || !isForIt ? undefined : await readShape(tokenizer);
  const fromModel = theirs === undefined ? [] : listShapeSettings(theirs, ours);
  const model = { ...ours, vocabulary: theirs?.vocabulary ?? vocabulary, sequenceLength };
  const settings = [
    ...(theirs === undefined && vocabulary !== ours.vocabulary ? [`model.vocabulary=${vocabulary}`] : []),
    ...fromModel.filter(pair => !pair.startsWith("model.sequenceLength=")),
    ...(sequenceLength === ours.sequenceLength ? [] : [`model.sequenceLength=${sequenceLength}`]),
    ...adjustObjective({ ...chosen, model }),
  ];
  const usefulSteps = Math.max(1, Math.floor((mostEpochs * manifest.training.sequences) / schedule.batchSequences));
  return [
    ...["cram", "pretrain", "--data", out, "--recipe", recipe],
    ...settings.flatMap(pair => ["--set", pair]),
    ...(name === smallest && usefulSteps < stepsOfSmallest ? ["--budget", `${usefulSteps}steps`] : []),
    ...(theirs === undefined ? [] : ["--init-from", tokenizer!]),
  ];
}

/** A sentence, where the model whose tokenizer was taken cannot be gone on from with sequences of this length. */
export async function describeOtherLength({ tokenizer, manifest }: PreparedChoices): Promise<string | undefined> {
  const length = await readLearnedLength(tokenizer);
  if (length === undefined || length === manifest.sequenceLength) return undefined;
  return `the model in ${tokenizer} has ${length} learned positions: prepare with --sequence-length ${length} to go on from it`;
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
