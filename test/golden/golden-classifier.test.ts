// The head of downstream tasks against PyTorch in float64 (scripts/make-classifier.py): poolers, losses, gradients. And that padding
// is nothing: through the whole encoder, other tokens behind a sequence and a longer batch change no logit.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Backend, DeviceBuffer, HostArray } from "../../src/backends/backend.ts";
import { openCpu } from "../../src/backends/cpu/cpu.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { differentiate } from "../../src/graph/gradient.ts";
import { input, state } from "../../src/graph/operations.ts";
import {
  applyClassifier,
  type ClassifierShape,
  classify,
  computeClassifierLoss,
  listClassifierParameters,
  type PaddedInputs,
  poolers,
} from "../../src/model/classifier.ts";
import { encode } from "../../src/model/encoder.ts";
import { initialiseParameter } from "../../src/model/initialise.ts";
import { declareEncoderInputs, makeTables } from "../../src/model/inputs.ts";
import { listParameters } from "../../src/model/parameters.ts";
import { completeShape, type ModelShape } from "../../src/model/shape.ts";
import { openEmulatedCuda } from "../cuda-emulator/emulated-backend.ts";
import { emulatorAbsent } from "../cuda-emulator/emulated-driver.ts";

interface Case extends Omit<ClassifierShape, "headWidth"> {
  readonly hidden: number[];
  readonly parameters: Record<string, number[]>;
  readonly logits: number[];
  readonly loss: number;
  readonly gradients: Record<string, number[]>;
}
interface Golden {
  readonly shape: {
    readonly sequences: number;
    readonly length: number;
    readonly width: number;
    readonly headWidth: number;
  };
  readonly lengths: number[];
  readonly classes: number[];
  readonly numbers: number[];
  readonly words: number[];
  readonly cases: readonly Case[];
}

// Compiled tests run from dist/test; the golden files stay where they are.
const path = new URL("../../../test/golden/expected/classifier.json", import.meta.url);
const golden = JSON.parse(readFileSync(path, "utf8")) as Golden;

const close = (seen: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number, what: string) => {
  assert.equal(seen.length, expected.length, what);
  Array.from(expected).forEach((value, i) => {
    const error = Math.abs(seen[i]! - value);
    assert.ok(error <= tolerance * Math.max(1, Math.abs(value)), `${what}[${i}]: ${seen[i]} is not ${value}`);
  });
};

const backends: readonly (readonly [string, () => Promise<Backend>, number])[] = [
  ["reference", async () => openReference(), 1e-9],
  ["cpu", () => openCpu({ threads: 2 }), 2e-6],
  ...(emulatorAbsent === undefined ? [["cuda", () => openEmulatedCuda(), 2e-6] as const] : []),
];

for (const [name, open, tolerance] of backends) {
  test(`${name}: logits, losses and gradients of the head are PyTorch's`, async () => {
    const backend = await open();
    const { sequences: B, length: S, width: C, headWidth } = golden.shape;
    for (const each of golden.cases) {
      const classifier = { ...each, headWidth };
      const model = completeShape({
        ...{ width: C, layers: 1, heads: 1, feedForward: 4, vocabulary: 4, sequenceLength: S, positions: "learned" },
      });
      const listed = listClassifierParameters(model, classifier);
      const parameters = new Map(listed.map(({ name, shape }) => [name, state(name, shape)] as const));
      const hidden = state("hidden", [B * S, C]);
      const states = new Map<string, DeviceBuffer>();
      for (const { name, shape } of [...listed, { name: "hidden", shape: [B * S, C] }]) {
        states.set(name, backend.allocate(shape, "f32"));
        backend.write(states.get(name)!, Float64Array.from(name === "hidden" ? each.hidden : each.parameters[name]!));
      }
      const lengths = input("lengths", [B], "i32");
      const rows = each.kind === "tokens" ? B * S : B;
      const targets = input("targets", [rows], each.kind === "regression" ? "f32" : "i32");
      const logits = applyClassifier(hidden, lengths, parameters, model, classifier);
      const loss = computeClassifierLoss(logits, targets, each.kind);
      const names = ["hidden", ...parameters.keys()];
      const gradients = differentiate(loss, [hidden, ...parameters.values()]);
      const outputs = Object.fromEntries(names.map((name, i) => [`gradient.${name}`, gradients[i]!]));
      const graph = await backend.load({ outputs: { logits, loss, ...outputs }, updates: {} }, states);
      const expected = { classification: golden.classes, regression: golden.numbers, tokens: golden.words }[each.kind];
      const seen = await graph.run({
        lengths: Int32Array.from(golden.lengths),
        targets: each.kind === "regression" ? Float64Array.from(expected) : Int32Array.from(expected),
      });
      const what = `${each.kind} ${each.pooler} ${each.head}`;
      close(seen.logits!, each.logits, tolerance, `${what} logits`);
      close(seen.loss!, [each.loss], tolerance, `${what} loss`);
      for (const name of names) close(seen[`gradient.${name}`]!, each.gradients[name]!, tolerance, `${what} ${name}`);
    }
    await backend.close();
  });
}

