import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { glue } from "../../recipes/glue.ts";
import { makeTinyModel } from "../../test/tiny-model.ts";
import type { Backend } from "../backends/backend.ts";
import { openCpu } from "../backends/cpu/cpu.ts";
import { openReference } from "../backends/reference/reference.ts";
import { simulatedClock } from "../base/clock.ts";
import { completeShape } from "../model/shape.ts";
import { type EvaluationEvent, type EvaluationOptions, evaluateTasks } from "./evaluation.ts";
import { hashFinetuneRecipe } from "./finetuning/finetune-recipe.ts";
import { listResults } from "./storage/evaluation-folder.ts";
import type { Example, Task } from "./tasks/task.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-evaluation-"));
let backend: Backend;
before(async () => {
  backend = await openCpu({ threads: 1 });
});
after(async () => {
  await backend.close();
  rmSync(folder, { recursive: true });
});

const shape = completeShape({
  ...{ width: 16, layers: 1, heads: 2, feedForward: 32, vocabulary: 24, sequenceLength: 16 },
  positions: "rotary",
});
const model = makeTinyModel(shape, text => Array.from(text, letter => letter.charCodeAt(0) % 24));
const makeTask = (name: string): Task => ({
  ...{ name, title: name.toUpperCase(), kind: "classification", texts: ["text"], label: "label" },
  labels: ["no", "yes"],
  metrics: ["accuracy", "f1"],
});
const makeExamples = (count: number, origin: string): Example[] =>
  Array.from({ length: count }, (_, i) => ({
    ...{ id: `row-${i}`, texts: [i % 3 === 0 ? "yes" : "no no"], targets: [i % 3 === 0 ? 1 : 0] },
    origin: `${origin}:${i + 1}`,
  }));

/** Evaluates into `root`; with `stopAt` it is interrupted at that step of the whole evaluation, `meanwhile` runs after each event. */
async function evaluate(
  root: string,
  changes: Partial<EvaluationOptions> = {},
  stopAt = Number.POSITIVE_INFINITY,
  meanwhile?: (event: EvaluationEvent) => Promise<void>,
) {
  const interrupt = new AbortController();
  const events: EvaluationEvent[] = [];
  for await (const event of evaluateTasks({
    ...{ backend, model, root, suite: "mine", seeds: 2, controls: false, keepModels: false, maxTrain: undefined },
    recipe: { ...glue, epochs: 1, batchSequences: 4, maxLength: 12, headWidth: 8, precision: "f32" },
    tasks: [makeTask("first"), makeTask("second")],
    readData: async task => ({
      task,
      train: makeExamples(8, "train.csv"),
      validation: [{ name: "validation", examples: makeExamples(6, "dev.csv") }],
      test: [],
      subsets: [],
      hash: task.name,
    }),
    clock: simulatedClock(),
    signal: interrupt.signal,
    ...changes,
  })) {
    events.push(event);
    if (event.kind === "step" && event.stepsDone === stopAt) interrupt.abort();
    await meanwhile?.(event);
  }
  const results = events.flatMap(event => (event.kind === "result" ? event : []));
  return {
    steps: events.filter(({ kind }) => kind === "step").length,
    fresh: results.filter(({ isNew }) => isNew).map(({ result }) => `${result.task} ${result.control} ${result.seed}`),
    results: results.map(({ result }) => result),
    plan: events.find(event => event.kind === "plan")!,
    end: events.at(-1)!,
  };
}

test("stopped in the middle and started again, no finished seed runs twice, and the results are the same", async () => {
  const root = join(folder, "stopped");
  const whole = await evaluate(join(folder, "whole"));
  assert.equal(whole.steps, 4 * 2);
  assert.deepEqual(whole.fresh, ["first none 0", "first none 1", "second none 0", "second none 1"]);

  const stopped = await evaluate(root, {}, 3);
  assert.deepEqual(stopped.end, { kind: "end", reason: "interrupted" });
  assert.deepEqual(stopped.fresh, ["first none 0"]);

  const rest = await evaluate(root);
  assert.deepEqual(rest.fresh, ["first none 1", "second none 0", "second none 1"]);
  assert.deepEqual(rest.plan, { kind: "plan", steps: 6, finished: 1, withoutModel: 0, variants: 4, warnings: [] });
  assert.deepEqual(rest.results, whole.results);

  const nothing = await evaluate(root);
  assert.deepEqual([nothing.steps, nothing.fresh, nothing.results], [0, [], whole.results]);
});

