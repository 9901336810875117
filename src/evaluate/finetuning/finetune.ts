// Finetunes one model on one task with one seed: an async generator of events on an injected clock. It prints and stores nothing.
// What counts is the score after the last epoch; the scores before it are for the eye, on a thousand examples at most.

import type { Clock } from "../../base/clock.ts";
import { UserError } from "../../base/errors.ts";
import { countOf } from "../../base/printable.ts";
import { RandomSequence, streams } from "../../base/random.ts";
import type { StoredTensor } from "../../checkpoint/safetensors.ts";
import { rateAt } from "../../optim/schedule.ts";
import { answersNothing } from "../../pretrained/finite-answers.ts";
import type { SpecialIds } from "../../tokenizer/tokenizer.ts";
import { guardSteps } from "../../train/step/guard.ts";
import {
  type Prediction,
  readPrediction,
  type SplitPredictions,
  type SplitScores,
  scoreSplit,
} from "../scores/predictions.ts";
import type { Task } from "../tasks/task.ts";
import type { EncodedExample } from "./encode-examples.ts";
import type { FinetuneRecipe } from "./finetune-recipe.ts";
import type { TaskEngine } from "./finetune-step.ts";
import { type Batch, planEvaluationBatches, planTrainingBatches } from "./length-buckets.ts";
import { createBatchFiller, type FillBatch } from "./padded-batches.ts";

export interface EncodedSplit {
  readonly name: string;
  readonly examples: readonly EncodedExample[];
}

