// Finetuned models against transformers' classes for them (scripts/make-finetuned.py): what cram export writes is what
// save_pretrained leaves, tensor by tensor and label by label, and the ONNX files give the same logits.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openReference } from "../../src/backends/reference/reference.ts";
import { readSafetensors, type StoredTensor } from "../../src/checkpoint/safetensors.ts";
import { compareClassifiers } from "../../src/export/compare-classifier.ts";
import { checkClassifierComparison } from "../../src/export/exported-files.ts";
import { type ClassifierExport, exportClassifier } from "../../src/export/hugging-face/classifier-export.ts";
import { buildOnnxClassifier } from "../../src/export/onnx/build-onnx.ts";
import { findOnnxRuntime, type OnnxModel } from "../../src/export/onnx/onnx-runtime.ts";
import type { ClassifierShape } from "../../src/model/classifier.ts";
import { completeShape, type ModelShape } from "../../src/model/shape.ts";
import { listFinetunedParameters } from "../../src/pretrained/kept-model.ts";

interface Golden extends Pick<ClassifierShape, "kind" | "pooler"> {
  readonly name: string;
  readonly className: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** A safetensors file in base64. */
  readonly tensors: string;
  readonly labels: string[];
  readonly lengths: number[];
  readonly tokens: number[];
  readonly segments?: number[];
  /** Of every sequence, for kind tokens of every real token. */
  readonly logits: number[];
}

// Compiled tests run from dist/test; the golden files stay where they are.
const path = new URL("../../../test/golden/expected/finetuned.json", import.meta.url);
const goldens = JSON.parse(readFileSync(path, "utf8")) as readonly Golden[];

const folder = mkdtempSync(join(tmpdir(), "cram-golden-finetuned-"));
after(() => rmSync(folder, { recursive: true }));

const sizes = { width: 16, layers: 2, heads: 2, vocabulary: 30, sequenceLength: 8 };
const modern = completeShape({ ...sizes, feedForward: 24, positions: "rotary", firstAttentionNorm: false });
const bert = completeShape({
  ...{ ...sizes, feedForward: 12, positions: "learned", normalisation: "post" },
  ...{ biases: true, activation: "gelu", segments: true },
});
const specials = { pad: 0, unknown: 3, classify: 4, separator: 5, mask: 6 };

function openGolden({ name, kind, pooler, labels, tensors, className }: Golden) {
  const shape = className.startsWith("Modern") ? modern : bert;
  const head = shape === modern ? "gelu-norm" : "tanh";
  const classifier: ClassifierShape = { kind, pooler, head, headWidth: 16, outputs: labels.length };
  const listed = listFinetunedParameters(shape, classifier);
  const named = { labels: kind === "regression" ? [] : labels, label: "score" };
  const exportOf = (parameters: readonly StoredTensor[]): ClassifierExport => {
    const exported = exportClassifier({ shape, classifier, parameters, ...named }, specials);
    assert.ok(!("obstacle" in exported), JSON.stringify(exported));
    return exported;
  };
  const file = join(folder, `${name}.safetensors`);
  writeFileSync(file, Buffer.from(tensors, "base64"));
  // Only names and shapes are looked at.
  const parameters = exportOf(listed.map(each => ({ ...each, read: () => new Float32Array(0) }))).read(file);
  return { shape, classifier, parameters, file, exported: exportOf(parameters) };
}

// Of logits, in their standard deviations. A half has 11 bits, a byte 8, and these models are drawn, not trained.
const tolerances = { f32: 1e-5, f16: 0.02, int8: 0.5 } as const;

