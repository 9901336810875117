import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { glue } from "../../../recipes/glue.ts";
import { makeTinyModel } from "../../../test/tiny-model.ts";
import type { Backend } from "../../backends/backend.ts";
import { openCpu } from "../../backends/cpu/cpu.ts";
import { simulatedClock } from "../../base/clock.ts";
import { RandomSequence, streams } from "../../base/random.ts";
import { completeShape } from "../../model/shape.ts";
import type { PretrainedModel } from "../../pretrained/pretrained-model.ts";
import type { Example, Task } from "../tasks/task.ts";
import { encodeExamples } from "./encode-examples.ts";
import { type FinetuneEvent, finetune, finetuneRate, thinExamples } from "./finetune.ts";
import type { FinetuneRecipe } from "./finetune-recipe.ts";
import { openFinetuner } from "./finetune-step.ts";

const shape = completeShape({
  width: 32,
  layers: 1,
  heads: 2,
  feedForward: 64,
  vocabulary: 24,
  sequenceLength: 16,
  positions: "rotary",
});
const words = "good bad a b c d e f g h i j".split(" ");
const model = makeTinyModel(shape, text => text.split(" ").map(word => 7 + words.indexOf(word)));
/** One length of batch, so that few programs are compiled. */
const recipe: FinetuneRecipe = {
  ...glue,
  ...{ learningRate: 3e-3, epochs: 3, maxLength: 12, headWidth: 32, batchSequences: 8, precision: "f32" },
};
const task = (kind: Task["kind"], metric: Task["metrics"][0]): Task => ({
  name: kind,
  title: kind,
  kind,
  texts: ["text"],
  label: "label",
  labels: kind === "regression" ? [] : ["bad", "good"],
  metrics: [metric],
});

/** Sentences of ten words of which one is "good" or "bad"; its class, its place in ten, or for tokens the class of every word. */
function makeExamples(kind: Task["kind"], count: number, index: number): Example[] {
  const random = new RandomSequence(7, streams.sampling, index);
  return Array.from({ length: count }, (_, i) => {
    const filler = Array.from({ length: kind === "tokens" ? 6 : 10 }, () => words[2 + random.below(10)]!);
    const isGood = random.below(2);
    const place = random.below(filler.length);
    filler[place] = isGood === 1 ? "good" : "bad";
    const classes = filler.map(word => (word === "good" || word < "e" ? 1 : 0));
    return {
      id: String(i),
      texts: kind === "tokens" ? filler : [filler.join(" ")],
      targets: kind === "tokens" ? classes : kind === "regression" ? [isGood * 2 + 0.5] : [isGood],
      origin: `made:${i + 1}`,
    };
  });
}

let backend: Backend;
before(async () => {
  backend = await openCpu({ threads: 2 });
});
after(() => backend.close());

interface Run {
  readonly kind?: Task["kind"];
  readonly metric?: Task["metrics"][0];
  readonly changes?: Partial<FinetuneRecipe>;
  readonly seed?: number;
  readonly train?: number;
  readonly stopAfter?: number;
  readonly encoder?: PretrainedModel["parameters"];
}
const finetuners = new Map<string, ReturnType<typeof openFinetuner>>();

async function run({ kind = "classification", metric = "accuracy", changes = {}, seed = 0, ...rest }: Run) {
  const changed = { ...recipe, ...changes };
  const key = JSON.stringify(changed);
  const finetuner = finetuners.get(key) ?? openFinetuner(backend, shape, changed);
  finetuners.set(key, finetuner);
  const encode = (examples: Example[]) => encodeExamples(examples, kind, model, changed).examples;
  const interrupt = new AbortController();
  const events: FinetuneEvent[] = [];
  for await (const event of finetune({
    engine: finetuner.open({ kind, outputs: kind === "regression" ? 1 : 2 }),
    task: task(kind, metric),
    recipe: changed,
    encoder: rest.encoder ?? model.parameters,
    specials: model.specials,
    train: encode(makeExamples(kind, rest.train ?? 256, 0)),
    validation: [{ name: "validation", examples: encode(makeExamples(kind, 100, 1)) }],
    test: [],
    seed,
    clock: simulatedClock(),
    signal: interrupt.signal,
  })) {
    events.push(event);
    if (event.kind === "step" && event.step === rest.stopAfter) interrupt.abort();
  }
  const losses = events.flatMap(event => (event.kind === "step" ? event.loss : []));
  const epochs = events.flatMap(event => (event.kind === "epoch" ? event : []));
  return { losses, epochs, end: events.at(-1)! };
}