export interface FinetuneOptions {
  readonly engine: TaskEngine;
  readonly task: Task;
  readonly recipe: FinetuneRecipe;
  /** The encoder to begin with; undefined begins with a new one, as a control. */
  readonly encoder: readonly StoredTensor[] | undefined;
  readonly specials: SpecialIds;
  readonly train: readonly EncodedExample[];
  /** Scored after every epoch. */
  readonly validation: readonly EncodedSplit[];
  /** Predicted after the last one. */
  readonly test: readonly EncodedSplit[];
  readonly seed: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface FinetuneStep {
  readonly kind: "step";
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly seconds: number;
}

/** So many examples of a split are predicted. */
export interface FinetuneScoring {
  readonly kind: "scoring";
  readonly done: number;
  readonly examples: number;
}

export interface FinetuneEpoch {
  readonly kind: "epoch";
  readonly epoch: number;
  /** Mean training loss of its steps. */
  readonly loss: number;
  readonly scores: readonly SplitScores[];
  readonly elapsedSeconds: number;
}

export interface FinetuneEnd {
  readonly kind: "end";
  readonly reason: "finished" | "interrupted";
  readonly steps: number;
  readonly elapsedSeconds: number;
  /** Of the steps alone, without compiling and scoring. */
  readonly stepSeconds: number;
  /** After the last epoch; empty when interrupted. */
  readonly validation: readonly SplitPredictions[];
  readonly test: readonly SplitPredictions[];
}

export type FinetuneEvent = FinetuneStep | FinetuneScoring | FinetuneEpoch | FinetuneEnd;

const lengthOf = ({ tokens }: EncodedExample) => tokens.length;
const examplesBetweenEpochs = 1000;
/** This many steps in a row whose loss is not finite end the finetuning. */
const badStepsAllowed = 10;

/** Steps of a whole finetuning: incomplete batches do not count. UserError E_TRAIN_SMALL when the examples fill none. */
export function countFinetuneSteps({ title }: Task, examples: number, recipe: FinetuneRecipe): number {
  const { batchSequences, epochs } = recipe;
  if (examples >= batchSequences) return Math.floor(examples / batchSequences) * epochs;
  throw new UserError(
    "E_TRAIN_SMALL",
    `${title}: ${countOf(examples, "training example")} ${examples === 1 ? "does" : "do"} not fill a batch of ${batchSequences}`,
    `Give more examples, or --set batchSequences=${Math.max(examples, 1)}.`,
  );
}

/** Share of the peak rate at step 1, 2, … of a task's `steps`: the warm-up is a share of this task's own steps. */
export function finetuneRate(step: number, steps: number, { schedule, warmup }: FinetuneRecipe): number {
  return rateAt((step - 1) / steps, { learningRate: schedule, warmup });
}

/**
 * UserErrors: E_TRAIN_SMALL when the examples fill no batch, E_NOT_FINITE when the model had no finite loss to begin with, E_DIVERGED
 * when the loss stays infinite or no number, or an answer is none in the end.
 */
export async function* finetune(options: FinetuneOptions): AsyncGenerator<FinetuneEvent, void> {
  const { engine, task, recipe, train, seed, clock, signal } = options;
  const steps = countFinetuneSteps(task, train.length, recipe);
  const started = clock.seconds();
  const fill = createBatchFiller({ ...recipe, kind: task.kind, specials: options.specials });
  const lengths = train.map(lengthOf);
  let hasLoss = false;
  const guardStep = guardSteps({
    readSeconds: () => clock.seconds(),
    badStepsAllowed,
    refuse: seen => (hasLoss ? diverged(task, seen) : answersNothing(`has no loss in any step of ${task.title}`)),
  });
  let stepSeconds = 0;
  let step = 0;
  const end = (
    reason: FinetuneEnd["reason"],
    validation: SplitPredictions[],
    test: SplitPredictions[],
  ): FinetuneEnd => ({
    kind: "end",
    reason,
    steps: step,
    elapsedSeconds: clock.seconds() - started,
    stepSeconds,
    validation,
    test,
  });

  const usedLengths = (batches: readonly Batch[]) => batches.map(batch => batch.length);
  await engine.prepare({
    train: usedLengths(planTrainingBatches(lengths, { ...recipe, seed, epoch: 0 })),
    predict: [...options.validation, ...options.test].flatMap(({ examples }) =>
      usedLengths(planEvaluationBatches(examples.map(lengthOf), recipe)),
    ),
  });
  if (signal.aborted) return yield end("interrupted", [], []);
  engine.reset(options.encoder, seed);
  for (let epoch = 0; epoch < recipe.epochs; epoch++) {
    let lossSum = 0;
    const batches = planTrainingBatches(lengths, { ...recipe, seed, epoch });
    for (const batch of batches) {
      const { loss, seconds } = await guardStep(step + 1, next => {
        const rateScale = finetuneRate(next, steps, recipe);
        const dropoutSeed = new RandomSequence(seed, streams.dropout, next).bits();
        return engine.step(fill(batch, train), { step: next, rateScale }, dropoutSeed);
      });
      step++;
      hasLoss ||= Number.isFinite(loss);
      lossSum += loss;
      stepSeconds += seconds;
      yield { kind: "step", step, steps, loss, seconds };
      if (signal.aborted) return yield end("interrupted", [], []);
    }
    const isLast = epoch === recipe.epochs - 1;
    const validation: SplitPredictions[] = [];
    for (const split of options.validation) {
      const examples = isLast ? split.examples : thinExamples(split.examples);
      const predicted = yield* predictSplit({ ...split, examples }, options, fill);
      if (predicted === undefined) return yield end("interrupted", [], []);
      validation.push(predicted);
    }
    yield {
      kind: "epoch",
      epoch: epoch + 1,
      loss: lossSum / batches.length,
      scores: validation.map(split => scoreSplit(split, task)),
      elapsedSeconds: clock.seconds() - started,
    };
    if (!isLast) continue;
    const test: SplitPredictions[] = [];
    for (const split of options.test) {
      const predicted = yield* predictSplit(split, options, fill);
      if (predicted === undefined) return yield end("interrupted", [], []);
      test.push(predicted);
    }
    refuseNoAnswers(task, [...validation, ...test]);
    yield end("finished", validation, test);
  }
}

/** At most a thousand examples from all over the split: files are often sorted by source. */
export function thinExamples<Example>(examples: readonly Example[]): Example[] {
  const every = Math.ceil(examples.length / examplesBetweenEpochs);
  return examples.filter((_, i) => i % every === 0);
}

/** Predictions in the order of the examples; undefined when interrupted. */
async function* predictSplit(
  { name, examples }: EncodedSplit,
  { engine, task, recipe, signal }: FinetuneOptions,
  fill: FillBatch,
): AsyncGenerator<FinetuneScoring, SplitPredictions | undefined> {
  const predictions = new Array<Prediction>(examples.length);
  const lengths = examples.map(lengthOf);
  let done = 0;
  for (const batch of planEvaluationBatches(lengths, recipe)) {
    yield { kind: "scoring", done, examples: examples.length };
    if (signal.aborted) return undefined;
    done += batch.members.length;
    const logits = await engine.predict(fill(batch, examples));
    const { length } = batch;
    batch.members.forEach((member, row) => {
      const place = { kind: task.kind, row, length };
      predictions[member] = readPrediction(logits, engine.classifier.outputs, place, examples[member]!);
    });
  }
  return { name, examples, predictions };
}

/** The last steps may break a model when every loss was finite, or when the steps are too few for `badStepsAllowed`. */
function refuseNoAnswers(task: Task, splits: readonly SplitPredictions[]): void {
  for (const { examples, predictions } of splits) {
    const broken = predictions.findIndex(({ values }) => values.some(Number.isNaN));
    if (broken < 0) continue;
    throw diverged(task, `the model's answer to ${examples[broken]!.example.origin} is not a number`);
  }
}

function diverged({ title }: Task, seen: string): UserError {
  return new UserError(
    "E_DIVERGED",
    `${title}: ${seen}`,
    "Lower the learning rate (--set learningRate=…) or clip gradients (--set clip=1).",
  );
}