for (const golden of goldens) {
  test(`${golden.className}, ${golden.name}: transformers' file and logits`, async () => {
    const { shape, classifier, parameters, file, exported } = openGolden(golden);
    assert.equal(exported.className, golden.className);
    const written = new Map(exported.tensors.map(tensor => [tensor.name, tensor] as const));
    for (const [name, { shape: size, read }] of readSafetensors(file)) {
      assert.deepEqual([written.get(name)?.shape, written.get(name)?.read()], [size, read()], name);
      written.delete(name);
    }
    // Biases of norms that theirs lacks are 0.
    for (const { name, read } of written.values()) assert.ok(name.endsWith("bias") && !read().some(Boolean), name);
    for (const key of ["architectures", "model_type", "id2label", "label2id", "problem_type"]) {
      assert.deepEqual(exported.config[key], golden.config[key], key);
    }
    if (classifier.kind !== "tokens" && shape === modern) {
      assert.equal(exported.config.classifier_pooling, golden.config.classifier_pooling);
    }

    const runtime = await findOnnxRuntime(1);
    assert.ok(runtime, "onnxruntime-node or onnxruntime-web is missing");
    const { lengths, logits, tokens, segments } = golden;
    const spread = Math.sqrt(logits.reduce((sum, value) => sum + value ** 2, 0) / logits.length);
    const S = tokens.length / lengths.length;
    const L = classifier.outputs;
    for (const [type, tolerance] of Object.entries(tolerances) as [keyof typeof tolerances, number][]) {
      const model: OnnxModel = await runtime.open(buildOnnxClassifier(shape, classifier, parameters, type));
      const given = [Int32Array.from(tokens), Int32Array.from(lengths)] as const;
      const { logits: all } = await model.run(...given, segments && Int32Array.from(segments));
      const seen =
        classifier.kind === "tokens"
          ? lengths.flatMap((length, i) => Array.from(all.subarray(i * S * L, (i * S + length) * L)))
          : Array.from(all);
      assert.equal(seen.length, logits.length);
      const worst = seen.reduce((most, value, i) => Math.max(most, Math.abs(value - logits[i]!)), 0);
      assert.ok(worst < tolerance * spread, `${type}: off by ${worst}, logits of ${spread}`);
      await model.close();
    }
  });
}

test("a file with its classes in another order, or with another pooler, is refused; the model's own is not", async () => {
  const { shape, classifier, parameters } = openGolden(goldens[0]!);
  const L = classifier.outputs;
  const turned = parameters.map(tensor => ({
    ...tensor,
    // Rows of L columns, each read backwards.
    read: () => {
      const values = tensor.read();
      const isOutput = tensor.name.startsWith("classifier.output");
      return isOutput ? values.map((_, i) => values[i - (i % L) + (L - 1 - (i % L))]!) : values;
    },
  }));
  const runtime = await findOnnxRuntime(1);
  assert.ok(runtime, "onnxruntime-node or onnxruntime-web is missing");
  const backend = openReference();
  const probes = [
    { tokens: [4, 9, 10, 11, 12, 5], secondStart: 6 },
    { tokens: [4, 20, 5], secondStart: 3 },
    { tokens: [4, 7, 8, 5, 22, 23, 24, 5], secondStart: 4 },
  ];
  for (const type of ["f32", "f16", "int8"] as const) {
    for (const [what, given, head] of [
      ["itself", parameters, classifier],
      ["turned", turned, classifier],
      ["first", parameters, { ...classifier, pooler: "cls" }],
    ] as const) {
      const model: OnnxModel = await runtime.open(buildOnnxClassifier(shape, head, given, type));
      const own = { shape, classifier, parameters };
      const { comparisons, spread } = await compareClassifiers(backend, own, [model], probes, 0);
      const check = () => checkClassifierComparison("model.onnx", type, comparisons[0]!, spread);
      if (what === "itself") check();
      else assert.throws(check, { code: "E_EXPORT_MISMATCH" }, `${type} ${what}`);
      await model.close();
    }
  }
  await backend.close();
});

test("a head that no class has is told with the settings of one that it has", () => {
  const obstacleOf = (shape: ModelShape, changes: Partial<ClassifierShape>) => {
    const classifier: ClassifierShape = {
      ...{ kind: "classification", pooler: "cls", head: "tanh", headWidth: 1024, outputs: 2 },
      ...changes,
    };
    const parameters = listFinetunedParameters(shape, classifier).map(each => ({
      ...each,
      read: () => new Float32Array(0),
    }));
    const exported = exportClassifier({ shape, classifier, parameters, labels: ["a", "b"], label: "label" }, specials);
    return "obstacle" in exported ? exported.obstacle : undefined;
  };
  assert.match(obstacleOf(modern, {})!, /head=tanh, headWidth=1024.*--set head=gelu-norm --set headWidth=16 finetunes/);
  assert.match(
    obstacleOf(modern, { head: "gelu-norm", headWidth: 16, pooler: "max" })!,
    /pooler=max.*--set pooler=cls/,
  );
  assert.equal(obstacleOf(modern, { head: "gelu-norm", headWidth: 16, pooler: "max", kind: "tokens" }), undefined);
  assert.match(obstacleOf(bert, { headWidth: 16, pooler: "mean" })!, /pooler=mean.*--set pooler=cls/);
  assert.match(obstacleOf(bert, { headWidth: 16, kind: "tokens" })!, /BERT's class for tokens/);
  assert.match(obstacleOf({ ...modern, positions: "scaled-sinusoidal" }, {})!, /--set model\.positions=rotary/);
});
