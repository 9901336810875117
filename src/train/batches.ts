// A dataset as the loop reads it: batches of the recipe's size with the recipe's masks, by the names of the model's inputs.

import { UserError } from "../base/errors.ts";
import type { Dataset, MaskedBatch } from "../dataset/dataset.ts";
import type { DatasetManifest } from "../dataset/manifest.ts";
import { plainMask } from "../dataset/mask-units.ts";
import type { Batch, SequenceSource } from "../objectives/objective.ts";
import { feedObjective, feedValidation, makeTrainedTables } from "../objectives/objectives.ts";
import { countMasked, countMaskedAt, countValidated } from "../objectives/predictions.ts";
import type { BatchSource } from "./batch-queue.ts";
import type { Recipe } from "./recipe.ts";
import { lengthAt, listLengths } from "./scheduled-values.ts";

/** UserErrors: E_DATA_LENGTH and E_DATA_VOCABULARY when the recipe's model does not fit the dataset. */
export function checkFit({ sequenceLength, vocabulary }: DatasetManifest, { model }: Recipe): void {
  if (sequenceLength !== model.sequenceLength) {
    throw new UserError(
      "E_DATA_LENGTH",
      `the dataset has sequences of ${sequenceLength} tokens, the recipe's model reads ${model.sequenceLength}`,
      `Use --set model.sequenceLength=${sequenceLength}, or prepare the text with cram prepare --sequence-length ${model.sequenceLength}.`,
    );
  }
  if (vocabulary > model.vocabulary) {
    throw new UserError(
      "E_DATA_VOCABULARY",
      `the dataset's tokenizer has ${vocabulary} tokens, the recipe's model ${model.vocabulary}`,
      `Use --set model.vocabulary=${vocabulary}, or prepare the text with cram prepare --vocabulary ${model.vocabulary}.`,
    );
  }
}

/** Batches of one validation: whole ones alone, but at least one, for a small held-out part repeats to fill it. */
export function countValidationBatches({ data, train }: Recipe, heldOutSequences: number): number {
  const sequences = Math.min(heldOutSequences, data.validationSequences);
  return Math.max(1, Math.floor(sequences / train.microBatchSequences));
}

/** Training sequences `first` to `first + count` of a run, masked as the recipe says at this progress. */
export function readTrainingBatch(
  dataset: Dataset,
  recipe: Recipe,
  first: number,
  count: number,
  progress: number,
): MaskedBatch {
  const { mask: settings = plainMask, separateDocuments = false, echo, passages } = recipe.data;
  const mask = { settings, capacity: countMasked(recipe), separatesDocuments: separateDocuments, echo, passages };
  return dataset.readTraining(first, count, countMaskedAt(progress, recipe), recipe.train.seed, mask);
}

/** Training sequences `first` to `first + count` of a run as the recipe's objective feeds a micro-batch at this progress. */
function feedTrainingBatch(dataset: Dataset, recipe: Recipe, first: number, count: number, progress: number): Batch {
  const { data, train, model } = recipe;
  const whole = { settings: plainMask, separatesDocuments: data.separateDocuments ?? false };
  const source: SequenceSource = {
    readMasked: (from, count) => readTrainingBatch(dataset, recipe, first + from, count, progress),
    readWhole: (from, count) => dataset.readTraining(first + from, count, 0, train.seed, whole),
    seed: drawSeed(recipe, first),
    mask: dataset.tokenizer.specials.mask,
    countTokens: () => dataset.countTokens(),
    isSpecial: token => dataset.isSpecial(token),
  };
  const cut = model.sequenceLength / lengthAt(progress, recipe);
  return feedObjective(source, { ...recipe, train: { ...train, microBatchSequences: count }, cut });
}

/** The start, and the moments of the budget that first have another length, on a grid that misses none of a thousandth. */
function findNewLengths(recipe: Recipe): number[] {
  const moments = Array.from({ length: recipe.schedule.sequenceLength === undefined ? 1 : 1001 }, (_, i) => i / 1000);
  const lengths = moments.map(progress => lengthAt(progress, recipe));
  return moments.filter((_, i) => lengths.indexOf(lengths[i]!) === i);
}