test("another model, recipe or data runs again; a folder without result.json does", async () => {
  const root = join(folder, "changed");
  const one = { tasks: [makeTask("first")], seeds: 1 };
  await evaluate(root, one);
  assert.deepEqual((await evaluate(root, { ...one, model: { ...model, hash: "other" } })).fresh, ["first none 0"]);
  const recipe = { ...glue, ...{ epochs: 1, batchSequences: 4, maxLength: 12, headWidth: 8, dropout: 0.2 } };
  assert.deepEqual((await evaluate(root, { ...one, recipe })).fresh, ["first none 0"]);
  assert.deepEqual((await evaluate(root, { ...one, recipe, maxTrain: 4 })).fresh, ["first none 0"]);
  assert.deepEqual((await evaluate(root, { ...one, recipe, maxTrain: 4 })).fresh, []);
  rmSync(join(root, "mine/first/seed-0/result.json"));
  assert.deepEqual((await evaluate(root, { ...one, recipe, maxTrain: 4 })).fresh, ["first none 0"]);
  const listed = listResults({ root, suite: "mine" }, { model: "tiny", recipe: hashFinetuneRecipe(recipe) });
  assert.deepEqual(
    listed.map(({ subsets }) => subsets),
    [["4 of 8 training examples"]],
  );
});

test("predictions, worst examples, confusion matrix and controls are stored beside the scores", async () => {
  const root = join(folder, "stored");
  const { results } = await evaluate(root, { tasks: [makeTask("first")], seeds: 1, controls: true });
  assert.deepEqual(
    results.map(({ control }) => control),
    ["none", "majority", "untrained"],
  );
  // Two of six rows are "yes" in validation, three of eight in training: always "no" is right four times.
  const majority = results[1]!.splits[0]!;
  assert.deepEqual(majority.scores, { accuracy: 4 / 6, f1: 0 });
  assert.deepEqual(majority.confusion, [
    [4, 0],
    [2, 0],
  ]);
  const at = join(root, "mine/first/majority");
  const lines = (name: string) =>
    readFileSync(join(at, name), "utf8")
      .trimEnd()
      .split("\n")
      .map(line => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    lines("predictions.jsonl").map(({ id, predicted, expected }) => [id, predicted, expected]),
    [0, 1, 2, 3, 4, 5].map(i => [`row-${i}`, ["no"], [i % 3 === 0 ? "yes" : "no"]]),
  );
  assert.deepEqual(
    lines("worst.jsonl")
      .slice(0, 2)
      .map(({ texts, origin }) => [texts, origin]),
    [
      [["yes"], "dev.csv:1"],
      [["yes"], "dev.csv:4"],
    ],
  );
  assert.ok(readFileSync(join(at, "confusion.txt"), "utf8").includes("yes"));
  assert.ok(existsSync(join(root, "mine/first/untrained-seed-0/result.json")));
});

test("a kept model is a part of its seed's result: run again where it is missing, gone with a result of something else", async () => {
  const root = join(folder, "kept");
  const options = { tasks: [makeTask("first")], seeds: 2, controls: true };
  const seed = (number: number) => join(root, `mine/first/seed-${number}`);
  const read = (number: number) => readFileSync(join(seed(number), "model/parameters.safetensors"));
  const scored = await evaluate(root, options);
  assert.ok(!existsSync(join(seed(0), "model")));

  const kept = await evaluate(root, { ...options, keepModels: true });
  assert.deepEqual(kept.plan, { kind: "plan", steps: 4, finished: 3, withoutModel: 2, variants: 5, warnings: [] });
  assert.deepEqual(kept.fresh, ["first none 0", "first none 1"]);
  assert.deepEqual(kept.results, scored.results);
  assert.ok(!existsSync(join(root, "mine/first/untrained-seed-0/model")));
  const first = read(0);
  assert.notDeepEqual(read(1), first);
  assert.deepEqual((await evaluate(root, { ...options, keepModels: true })).fresh, []);
  assert.deepEqual((await evaluate(root, options)).fresh, []);

  for (const name of ["model.json", "parameters.safetensors"]) {
    rmSync(join(seed(0), "model", name));
    assert.deepEqual((await evaluate(root, { ...options, keepModels: true })).fresh, ["first none 0"], name);
    assert.deepEqual(read(0), first);
  }
  // Stopped while it is run again, the seed keeps the result that it had.
  rmSync(join(seed(1), "model/model.json"));
  await evaluate(root, { ...options, keepModels: true }, 1);
  assert.deepEqual((await evaluate(root, options)).fresh, []);

  await evaluate(root, { ...options, maxTrain: 4 });
  assert.ok(!existsSync(join(seed(0), "model")));
});

