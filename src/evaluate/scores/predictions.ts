// What a finetuned model says of examples, and how that is scored: logits become classes with probabilities, or numbers.

import type { HostArray } from "../../backends/backend.ts";
import type { EncodedExample } from "../finetuning/encode-examples.ts";
import type { Task, TaskMetric } from "../tasks/task.ts";
import { scoreEntities } from "./entities.ts";
import { computeMetric } from "./metrics.ts";

export interface Prediction {
  /** A class, or a number; for tokens one class a word. NaN where the model says nothing that is a number. */
  readonly values: readonly number[];
  /** Of each class, for a classification. */
  readonly probabilities: readonly number[];
  /** Cross-entropy (the mean over words) or squared error; NaN where there is no target. */
  readonly loss: number;
}

export interface SplitPredictions {
  readonly name: string;
  readonly examples: readonly EncodedExample[];
  /** One an example, in their order. */
  readonly predictions: readonly Prediction[];
}

export interface SplitScores {
  readonly name: string;
  readonly examples: number;
  readonly scores: Readonly<Partial<Record<TaskMetric, number>>>;
}

/** Reads one example's prediction out of the logits of its batch, where it is row `row` of sequences of `length` tokens. */
export function readPrediction(
  logits: HostArray,
  outputs: number,
  { kind, row, length }: { readonly kind: Task["kind"]; readonly row: number; readonly length: number },
  { example: { targets }, wordPlaces }: EncodedExample,
): Prediction {
  if (kind === "regression") {
    const value = logits[row]!;
    return { values: [value], probabilities: [], loss: (value - (targets[0] ?? Number.NaN)) ** 2 };
  }
  const rows = kind === "tokens" ? wordPlaces.map(place => row * length + place) : [row];
  const distributions = rows.map(at => softmax(logits.slice(at * outputs, (at + 1) * outputs)));
  const losses = distributions.map((each, i) => -Math.log(each[targets[i] ?? -1] ?? Number.NaN));
  return {
    values: distributions.map(chooseClass),
    probabilities: kind === "tokens" ? [] : distributions[0]!,
    loss: losses.reduce((a, b) => a + b, 0) / losses.length,
  };
}

function chooseClass(probabilities: readonly number[]): number {
  const place = probabilities.indexOf(probabilities.reduce((a, b) => Math.max(a, b)));
  return place < 0 ? Number.NaN : place;
}

function softmax(logits: HostArray): number[] {
  const values = Array.from(logits);
  const largest = values.reduce((a, b) => Math.max(a, b));
  const raised = values.map(value => Math.exp(value - largest));
  const total = raised.reduce((a, b) => a + b, 0);
  return raised.map(value => value / total);
}

/** Predictions and targets side by side, words of all sentences one after another, with the groups of group-exact. */
export function alignPredictions({ examples, predictions }: SplitPredictions) {
  const grouped = examples.some(({ example }) => example.group !== undefined);
  return {
    predictions: predictions.flatMap(({ values }) => values),
    targets: examples.flatMap(({ example }) => example.targets),
    ...(grouped && { groups: examples.flatMap(({ example }) => example.targets.map(() => example.group)) }),
  };
}

/** The task's metrics of a split. */
export function scoreSplit(
  split: SplitPredictions,
  { metrics, labels }: Pick<Task, "metrics" | "labels">,
): SplitScores {
  const { predictions, targets, groups } = alignPredictions(split);
  const score = (metric: TaskMetric) =>
    metric === "entity-f1" ? scoreSplitEntities(split, labels) : computeMetric(metric, predictions, targets, groups);
  const scores = metrics.map(metric => [metric, score(metric)] as const);
  return { name: split.name, examples: split.examples.length, scores: Object.fromEntries(scores) };
}

/** Of a model that answers with no class, every word is outside of entities. */
function scoreSplitEntities({ examples, predictions }: SplitPredictions, labels: readonly string[]): number {
  const spell = (classes: readonly number[]) => classes.map(each => labels[each] ?? "O");
  return scoreEntities(
    predictions.map(({ values }) => spell(values)),
    examples.map(({ example }) => spell(example.targets)),
  );
}
