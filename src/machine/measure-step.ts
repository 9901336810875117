// How long a recipe's micro-batch, update and validation take on a backend, on random tokens that occur as often as those of text.

import type { Backend, HostInputs } from "../backends/backend.ts";
import type { Clock } from "../base/clock.ts";
import { permutation, RandomSequence, streams } from "../base/random.ts";
import type { MaskedBatch } from "../dataset/dataset.ts";
import type { SequenceSource } from "../objectives/objective.ts";
import { feedObjective, feedValidation, makeTrainedTables } from "../objectives/objectives.ts";
import { countMasked, countValidated } from "../objectives/predictions.ts";
import { drawLayerSeed } from "../train/batches.ts";
import { defineTraining } from "../train/definition.ts";
import type { Recipe } from "../train/recipe.ts";
import { openEngine } from "../train/step/engine.ts";
import { openEnergyMeter } from "./energy.ts";

export interface StepTimes {
  /** Forward and backward of one micro-batch. */
  readonly microBatchSeconds: number;
  readonly updateSeconds: number;
  /** Forward of one micro-batch. */
  readonly validationSeconds: number;
  /** Of the device, or of the processor, while it measured; undefined where no counter can be read. */
  readonly watts: number | undefined;
}

/** Medians over rounds of one micro-batch, one update and one validation, at least two of them, for about `seconds`. */
export async function measureStep(backend: Backend, recipe: Recipe, clock: Clock, seconds: number): Promise<StepTimes> {
  const definition = defineTraining(recipe);
  const engine = await openEngine(backend, definition);
  const batch = drawBatch(recipe);
  const heldOut = drawValidationBatch(recipe);
  // A rate of 0 leaves the parameters what they are, so that every round does the same.
  const schedule = { step: 1, rateScale: 0 };
  await engine.accumulate(batch, true);
  const isFirst = engine.isOfOne === true;
  const round = [
    () => engine.accumulate(batch, isFirst),
    () => engine.update(schedule, 2),
    () => engine.validate(heldOut),
    // What only due steps have, and the update of those between.
    async () => engine.probe?.(batch, { isFirst, microBatches: 2, seed: 1 }),
    async () => engine.isDue && engine.update({ ...schedule, step: 2 }, 2),
  ] as const;
  for (const run of round) await run();
  await backend.synchronise?.();
  const times = round.map((): number[] => []);
  // The processor's where the backend has no device of its own.
  const readJoules = backend.readJoules ?? openEnergyMeter()?.readJoules;
  const joulesBefore = readJoules?.();
  const start = clock.seconds();
  while (times[0]!.length < 2 || clock.seconds() - start < seconds) {
    for (const [i, run] of round.entries()) {
      const before = clock.seconds();
      await run();
      // A device may still be at work: a micro-batch has no results to wait for.
      await backend.synchronise?.();
      times[i]!.push(clock.seconds() - before);
    }
  }
  const joulesAfter = readJoules?.();
  const elapsed = clock.seconds() - start;
  const [microBatch, due, validationSeconds, probe, between] = times.map(median) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const { interval = 1 } = definition;
  const microBatchSeconds = microBatch + (engine.probe === undefined ? 0 : probe / interval);
  const updateSeconds = (due + (interval - 1) * between) / interval;
  const known = joulesBefore !== undefined && joulesAfter !== undefined;
  const watts = known ? (joulesAfter - joulesBefore) / elapsed : undefined;
  return { microBatchSeconds, updateSeconds, validationSeconds, watts };
}

/** Of this project's tokenizers, whose special tokens end with it; any frequent one would do. */
const maskId = 6;

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!;

/**
 * Masked sequences like those of text: ids fall off as words do (Zipf), in every one `masked` positions are predicted, ascending, and
 * four of five of these hold one id, the mask's. Uniform ids would hide what a frequent one costs where gradients of the embedding are
 * added up.
 */
function drawMasked({ model, train, data }: Recipe, sequences: number, masked: number): MaskedBatch {
  const { sequenceLength, vocabulary } = model;
  const random = new RandomSequence(train.seed, streams.sampling, 0);
  const draw = (length: number) =>
    Int32Array.from({ length }, () => Math.floor(vocabulary ** random.uniform()) % vocabulary);
  const positions = Array.from({ length: sequences }, (_, sequence) => {
    const order = permutation(sequenceLength, train.seed, streams.sampling, sequence + 1).subarray(0, masked);
    return [...order].sort((a, b) => a - b).map(at => sequence * sequenceLength + at);
  }).flat();
  const tokens = draw(sequences * sequenceLength);
  for (const [i, at] of positions.entries()) if (i % 5 !== 0) tokens[at] = maskId;
  // Two documents in every sequence.
  const documents = Int32Array.from(tokens, (_, at) => (2 * (at % sequenceLength) < sequenceLength ? 0 : 1));
  const batch = { tokens, positions: Int32Array.from(positions), labels: draw(positions.length) };
  return data.separateDocuments ? { ...batch, documents } : batch;
}

/** How often drawn tokens occur, relative to each other. */
const countZipf = (vocabulary: number) => Float64Array.from({ length: vocabulary }, (_, token) => 1e6 / (token + 1));

/** A micro-batch of training as the recipe's objective feeds it, of drawn sequences. */
export function drawBatch(recipe: Recipe): HostInputs {
  const source: SequenceSource = {
    readMasked: (_, sequences) => drawMasked(recipe, sequences, countMasked(recipe)),
    readWhole: (_, sequences) => drawMasked(recipe, sequences, 0),
    seed: recipe.train.seed,
    mask: maskId,
    countTokens: () => countZipf(recipe.model.vocabulary),
    isSpecial: token => token <= maskId,
  };
  return { ...feedObjective(source, recipe), ...drawLayerSeed(recipe, 0), ...makeTrainedTables(recipe) };
}

/** A batch of validation, of drawn sequences. */
export function drawValidationBatch(recipe: Recipe): HostInputs {
  const batch = drawMasked(recipe, recipe.train.microBatchSequences, countValidated(recipe));
  return { ...feedValidation(batch, maskId, recipe), ...makeTrainedTables(recipe) };
}