test("a task too small to train on, or a place where nothing can be stored, is said before the first finetuning", async () => {
  const root = join(folder, "refused");
  const readData = async (task: Task) => ({
    task,
    train: makeExamples(task.name === "second" ? 3 : 8, "train.csv"),
    validation: [{ name: "validation", examples: makeExamples(6, "dev.csv") }],
    test: [],
    subsets: [],
    hash: task.name,
  });
  await assert.rejects(evaluate(root, { readData }), {
    code: "E_TRAIN_SMALL",
    message: /^SECOND: 3 training examples/,
  });
  assert.ok(!existsSync(root));
  writeFileSync(root, "a file in the folder's place");
  await assert.rejects(evaluate(root), { code: "E_NOT_WRITABLE", message: /refused\/mine: / });
});

test("two processes share the seeds: none is run twice, each sees all, and what a dead one had is taken over", async () => {
  const root = join(folder, "shared");
  const dead = join(root, "mine/first/seed-1");
  mkdirSync(dead, { recursive: true });
  const holder = {
    pid: 1,
    host: "gone",
    processes: "x",
    boot: "y",
    processStart: "1",
    verb: "evaluate",
    since: "",
    id: "z",
  };
  writeFileSync(join(dead, ".cram-lock"), JSON.stringify(holder));
  // Each process has a backend of its own, whose runs do not overlap with the other's.
  const both = await Promise.all(
    [openReference(), openReference()].map(own => evaluate(root, { backend: own, seeds: 3, silentSeconds: 0.5 })),
  );
  const fresh = both.flatMap(each => each.fresh).sort();
  assert.deepEqual(
    fresh,
    [0, 1, 2].map(seed => `first none ${seed}`).concat([0, 1, 2].map(seed => `second none ${seed}`)),
  );
  for (const { fresh, results, end } of both) {
    assert.ok(fresh.length > 0);
    assert.equal(results.length, 6);
    assert.deepEqual(end, { kind: "end", reason: "finished" });
  }
  assert.equal(both[0].steps + both[1].steps, 6 * 2);
});

test("what another recipe stored is said before it is replaced, and refused where it comes meanwhile", async () => {
  const root = join(folder, "replaced");
  const longer = { ...glue, epochs: 2, batchSequences: 4, maxLength: 12, headWidth: 8, precision: "f32" as const };
  await evaluate(root);
  const again = await evaluate(root, { recipe: longer, tasks: [makeTask("first")] });
  assert.deepEqual(again.plan.kind === "plan" && again.plan.warnings, [
    "2 stored results of first, of another recipe, will be replaced; --out another folder keeps them",
  ]);
  assert.equal(again.results.length, 2);
  const other = { backend: openReference(), recipe: longer, tasks: [makeTask("second")] };
  const isFirst = (event: EvaluationEvent) => event.kind === "step" && event.stepsDone === 1;
  await assert.rejects(
    evaluate(
      root,
      { tasks: [makeTask("first"), makeTask("second")], recipe: { ...longer, epochs: 1 } },
      undefined,
      async event => {
        if (isFirst(event)) await evaluate(root, other);
      },
    ),
    { code: "E_EVALUATION_SHARED", message: /second.*of another recipe/ },
  );
  // The other one's stay.
  assert.deepEqual((await evaluate(root, { ...other, backend: openReference() })).fresh, []);
});