/** Another number for each micro-batch of a run, the same when it is resumed. */
const drawSeed = ({ train }: Pick<Recipe, "train">, firstSequence: number) =>
  (Math.imul(train.seed, 0x9e3779b1) + firstSequence) >>> 0;

/** What draws the layers that a micro-batch leaves out: another number for each of a run, the same when it is resumed. */
export function drawLayerSeed({ train }: Recipe, firstSequence: number): { readonly layerSeed?: Uint32Array } {
  if (train.layerDrop === undefined) return {};
  return { layerSeed: Uint32Array.of(drawSeed({ train }, firstSequence)) };
}

/** Sequences that are looked at for the end of a document. */
const searchedSequences = 4096;

/** UserError E_DATA_DOCUMENTS where documents are to be kept apart and no sequence has a part of two. */
function checkDocuments(dataset: Dataset, { data }: Recipe): void {
  if (data.separateDocuments !== true) return;
  const size = 64;
  const sequences = Math.min(searchedSequences, dataset.manifest.training.sequences);
  const mask = { settings: plainMask, separatesDocuments: true };
  for (let first = 0; first < sequences; first += size) {
    const { documents = [] } = dataset.readTraining(first, Math.min(size, sequences - first), 0, 0, mask);
    if (documents.some(document => document > 0)) return;
  }
  throw new UserError(
    "E_DATA_DOCUMENTS",
    `of ${sequences} sequences none holds the end of a document, so data.separateDocuments has nothing to keep apart`,
    "Leave out data.separateDocuments, or prepare texts that are shorter than a sequence.",
  );
}

/** UserError E_DATA_WORDS where whole words are to be masked, and tokens do not tell them. */
function checkWords({ tellsWords, tokenizer }: Dataset, { data }: Recipe): void {
  const { unit } = data.mask ?? plainMask;
  if (unit === "tokens" || tellsWords) return;
  throw new UserError(
    "E_DATA_WORDS",
    `data.mask.unit ${unit}: tokens of a ${tokenizer.model.kind} tokenizer behind ${tokenizer.preTokenizer.name} do not tell where a word begins`,
    "Set data.mask.unit=tokens, or prepare with --pre-tokenizer metaspace.",
  );
}

/** UserErrors: those of checkFit, E_DATA_DOCUMENTS, E_DATA_ORDER, E_DATA_WORDS. */
export function openBatches(dataset: Dataset, recipe: Recipe): BatchSource {
  checkFit(dataset.manifest, recipe);
  checkDocuments(dataset, recipe);
  checkWords(dataset, recipe);
  if (recipe.data.order !== undefined) dataset.arrange(recipe.data.order);
  const { validation, hash } = dataset.manifest;
  const { model, data, train } = recipe;
  const size = train.microBatchSequences;
  const tables = makeTrainedTables(recipe);
  const cuts = listLengths(recipe).map(length => model.sequenceLength / length);
  const cutTables = new Map(cuts.map(cut => [cut, makeTrainedTables({ ...recipe, cut })] as const));
  const cutAt = (progress: number) => {
    const cut = model.sequenceLength / lengthAt(progress, recipe);
    return cut === 1 ? tables : { ...cutTables.get(cut)!, cut };
  };
  return {
    datasetHash: hash,
    unigramEntropy: dataset.measureUnigramEntropy(Math.min(validation.sequences, data.validationSequences)),
    validationBatches: countValidationBatches(recipe, validation.sequences),
    training: (first, sequences, progress) => ({
      ...feedTrainingBatch(dataset, recipe, first, sequences, progress),
      ...drawLayerSeed(recipe, first),
      ...cutAt(progress),
    }),
    isSame: (progress, other) =>
      countMaskedAt(progress, recipe) === countMaskedAt(other, recipe) &&
      lengthAt(progress, recipe) === lengthAt(other, recipe),
    newPrograms: findNewLengths(recipe),
    validation: index => {
      const batch = dataset.readValidation(index * size, size, countValidated(recipe), data.separateDocuments);
      return { ...feedValidation(batch, dataset.tokenizer.specials.mask, recipe), ...tables };
    },
  };
}
