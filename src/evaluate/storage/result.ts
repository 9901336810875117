// The result of one finetuning (or control) on one task, as result.json holds it. Whoever shows scores reads this and nothing else.

import { z } from "zod";
import type { PretrainedModel } from "../../pretrained/pretrained-model.ts";
import type { Variant } from "../finetuning/controls.ts";
import type { FinetuneEnd, FinetuneEpoch } from "../finetuning/finetune.ts";
import type { FinetuneRecipe } from "../finetuning/finetune-recipe.ts";
import { bootstrapExamples } from "../scores/bootstrap.ts";
import { countConfusion } from "../scores/confusion.ts";
import { alignPredictions, scoreSplit } from "../scores/predictions.ts";
import type { TaskData } from "../tasks/task.ts";

/** A score that is not a number (a correlation with a constant) is null in JSON. */
const score = z
  .number()
  .nullable()
  .transform(value => value ?? Number.NaN);
const scores = z.record(z.string(), score);

const splitSchema = z.strictObject({
  /** "validation", or "matched" and "mismatched". */
  name: z.string(),
  examples: z.number().int(),
  scores,
  /** Of the first metric, 95 %, under drawing the examples again. */
  interval: z.strictObject({ low: score, high: score }),
  /** counts[target][prediction] in the order of the task's labels; none for a regression. */
  confusion: z.array(z.array(z.number().int())),
});

const epochSchema = z.strictObject({
  epoch: z.number().int(),
  loss: score,
  splits: z.array(z.strictObject({ name: z.string(), examples: z.number().int(), scores })),
});

export const resultSchema = z.strictObject({
  version: z.literal(1),
  suite: z.string(),
  task: z.string(),
  title: z.string(),
  kind: z.enum(["classification", "regression", "tokens"]),
  labels: z.array(z.string()),
  /** The first is the one that counts. */
  metrics: z.array(z.string()).min(1),
  control: z.enum(["none", "untrained", "majority"]),
  seed: z.number().int(),
  model: z.string(),
  device: z.string(),
  /** What the result is a function of, with the seed; equal hashes are not run again. */
  hashes: z.strictObject({ model: z.string(), data: z.string(), recipe: z.string() }),
  recipe: z.record(z.string(), z.unknown()),
  /** The file of a user's own task, absent where it was not kept. */
  source: z.string().optional(),
  /** Why the data is not the published task: names of files, or "first 100 of train". */
  subsets: z.array(z.string()),
  training: z.strictObject({
    examples: z.number().int(),
    truncated: z.number().int(),
    steps: z.number().int(),
    seconds: z.number(),
    /** Of the steps alone, without compiling and scoring. */
    stepSeconds: z.number(),
  }),
  epochs: z.array(epochSchema),
  splits: z.array(splitSchema),
  /** Names of the splits without labels whose predictions are kept. */
  test: z.array(z.string()),
});

export type TaskResult = z.infer<typeof resultSchema>;

export interface ResultParts {
  readonly suite: string;
  readonly variant: Variant;
  readonly model: Pick<PretrainedModel, "name">;
  readonly recipe: FinetuneRecipe;
  readonly data: TaskData;
  readonly device: string;
  readonly hashes: TaskResult["hashes"];
  readonly truncated: number;
  readonly epochs: readonly FinetuneEpoch[];
  readonly end: FinetuneEnd;
}

/** Scores the predictions of a finished finetuning and describes where they come from. */
export function makeResult(parts: ResultParts): TaskResult {
  const { variant, recipe, data, end } = parts;
  const { task } = data;
  return {
    version: 1,
    suite: parts.suite,
    task: task.name,
    title: task.title,
    kind: task.kind,
    labels: [...task.labels],
    metrics: [...task.metrics],
    control: variant.control,
    seed: variant.seed,
    model: parts.model.name,
    device: parts.device,
    hashes: parts.hashes,
    recipe,
    ...(data.source !== undefined && { source: data.source }),
    subsets: [...data.subsets],
    training: {
      examples: data.train.length,
      truncated: parts.truncated,
      steps: end.steps,
      seconds: end.elapsedSeconds,
      stepSeconds: end.stepSeconds,
    },
    epochs: parts.epochs.map(({ epoch, loss, scores: splits }) => ({
      epoch,
      loss,
      splits: splits.map(({ name, examples, scores }) => ({ name, examples, scores: { ...scores } })),
    })),
    splits: end.validation.map(split => {
      const aligned = alignPredictions(split);
      return {
        name: split.name,
        examples: split.examples.length,
        scores: { ...scoreSplit(split, task).scores },
        interval: { ...bootstrapExamples(task.metrics[0], aligned, { seed: variant.seed }) },
        confusion:
          task.kind === "regression"
            ? []
            : countConfusion(task.labels, aligned.predictions, aligned.targets).counts.map(row => [...row]),
      };
    }),
    test: end.test.map(({ name }) => name),
  };
}
