// What a score has to beat: the same finetuning of a model that never read text, and an answer that never looks at the example.

import type { Prediction, SplitPredictions } from "../scores/predictions.ts";
import type { Example, Task } from "../tasks/task.ts";
import type { EncodedSplit } from "./finetune.ts";

/** none: the model itself; untrained: new parameters of its shape; majority: the commonest class of the training data, or the mean. */
export type Control = "none" | "untrained" | "majority";

/** One result of a task: a model or control with a seed. The majority needs none. */
export interface Variant {
  readonly control: Control;
  readonly seed: number;
}

/** The model's seeds first, so that an interrupted evaluation has what matters. */
export function listVariants(seeds: number, withControls: boolean): Variant[] {
  const numbers = Array.from({ length: seeds }, (_, seed) => seed);
  const of = (control: Control): Variant[] => numbers.map(seed => ({ control, seed }));
  return withControls ? [...of("none"), { control: "majority", seed: 0 }, ...of("untrained")] : of("none");
}

/** Folder of a variant in that of its task. */
export function variantName({ control, seed }: Variant): string {
  if (control === "majority") return "majority";
  return control === "none" ? `seed-${seed}` : `untrained-seed-${seed}`;
}

/** Answers every example alike: the commonest class of the training examples (the first of equally common ones), or their mean. */
export function predictMajority(
  task: Task,
  train: readonly Example[],
  splits: readonly EncodedSplit[],
): SplitPredictions[] {
  const targets = train.flatMap(example => example.targets);
  const answer = task.kind === "regression" ? meanOf(targets) : commonest(targets);
  const share = targets.filter(target => target === answer).length / targets.length;
  const answerTo = (example: Example): Prediction => {
    const [first = Number.NaN] = example.targets;
    return {
      values: task.kind === "tokens" ? example.texts.map(() => answer) : [answer],
      probabilities: [],
      loss: task.kind === "regression" ? (answer - first) ** 2 : -Math.log(first === answer ? share : 1 - share),
    };
  };
  return splits.map(({ name, examples }) => ({
    name,
    examples,
    predictions: examples.map(({ example }) => answerTo(example)),
  }));
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function commonest(classes: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const each of classes) counts.set(each, (counts.get(each) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0])[0]?.[0] ?? 0;
}
