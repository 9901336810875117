// Every option of a shape against PyTorch in float64 (scripts/make-variants.py): logits, loss and every gradient of tiny models, full
// sequences and padded ones. FNet's transform was compared with numpy.fft when the numbers were made.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import type { Backend } from "../../src/backends/backend.ts";
import { openCpu } from "../../src/backends/cpu/cpu.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { differentiate } from "../../src/graph/gradient.ts";
import { input, state } from "../../src/graph/operations.ts";
import { countElements, type Shape } from "../../src/graph/tensor.ts";
import { computeMaskedLoss, predictTokens } from "../../src/model/heads.ts";
import { declareEncoderInputs, declareMaskedInputs, declarePredictions, makeTables } from "../../src/model/inputs.ts";
import { listParameters } from "../../src/model/parameters.ts";
import { completeShape, initialOptions, listOptions, type ShapeSettings, shapeSchema } from "../../src/model/shape.ts";
import { listPaths } from "../../src/settings/schema.ts";
import { openEmulatedCuda } from "../cuda-emulator/emulated-backend.ts";
import { emulatorAbsent } from "../cuda-emulator/emulated-driver.ts";
import { formula, type Summary, summarise } from "./formula.ts";

interface Outcome {
  readonly logits: Summary;
  readonly loss: number;
}
interface Variant {
  readonly settings: ShapeSettings;
  readonly full: Outcome;
  readonly padded: Outcome;
  readonly gradients: readonly Summary[];
}
interface Golden {
  readonly tokens: number[];
  readonly predicted: number[];
  readonly labels: number[];
  readonly lengths: number[];
  readonly sequences: number;
  readonly variants: Readonly<Record<string, Variant>>;
}

// Compiled tests run from dist/test; the golden files stay where they are.
const path = new URL("../../../test/golden/expected/variants.json", import.meta.url);
const golden = JSON.parse(readFileSync(path, "utf8")) as Golden;

/** The script's value of a parameter. */
function parameterValue(name: string, size: Shape): Float32Array {
  const values = formula(name, countElements(size));
  const last = name.split(".").at(-1)!;
  const isGain = ["weight", "residual", "scoreGain", "queryGain", "keyGain"].includes(last);
  const middle = (["valueMixture", "embeddingSkip", "share"].includes(last) ? 0.5 : 0) + (last === "qkGain" ? 2 : 0);
  return Float32Array.from(values, value => {
    if (size.length > 1) return 0.3 * value;
    return isGain ? 1 + 0.1 * value : middle + 0.1 * value;
  });
}

function checkSummary(what: string, values: ArrayLike<number>, expected: Summary, name: string, tolerance: number) {
  const scale = Math.max(1e-3, expected[0]);
  for (const [i, seen] of summarise(name, values).entries()) {
    const error = Math.abs(seen - expected[i]!) / scale;
    assert.ok(error < tolerance, `${what}: ${seen} against ${expected[i]}, error ${error}`);
  }
}

async function compareVariant(
  name: string,
  { settings, full, padded, gradients }: Variant,
  backend: Backend,
  tolerance: number,
) {
  const shape = completeShape(settings);
  const listed = listParameters(shape);
  const parameters = new Map(listed.map(({ name, shape: size }) => [name, state(name, size)] as const));
  const states = new Map(listed.map(({ name, shape: size }) => [name, backend.allocate(size, "f32")] as const));
  for (const { name, shape: size } of listed) backend.write(states.get(name)!, parameterValue(name, size));
  const batch = {
    tokens: Int32Array.from(golden.tokens),
    positions: Int32Array.from(golden.predicted),
    labels: Int32Array.from(golden.labels),
    ...makeTables(shape),
  };
  const inputs = {
    ...declareMaskedInputs(shape, golden.sequences, golden.sequences),
    ...declarePredictions(golden.predicted.length),
  };
  const loss = computeMaskedLoss(inputs, parameters, shape);
  const gradientOf = differentiate(loss, [...parameters.values()]);
  const named = Object.fromEntries([...parameters.keys()].map((parameter, i) => [parameter, gradientOf[i]!]));
  const outputs = { logits: predictTokens(inputs, parameters, shape), loss, ...named };
  const got = await (await backend.load({ outputs, updates: {} }, states)).run(batch);
  checkSummary(`${name}: logits`, got.logits!, full.logits, "logits", tolerance);
  assert.ok(
    Math.abs(got.loss![0]! - full.loss) < tolerance * full.loss,
    `${name}: loss ${got.loss![0]} against ${full.loss}`,
  );
  const names = [...parameters.keys()].sort();
  assert.equal(names.length, gradients.length, `${name}: ${names.join(" ")}`);
  for (const [i, parameter] of names.entries()) {
    checkSummary(`${name}: gradient of ${parameter}`, got[parameter]!, gradients[i]!, parameter, tolerance);
  }
  const encoder = declareEncoderInputs(shape, golden.sequences, shape.sequenceLength, "padded");
  const short = predictTokens(
    { ...encoder, positions: input("positions", [golden.predicted.length], "i32") },
    parameters,
    shape,
  );
  const segments = shape.segments ? { segments: new Int32Array(golden.tokens.length) } : {};
  const loaded = await backend.load({ outputs: { logits: short }, updates: {} }, states);
  const { labels: _, ...texts } = batch;
  const shortened = await loaded.run({ ...texts, ...segments, lengths: Int32Array.from(golden.lengths) });
  checkSummary(`${name}: logits of padded sequences`, shortened.logits!, padded.logits, "logits", tolerance);
}

/** Those that put something new to a compiler; with CRAM_ALL_VARIANTS every variant is compiled, which takes minutes. */
const compiled =
  process.env.CRAM_ALL_VARIANTS === undefined
    ? ["fourier hybrid", "gated unit", "funnel with rotary positions"]
    : Object.keys(golden.variants);

for (const [backendName, tolerance, open, absent, names] of [
  ["reference", 1e-6, async () => openReference(), undefined, Object.keys(golden.variants)],
  ["cpu", 1e-4, () => openCpu({ threads: 2 }), undefined, compiled],
  ["cuda", 1e-4, () => openEmulatedCuda(), emulatorAbsent, compiled],
] as const) {
  const skip = absent ?? false;
  let backend: Backend;
  before(async () => {
    if (skip === false) backend = await open();
  });
  after(() => backend?.close());
  for (const name of names) {
    test(`${backendName}: ${name}`, { skip }, () => compareVariant(name, golden.variants[name]!, backend, tolerance));
  }
}

test("every option of a shape has a variant here", () => {
  const plain = JSON.stringify;
  const base = new Map(
    listOptions(completeShape(golden.variants.plain!.settings)).map(({ path, value }) => [path, plain(value)]),
  );
  const chosen = new Set(
    Object.values(golden.variants).flatMap(({ settings }) =>
      listOptions(completeShape(settings))
        .filter(({ path, value }) => base.get(path) !== plain(value))
        .map(({ path }) => path),
    ),
  );
  const sizes = ["width", "layers", "heads", "feedForward", "vocabulary", "sequenceLength"];
  const missing = listPaths(shapeSchema).filter(
    path => ![...initialOptions, ...sizes].includes(path) && !chosen.has(path),
  );
  assert.deepEqual(missing, []);
});

test("no two variants have the same logits", () => {
  const seen = new Map<string, string>();
  for (const [name, { full }] of Object.entries(golden.variants)) {
    const logits = full.logits.map(value => value.toPrecision(6)).join();
    assert.equal(seen.get(logits), undefined, name);
    seen.set(logits, name);
  }
});