const model = completeShape({
  width: 16,
  layers: 2,
  heads: 2,
  feedForward: 32,
  vocabulary: 40,
  sequenceLength: 24,
  positions: "rotary",
});
const sentences = [
  [4, 9, 5],
  [4, 12, 13, 14, 15, 16, 5],
  [4, 5],
];

/** Logits of the sentences in a batch of this length, `filler` behind each. */
async function predict(
  backend: Backend,
  classifier: ClassifierShape,
  length: number,
  filler: (place: number) => number,
): Promise<HostArray> {
  const listed = [...listParameters(model), ...listClassifierParameters(model, classifier)];
  const states = new Map(listed.map(({ name, shape }) => [name, backend.allocate(shape, "f32")] as const));
  listed.forEach((parameter, i) => {
    // Larger than in training, so that what leaks would be seen.
    const values = initialiseParameter(parameter, i, 5).map(value =>
      parameter.role === "matrix" ? 10 * value : value,
    );
    backend.write(states.get(parameter.name)!, values);
  });
  const parameters = new Map(listed.map(({ name, shape }) => [name, state(name, shape)] as const));
  const inputs = declareEncoderInputs(model, sentences.length, length, "padded") as PaddedInputs;
  const graph = await backend.load(
    { outputs: { logits: classify(inputs, parameters, model, classifier) }, updates: {} },
    states,
  );
  const tokens = sentences.flatMap(sentence => Array.from({ length }, (_, place) => sentence[place] ?? filler(place)));
  const lengths = Int32Array.from(sentences, sentence => sentence.length);
  return (await graph.run({ tokens: Int32Array.from(tokens), lengths, ...makeTables(model, length) })).logits!;
}

test("reading the first token alone is reading the first of all", async () => {
  const backend = openReference();
  for (const normalisation of ["pre", "post"] as const) {
    const shape: ModelShape = { ...model, normalisation };
    const classifier: ClassifierShape = {
      kind: "classification",
      outputs: 3,
      pooler: "cls",
      head: "tanh",
      headWidth: 8,
    };
    const listed = [...listParameters(shape), ...listClassifierParameters(shape, classifier)];
    const states = new Map(listed.map(({ name, shape }) => [name, backend.allocate(shape, "f32")] as const));
    listed.forEach((parameter, i) => {
      backend.write(
        states.get(parameter.name)!,
        initialiseParameter(parameter, i, 5).map(value => 3 * value),
      );
    });
    const parameters = new Map(listed.map(({ name, shape }) => [name, state(name, shape)] as const));
    const inputs = declareEncoderInputs(shape, sentences.length, 8, "padded") as PaddedInputs;
    const first = classify(inputs, parameters, shape, classifier);
    const all = applyClassifier(encode(inputs, parameters, shape), inputs.lengths, parameters, shape, classifier);
    const graph = await backend.load({ outputs: { first, all }, updates: {} }, states);
    const tokens = sentences.flatMap(sentence => Array.from({ length: 8 }, (_, place) => sentence[place] ?? 0));
    const lengths = Int32Array.from(sentences, sentence => sentence.length);
    const seen = await graph.run({ tokens: Int32Array.from(tokens), lengths, ...makeTables(shape, 8) });
    close(seen.first!, seen.all!, 1e-12, normalisation);
    assert.ok(new Set(seen.all).size === seen.all!.length);
  }
  await backend.close();
});

for (const [name, open] of backends) {
  test(`${name}: padding changes no logit, whatever stands there and however much there is`, async () => {
    const backend = await open();
    for (const pooler of name !== "reference" ? (["mean"] as const) : poolers) {
      const classifier: ClassifierShape = { kind: "classification", outputs: 3, pooler, head: "tanh", headWidth: 8 };
      const padded = await predict(backend, classifier, 8, () => 0);
      assert.ok(new Set(padded).size === padded.length && padded.some(value => Math.abs(value) > 1e-3));
      assert.deepEqual(await predict(backend, classifier, 8, place => 20 + place), padded, `${pooler}: other tokens`);
      close(await predict(backend, classifier, 16, () => 0), padded, 1e-6, `${pooler}: a longer batch`);
    }
    await backend.close();
  });
}
