import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { placeParameters } from "../../backends/placed-parameters.ts";
import { openReference } from "../../backends/reference/reference.ts";
import { UserError } from "../../base/errors.ts";
import { loadParameters, saveCheckpoint } from "../../checkpoint/state.ts";
import { openPairScorer } from "../../evaluate/pairs/minimal-pairs.ts";
import { compareClassifiers } from "../../export/compare-classifier.ts";
import { state } from "../../graph/operations.ts";
import { type ClassifierShape, listClassifierParameters } from "../../model/classifier.ts";
import { encode } from "../../model/encoder.ts";
import { declareEncoderInputs, makeTables } from "../../model/inputs.ts";
import { listParameters } from "../../model/parameters.ts";
import { openPretrainedModel } from "../../pretrained/pretrained-model.ts";
import { withBackend } from "../backend.ts";
import { exportRun } from "../export/export-run.ts";
import { prepare } from "../prepare/prepare.ts";
import { pretrain } from "../pretrain/pretrain.ts";
import { embed } from "./embed.ts";
import { fill } from "./fill.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-embed-"));
after(() => rmSync(folder, { recursive: true }));
const run = join(folder, "run");
/** Nothing to be compiled, but where what other backends do beside it is asked. */
const plain = { backend: "reference" } as const;

const sentences = ["the red fox sleeps in its den.", "a wolf.", "the green frog and the brown bear sleep.", ""];
const lines = Array.from({ length: 300 }, (_, i) => `${sentences[i % 3]} ${sentences[(i * 7) % 3]} number ${i}.`);

before(async () => {
  writeFileSync(join(folder, "text.jsonl"), lines.map(text => JSON.stringify({ text })).join("\n"));
  const data = join(folder, "data");
  const sizes = { vocabulary: 128, sequenceLength: 32, recipe: "quickstart" };
  await prepare({ texts: [join(folder, "text.jsonl")], out: data, ...sizes, holdOut: 0.2 });
  const set = ["model.width=32", "model.layers=2", "model.heads=2", "model.feedForward=64", "model.vocabulary=128"];
  const batch = ["model.sequenceLength=32", "train.microBatchSequences=4", "schedule.batchSequences=4"];
  const recipe = { recipe: "quickstart", set: [...set, ...batch, "train.precision=f32"] };
  const { reason, steps } = await pretrain({ data, out: run, ...recipe, ...plain, budget: "3steps" });
  assert.deepEqual([reason, steps], ["budget", 3]);
});

/** The mean of a text's hidden states, alone, without padding, in float64. */
async function embedAlone(text: string): Promise<number[]> {
  const { shape, encodeForModel, parameters } = await openPretrainedModel(run);
  const backend = openReference();
  const ids = encodeForModel(text);
  const inputs = declareEncoderInputs(shape, 1, ids.length);
  const tensors = new Map(parameters.map(parameter => [parameter.name, state(parameter.name, parameter.shape)]));
  const graph = { outputs: { hidden: encode(inputs, tensors, shape) }, updates: {} };
  const loaded = await backend.load(graph, placeParameters(backend, parameters));
  const { hidden } = await loaded.run({ tokens: Int32Array.from(ids), ...makeTables(shape, ids.length) });
  const columns = Array.from({ length: shape.width }, (_, column) => column);
  return columns.map(
    column => Array.from(ids).reduce((sum, _, row) => sum + hidden![row * shape.width + column]!, 0) / ids.length,
  );
}

test("texts embedded together, padded, are what each is alone, in their order", async () => {
  const texts = [...sentences, ...lines.slice(0, 5)];
  const together = await embed(run, texts, { ...plain, batchTexts: 4 });
  assert.equal(together.length, texts.length);
  for (const [i, text] of texts.entries()) {
    const alone = await embedAlone(text);
    assert.equal(together[i]!.length, 32);
    together[i]!.forEach((value, column) => {
      assert.ok(Math.abs(value - alone[column]!) < 1e-4, `${text}: ${value} is not ${alone[column]}`);
    });
  }
  const [first, second] = together;
  assert.ok(first!.some((value, i) => Math.abs(value - second![i]!) > 1e-2));
});

