import assert from "node:assert/strict";
import { test } from "node:test";
import type { Example, Task } from "../tasks/task.ts";
import { listVariants, predictMajority, variantName } from "./controls.ts";

const task: Task = {
  name: "mine",
  title: "mine",
  kind: "classification",
  texts: ["text"],
  label: "label",
  labels: ["no", "yes"],
  metrics: ["accuracy"],
};
const example = (...targets: number[]): Example => ({ id: "0", texts: targets.map(() => "a"), targets, origin: "a:1" });
const split = (examples: Example[]) => [
  {
    name: "validation",
    examples: examples.map(each => ({ example: each, tokens: new Int32Array(1), secondStart: 1, wordPlaces: [] })),
  },
];
const answers = (kind: Task["kind"], train: Example[], validation: Example[]) =>
  predictMajority({ ...task, kind }, train, split(validation))[0]!.predictions;

test("the commonest class, of words too, and the mean of numbers", () => {
  const [one, other] = answers("classification", [example(1), example(0), example(1)], [example(1), example(0)]);
  assert.deepEqual([one!.values, other!.values], [[1], [1]]);
  assert.ok(Math.abs(one!.loss - Math.log(3 / 2)) < 1e-12 && Math.abs(other!.loss - Math.log(3)) < 1e-12);
  assert.deepEqual(answers("tokens", [example(0, 1, 0)], [example(1, 0)])[0]!.values, [0, 0]);
  const number = answers("regression", [example(1), example(4)], [example(3)])[0]!;
  assert.deepEqual([number.values, number.loss], [[2.5], 0.25]);
});

test("the model's seeds come first, controls only when asked for", () => {
  assert.deepEqual(listVariants(2, false).map(variantName), ["seed-0", "seed-1"]);
  const named = listVariants(2, true).map(variantName);
  assert.deepEqual(named, ["seed-0", "seed-1", "majority", "untrained-seed-0", "untrained-seed-1"]);
});

test("of equally common classes the first is the answer, whichever comes first in the data", () => {
  for (const train of [
    [1, 0],
    [0, 1],
    [2, 1, 0, 1, 2, 0],
  ]) {
    assert.deepEqual(
      answers(
        "classification",
        train.map(target => example(target)),
        [example(1)],
      )[0]!.values,
      [0],
    );
  }
});