test("a task that can be told apart is: classes, words, numbers", async () => {
  for (const [kind, metric] of [
    ["classification", "accuracy"],
    ["tokens", "accuracy"],
    ["regression", "pearson"],
  ] as const) {
    const { epochs, losses } = await run({ kind, metric });
    assert.equal(losses.length, 3 * 32);
    assert.deepEqual(
      epochs.map(({ epoch }) => epoch),
      [1, 2, 3],
    );
    const score = epochs.at(-1)!.scores[0]!.scores[metric]!;
    assert.ok(score > 0.95, `${kind}: ${metric} ${score}`);
  }
});

test("the same seed repeats its bits, also after another task ran; another seed does not", async () => {
  const first = await run({ train: 64 });
  const again = await run({ train: 64 });
  assert.deepEqual(again, first);
  assert.notDeepEqual((await run({ train: 64, seed: 1 })).losses, first.losses);
});

test("a scaled loss trains as one that is not: its factors are powers of two", async () => {
  const plain = await run({ train: 64 });
  const given = backend;
  backend = { ...given, scalesLoss: true };
  try {
    // A clip that is never reached is another recipe, and so another program.
    const { losses } = await run({ train: 64, changes: { clip: 1e30 } });
    const worst = Math.max(...losses.map((loss, i) => Math.abs(loss - plain.losses[i]!)));
    assert.ok(losses.length === plain.losses.length && worst < 1e-5, `${worst}`);
  } finally {
    backend = given;
  }
});

test("a clip that is never reached changes nothing", async () => {
  const { losses } = await run({ train: 64 });
  const clipped = await run({ train: 64, changes: { clip: 1e6 } });
  const differences = clipped.losses.map((loss, i) => Math.abs(loss - losses[i]!));
  assert.ok(Math.max(...differences) < 1e-4, `${differences}`);
});

test("the warm-up is a share of each task's own steps, then half a cosine or a line (transformers' schedules)", () => {
  for (const steps of [100, 10_000]) {
    const at = (done: number, schedule: "cosine" | "linear") =>
      finetuneRate(done * steps + 1, steps, { ...glue, schedule });
    for (const [done, cosine, linear] of [
      [0, 0, 0],
      [0.05, 0.5, 0.5],
      [0.1, 1, 1],
      [0.4, 0.75, 2 / 3],
      [0.55, 0.5, 0.5],
      [0.7, 0.25, 1 / 3],
    ] as const) {
      assert.ok(Math.abs(at(done, "cosine") - cosine) < 1e-9, `cosine at ${done} of ${steps}`);
      assert.ok(Math.abs(at(done, "linear") - linear) < 1e-9, `linear at ${done} of ${steps}`);
    }
  }
});

test("interrupted, it ends after the step under way and has no predictions", async () => {
  const { losses, epochs, end } = await run({ stopAfter: 5 });
  assert.equal(losses.length, 5);
  assert.equal(epochs.length, 0);
  assert.ok(end.kind === "end" && end.reason === "interrupted" && end.validation.length === 0);
});

test("too few examples for a batch, and a loss that stays infinite, are errors with advice", async () => {
  await assert.rejects(run({ train: 7 }), { code: "E_TRAIN_SMALL" });
  await assert.rejects(run({ changes: { learningRate: 1e30 } }), { code: "E_DIVERGED" });
});

test("a broken model that trains too few steps to show it in its losses gives no answer, and that is said", async () => {
  const broken = model.parameters.map(({ name, shape, read }) => {
    const nothing = new Float32Array(read().length).fill(Number.NaN);
    return { name, shape, read: () => nothing };
  });
  for (const kind of ["classification", "tokens", "regression"] as const) {
    const given = { kind, train: 8, changes: { epochs: 2 }, encoder: broken };
    await assert.rejects(run(given), { code: "E_DIVERGED", message: /made:1 is not a number/ });
    const longer = { ...given, train: 80 };
    await assert.rejects(run(longer), { code: "E_NOT_FINITE", message: /no loss in any step/ });
  }
});

test("between epochs at most a thousand examples are scored, from all over the split", () => {
  const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);
  assert.deepEqual(thinExamples(numbers(1000)), numbers(1000));
  assert.deepEqual(thinExamples(numbers(1500)).slice(-2), [1496, 1498]);
  assert.equal(thinExamples(numbers(9815)).length, 982);
});