test("no texts are no vectors; a text that is too long is named, or cut on demand", async () => {
  assert.deepEqual(await embed(run, []), []);
  const long = "the red fox ".repeat(20);
  await assert.rejects(
    () => embed(run, [long], plain),
    (error: unknown) =>
      error instanceof UserError && error.code === "E_TEXT_LENGTH" && /the red fox/.test(error.message),
  );
  const [vector] = await embed(run, [long], { ...plain, truncate: true });
  assert.ok(vector!.every(Number.isFinite));
});

test("a text that the tokenizer loses a part of is told, and one that it loses most of is refused", async () => {
  const warned: string[] = [];
  const options = { ...plain, onWarning: (text: string) => warned.push(text) };
  const lossy = `the red [MASK] sleeps in its den. ${"я".repeat(3)}`;
  await fill(run, [lossy], options);
  await embed(run, [lossy], options);
  assert.equal(warned.length, 2);
  for (const warning of warned) assert.match(warning, /loses 1\d % of the characters \(я\)/);
  await fill(run, ["the red [MASK] sleeps."], options);
  await embed(run, sentences, options);
  assert.equal(warned.length, 2);
  for (const verb of [fill, embed]) {
    await assert.rejects(verb(run, ["лиса [MASK] спит в норе"], options), { code: "E_TEXT_LOST" });
  }
});

test("a model whose parameters are numbers and whose answers are none is at fault itself, whoever asks it", async () => {
  const broken = join(folder, "broken");
  cpSync(run, broken, { recursive: true });
  const whole = await openPretrainedModel(run);
  const shapes = new Map(listParameters(whole.shape).map(({ name, shape }) => [name, shape]));
  const { counters, parameters } = loadParameters(run, shapes);
  const large = parameters.map(tensor => ({ ...tensor, read: () => tensor.read().map(() => 3e38) }));
  await saveCheckpoint(broken, { counters, parameters: large, moments: [] });
  const model = await openPretrainedModel(broken);
  const score = (good: string, bad: string) =>
    withBackend({}, "f32", backend => openPairScorer(backend, model).score([{ good, bad, origin: "pair:1" }]));
  const classifier: ClassifierShape = {
    kind: "classification",
    outputs: 2,
    pooler: "mean",
    head: "tanh",
    headWidth: 8,
  };
  const head = listClassifierParameters(model.shape, classifier).map(({ name, shape }) => {
    const values = new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1);
    return { name, shape, read: () => values };
  });
  const finetuned = { shape: model.shape, classifier, parameters: [...large, ...head] };
  const probe = { tokens: Int32Array.of(4, 9, 5), secondStart: 3 };
  const asked: Readonly<Record<string, () => Promise<unknown>>> = {
    fill: () => fill(broken, ["the red [MASK] sleeps."]),
    embed: () => embed(broken, ["a wolf."]),
    pairs: () => score("a wolf.", "wolf a."),
    export: () => exportRun(broken, { formats: ["onnx"], types: ["f32"] }),
    "export of a classifier": () =>
      withBackend({}, "f32", backend => compareClassifiers(backend, finetuned, [], [probe], 0)),
  };
  for (const [name, ask] of Object.entries(asked)) {
    await assert.rejects(ask, { code: "E_NOT_FINITE", message: /^the model answers -?(NaN|Infinity)/ }, name);
  }
  assert.ok(!existsSync(join(broken, "export")));
});

test("calls at the same time wait for each other's backend", async () => {
  const texts = ["the red [MASK] sleeps."];
  const [filled, vectors, again] = await Promise.all([
    fill(run, texts),
    embed(run, ["a wolf."]),
    fill(run, texts, { backend: "reference", top: 2 }),
  ]);
  assert.equal(filled[0]!.masks[0]!.candidates.length, 5);
  const alone = await embedAlone("a wolf.");
  assert.equal(vectors[0]!.length, 32);
  for (const [column, value] of vectors[0]!.entries()) assert.ok(Math.abs(value - alone[column]!) < 1e-4, `${value}`);
  const [best, other] = again[0]!.masks[0]!.candidates;
  const [own] = filled[0]!.masks[0]!.candidates;
  assert.ok(Math.abs(best!.probability - own!.probability) < 1e-4 && best!.probability >= other!.probability);
});
