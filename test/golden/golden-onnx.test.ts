// ONNX files in ONNX Runtime against transformers: logits of padded sequences of BERT, RoBERTa, ModernBERT and the reference's
// model, in every type of file (scripts/make-foreign-models.py).

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { buildOnnxModel } from "../../src/export/onnx/build-onnx.ts";
import { findOnnxRuntime, type OnnxModel } from "../../src/export/onnx/onnx-runtime.ts";
import { openForeignModel } from "../../src/pretrained/foreign/open-foreign-model.ts";

interface Golden {
  readonly config: Record<string, unknown>;
  readonly tensors: string;
  readonly lengths: number[];
  readonly tokens: number[];
  readonly segments?: number[];
  /** Of every real token. */
  readonly logits: number[];
}

// Compiled tests run from dist/test; the golden files stay where they are.
const readGolden = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../../test/golden/expected/${name}.json`, import.meta.url), "utf8")) as Golden;

const folder = mkdtempSync(join(tmpdir(), "cram-golden-onnx-"));
after(() => rmSync(folder, { recursive: true }));

function openGolden({ config, tensors }: Golden, name: string) {
  const path = join(folder, name);
  mkdirSync(path);
  writeFileSync(join(path, name.includes("crammed") ? "model_config.json" : "config.json"), JSON.stringify(config));
  writeFileSync(join(path, "model.safetensors"), Buffer.from(tensors, "base64"));
  return openForeignModel(path);
}

// Of logits, in their standard deviations. A half has 11 bits, a byte 8, and these models are drawn, not trained.
const tolerances = { f32: 1e-5, f16: 0.02, int8: 0.5 } as const;

for (const name of [
  "foreign-bert",
  "foreign-roberta",
  "foreign-modernbert-biases",
  "foreign-crammed-bert",
  "export-modernbert",
]) {
  test(`${name}: transformers' logits`, async () => {
    const golden = readGolden(name);
    const { shape, parameters } = openGolden(golden, name);
    const runtime = await findOnnxRuntime(1);
    assert.ok(runtime, "onnxruntime-node or onnxruntime-web is missing");
    const lengths = Int32Array.from(golden.lengths);
    const tokens = Int32Array.from(golden.tokens);
    const length = tokens.length / lengths.length;
    const spread = Math.sqrt(golden.logits.reduce((sum, value) => sum + value ** 2, 0) / golden.logits.length);
    const V = shape.vocabulary;
    for (const [type, tolerance] of Object.entries(tolerances) as [keyof typeof tolerances, number][]) {
      const model: OnnxModel = await runtime.open(buildOnnxModel(shape, parameters, type));
      const segments = golden.segments === undefined ? undefined : Int32Array.from(golden.segments);
      const { logits } = await model.run(tokens, lengths, segments);
      const real = golden.lengths.flatMap((count, sequence) =>
        Array.from(logits.subarray(sequence * length * V, (sequence * length + count) * V)),
      );
      assert.equal(real.length, golden.logits.length);
      const worst = real.reduce((most, value, i) => Math.max(most, Math.abs(value - golden.logits[i]!)), 0);
      assert.ok(worst < tolerance * spread, `${type}: off by ${worst}, logits of ${spread}`);
      await model.close();
    }
  });
}
