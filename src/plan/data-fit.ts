// Whether a dataset and a recipe suit each other: what trains without an error and is not what anybody wants. For the plan and
// for the run itself.

import type { StepEvent } from "../events/event.ts";
import { adjustObjective } from "../objectives/objectives.ts";
import { countValidationBatches } from "../train/batches.ts";
import type { Recipe } from "../train/recipe.ts";

/** What of a dataset's manifest decides it. */
interface PreparedData {
  /** Name of the recipe it was prepared for; older datasets do not say it. */
  readonly recipe?: string | undefined;
  readonly vocabulary: number;
  readonly validation: { readonly sequences: number };
}

/** Above that, repeated data is worth nothing (Muennighoff et al. 2023, arXiv 2305.16264). */
export const mostEpochs = 40;
/** The share of the held-out sequences that a validation may leave out without a word. */
const leastUnread = 0.1;
/** Before that many steps the speed is not yet the run's. */
const leastSteps = 16;

/**
 * A sentence for each way in which the recipe is not the one that the dataset was made for. One of `ready` names may have been taken because
 * none was given; who wrote a recipe of his own meant it.
 */
export function describeFit(
  { recipe, vocabulary, validation }: PreparedData,
  trained: Recipe,
  ready: readonly string[],
): string[] {
  const { name, model } = trained;
  const count = (value: number) => value.toLocaleString("en-US");
  const adjusted = adjustObjective({ ...trained, model: { ...model, vocabulary } });
  const faults: readonly (readonly [boolean, string])[] = [
    [
      recipe !== undefined && recipe !== name && ready.includes(name),
      `the dataset was prepared for the recipe ${recipe}, and this is ${name}: --recipe chooses`,
    ],
    [
      2 * vocabulary <= model.vocabulary,
      `the model has a row for each of ${count(model.vocabulary)} tokens and the dataset has ${count(vocabulary)}: ` +
        `the others are never used, and ${[`model.vocabulary=${vocabulary}`, ...adjusted].map(pair => `--set ${pair}`).join(" ")} leaves them out`,
    ],
  ];
  const heldOut = describeValidation(validation.sequences, trained);
  return [...faults.filter(([holds]) => holds).map(([, text]) => text), ...(heldOut === undefined ? [] : [heldOut])];
}

/** Which of the held-out sequences a validation reads, where the size of a micro-batch decides it: losses of two sizes differ by that. */
function describeValidation(heldOut: number, recipe: Recipe): string | undefined {
  const size = recipe.train.microBatchSequences;
  const sequences = Math.min(heldOut, recipe.data.validationSequences);
  const read = countValidationBatches(recipe, heldOut) * size;
  if (read > sequences)
    return `a validation repeats the ${sequences} held-out sequences to fill a micro-batch of ${size}`;
  if (sequences - read <= leastUnread * sequences) return undefined;
  return `a validation reads ${read} of the ${sequences} held-out sequences: whole micro-batches of ${size}`;
}

/** undefined where the recipe's batch is one of whole micro-batches, and no other is trained with. */
export function describeBatch({ schedule, train }: Recipe): string | undefined {
  const { batchSequences: batch } = schedule;
  const { microBatchSequences: size } = train;
  if (batch % size === 0) return undefined;
  return (
    `a batch of ${batch} is no whole number of micro-batches of ${size}: ` +
    `${Math.ceil(batch / size) * size} sequences are read instead`
  );
}

export function describeRepetition(epochs: number): string {
  return `the data repeats: every sequence is read ${epochs.toFixed(1)} times; more text would be new each time`;
}

/** Gives a warning at the step at which it is plain that the data will be read more than 40 times over the budget, once. */
export function createRepetitionWatch(
  trainingSequences: number,
  { model }: Recipe,
): (event: Pick<StepEvent, "step" | "progress" | "tokens">) => string | undefined {
  let warned = false;
  return ({ step, progress, tokens }) => {
    const isEarly = step < leastSteps && progress < 0.5;
    if (warned || isEarly || progress <= 0) return undefined;
    const epochs = tokens / model.sequenceLength / progress / trainingSequences;
    if (epochs <= mostEpochs) return undefined;
    warned = true;
    return describeRepetition(epochs);
  };
}
