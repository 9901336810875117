// What an export writes against what transformers loads: the tensors of its own checkpoints, written back from our parameters,
// and a ModernBERT of the kind that only an export makes, by its logits (scripts/make-export.py).

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openReference } from "../../src/backends/reference/reference.ts";
import { UserError } from "../../src/base/errors.ts";
import { roundToHalves } from "../../src/base/halves.ts";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../../src/checkpoint/safetensors.ts";
import { exportToHuggingFace, type HuggingFaceExport } from "../../src/export/hugging-face/hugging-face-export.ts";
import { gather, input, state } from "../../src/graph/operations.ts";
import { listShapeDifferences } from "../../src/model/compare-shapes.ts";
import { encode } from "../../src/model/encoder.ts";
import { decodeRows } from "../../src/model/heads.ts";
import { initialiseParameters } from "../../src/model/initialise.ts";
import { declareEncoderInputs, makeTables } from "../../src/model/inputs.ts";
import { listParameters } from "../../src/model/parameters.ts";
import { completeShape, type ModelShape, withoutHead } from "../../src/model/shape.ts";
import { openForeignModel } from "../../src/pretrained/foreign/open-foreign-model.ts";

interface Golden {
  readonly config: Record<string, unknown>;
  /** A safetensors file in base64. */
  readonly tensors: string;
  readonly lengths: number[];
  readonly tokens: number[];
  /** Of every real token. */
  readonly logits: number[];
  readonly hidden: number[];
}

// Compiled tests run from dist/test; the golden files stay where they are.
const readGolden = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../../test/golden/expected/${name}.json`, import.meta.url), "utf8")) as Golden;

const folder = mkdtempSync(join(tmpdir(), "cram-golden-export-"));
after(() => rmSync(folder, { recursive: true }));

function writeGolden({ config, tensors }: Golden, name: string): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "config.json"), JSON.stringify(config));
  writeFileSync(join(path, "model.safetensors"), Buffer.from(tensors, "base64"));
  return path;
}

const specials = { pad: 0, unknown: 3, classify: 4, separator: 5, mask: 6 };

function exportModel(shape: ModelShape, parameters: readonly StoredTensor[]): HuggingFaceExport {
  const exported = exportToHuggingFace(shape, parameters, specials);
  assert.ok(!("obstacle" in exported), JSON.stringify(exported));
  return exported;
}

function saveExport({ config, tensors }: HuggingFaceExport, name: string): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "config.json"), JSON.stringify(config));
  writeSafetensors(join(path, "model.safetensors"), tensors);
  return path;
}

for (const name of ["foreign-bert", "foreign-modernbert", "foreign-modernbert-biases", "export-modernbert"]) {
  test(`${name}: read and written back, every tensor is what transformers saved`, () => {
    const path = writeGolden(readGolden(name), name);
    const { shape, parameters } = openForeignModel(path);
    const exported = exportModel(shape, parameters);
    const written = new Map(exported.tensors.map(tensor => [tensor.name, tensor] as const));
    for (const [saved, { shape: size, read }] of readSafetensors(join(path, "model.safetensors"))) {
      // Without a place in our model, or a second name of what has one.
      if (/pooler|seq_relationship|\.decoder\.|^decoder\.weight/.test(saved)) continue;
      assert.deepEqual([written.get(saved)?.shape, written.get(saved)?.read()], [size, read()], saved);
      written.delete(saved);
    }
    // Biases that theirs lacks are 0.
    for (const { name: more, read } of written.values()) {
      assert.ok(more.endsWith("bias") && read().every(value => value === 0), more);
    }
    const again = openForeignModel(saveExport(exported, `${name}-again`));
    assert.deepEqual(listShapeDifferences(again.shape, shape), []);
  });
}

test("an export's config is the one that transformers was given", () => {
  const golden = readGolden("export-modernbert");
  const { shape, parameters } = openForeignModel(writeGolden(golden, "config"));
  assert.deepEqual(exportModel(shape, parameters).config, golden.config);
});

test("a layer that adds nothing and a head that undoes the final norm: transformers' logits and hidden states", async () => {
  const golden = readGolden("export-modernbert");
  const { shape, parameters } = openForeignModel(writeGolden(golden, "logits"));
  assert.equal(shape.layers, 2);
  assert.equal(shape.head, "tied");
  const backend = openReference();
  const states = new Map(
    parameters.map(({ name, shape: size, read }) => {
      const buffer = backend.allocate(size, "f32");
      backend.write(buffer, read());
      return [name, buffer] as const;
    }),
  );
  const tensors = new Map(parameters.map(({ name, shape: size }) => [name, state(name, size)] as const));
  const length = shape.sequenceLength;
  const real = golden.lengths.flatMap((count, sequence) =>
    Array.from({ length: count }, (_, place) => sequence * length + place),
  );
  const hidden = encode(declareEncoderInputs(shape, golden.lengths.length, length, "padded"), tensors, shape);
  const logits = decodeRows(gather(hidden, input("positions", [real.length], "i32")), tensors, shape);
  const graph = await backend.load({ outputs: { hidden, logits }, updates: {} }, states);
  const outputs = await graph.run({
    tokens: Int32Array.from(golden.tokens),
    lengths: Int32Array.from(golden.lengths),
    positions: Int32Array.from(real),
    ...makeTables(shape, length),
  });
  const C = shape.width;
  const hiddenOfReal = real.flatMap(row => Array.from(outputs.hidden!.slice(row * C, (row + 1) * C)));
  for (const [got, expected] of [
    [outputs.logits!, golden.logits],
    [hiddenOfReal, golden.hidden],
  ] as const) {
    assert.equal(got.length, expected.length);
    for (const [i, value] of expected.entries()) assert.ok(Math.abs(got[i]! - value) < 2e-6, `${got[i]} ${value}`);
  }
  await backend.close();
});

test("an encoder alone is written as transformers saves one, without a head and what undoes the final norm", () => {
  for (const name of ["foreign-modernbert", "export-modernbert"]) {
    const path = writeGolden(readGolden(name), `${name}-encoder`);
    const whole = openForeignModel(path);
    const encoder = withoutHead(whole.shape);
    const parameters = whole.parameters.slice(0, listParameters(encoder).length);
    const discriminator = [{ name: "discriminator.dense", shape: [1, 1], read: () => new Float32Array(1) }];
    const exported = exportToHuggingFace(encoder, parameters, specials, discriminator);
    assert.ok(!("obstacle" in exported), JSON.stringify(exported));
    assert.equal(exported.className, "ModernBertModel");
    assert.match(exported.notes.join(), /the head that tells replaced tokens is left out: ModernBERT has none/);
    const saved = readSafetensors(join(path, "model.safetensors"));
    const bare = [...saved.values()].flatMap(({ name: tensor, read }) =>
      tensor.startsWith("model.") ? [[tensor.slice("model.".length), read()] as const] : [],
    );
    const written = new Map(exported.tensors.map(({ name: tensor, read }) => [tensor, read()] as const));
    for (const [tensor, values] of bare) assert.deepEqual(written.get(tensor), values, tensor);
    const again = openForeignModel(saveExport(exported, `${name}-encoder-again`));
    assert.deepEqual([again.predictsTokens, listShapeDifferences(again.shape, encoder)], [false, []]);
  }
});

/** A file of halves: bfloat16 by rounding to even here, binary16 as ONNX exports have it, which a golden of numpy's holds. */
function writeHalves(path: string, dtype: "BF16" | "F16", tensors: readonly StoredTensor[]): void {
  const round = (values: Float32Array) =>
    dtype === "F16"
      ? roundToHalves(values)
      : Uint16Array.from(new Uint32Array(values.slice().buffer), bits => (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  const header: Record<string, object> = {};
  const bodies = tensors.map(({ read }) => Buffer.from(round(read()).buffer));
  let offset = 0;
  for (const [i, { name, shape }] of tensors.entries()) {
    header[name] = { dtype, shape, data_offsets: [offset, (offset += bodies[i]!.length)] };
  }
  const text = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(path, Buffer.concat([size, text, ...bodies]));
}

test("an export that transformers saved again in halves opens, its derived tensors within their rounding", () => {
  for (const [dtype, error] of [
    ["BF16", 2 ** -8],
    ["F16", 2 ** -11],
  ] as const) {
    const path = writeGolden(readGolden("export-modernbert"), `saved-${dtype}`);
    const { parameters } = openForeignModel(path);
    const file = join(path, "model.safetensors");
    const whole = parameters.map(({ read }) => read());
    const tensors = [...readSafetensors(file).values()].map(tensor => {
      const values = tensor.read();
      return { ...tensor, read: () => values };
    });
    writeHalves(file, dtype, tensors);
    for (const [i, { name, read }] of openForeignModel(path).parameters.entries()) {
      for (const [place, value] of read().entries()) {
        const wanted = whole[i]![place]!;
        assert.ok(
          Math.abs(value - wanted) <= error * Math.abs(wanted) + 2 ** -24,
          `${dtype} ${name}: ${value} ${wanted}`,
        );
      }
    }
    const changed = tensors.map(tensor =>
      tensor.name === "head.dense.weight" ? { ...tensor, read: () => tensor.read().with(3, 0.5) } : tensor,
    );
    writeHalves(file, dtype, changed);
    assert.throws(
      () => openForeignModel(path),
      error => error instanceof UserError && error.code === "E_FOREIGN_TENSOR",
    );
  }
});

test("a layer that adds something, or a head that does, is no model of ours", () => {
  const golden = readGolden("export-modernbert");
  const path = writeGolden(golden, "changed");
  const file = join(path, "model.safetensors");
  const saved = [...readSafetensors(file).values()].map(tensor => ({ ...tensor, values: tensor.read() }));
  for (const changed of ["model.layers.0.mlp.Wo.weight", "head.dense.weight", "head.norm.bias"]) {
    const tensors = saved.map(({ name, shape, values }) => ({
      ...{ name, shape },
      read: () => (name === changed ? values.with(3, values[3]! + 0.5) : values),
    }));
    writeSafetensors(file, tensors);
    assert.throws(
      () => openForeignModel(path),
      error => error instanceof UserError && error.code === "E_FOREIGN_TENSOR" && error.message.includes(changed),
    );
  }
});

const shape = completeShape({
  width: 8,
  layers: 2,
  heads: 2,
  feedForward: 8,
  vocabulary: 10,
  sequenceLength: 8,
  positions: "rotary",
});
const drawParameters = (of: ModelShape): StoredTensor[] => {
  const values = initialiseParameters(of, 0);
  return listParameters(of).map(({ name, shape: size }) => ({ name, shape: size, read: () => values.get(name)! }));
};

test("what no class of Hugging Face's can express is named by its field, with what to set", () => {
  const obstacleOf = (of: ModelShape, parameters = drawParameters(of)) => {
    const exported = exportToHuggingFace(of, parameters, specials);
    return "obstacle" in exported ? exported.obstacle : undefined;
  };
  assert.equal(obstacleOf(shape), undefined);
  assert.match(obstacleOf({ ...shape, positions: "scaled-sinusoidal" })!, /--set model\.positions=rotary/);
  assert.match(obstacleOf({ ...shape, activation: "gelu" })!, /model\.activation is gelu/);
  assert.match(obstacleOf({ ...shape, normalisation: "post" })!, /--set model\.normalisation=pre/);
  assert.match(obstacleOf({ ...shape, layers: 3, rotaryBases: [10, 20, 30] })!, /rotaryBases/);
  const withZero = drawParameters(shape).map(parameter =>
    parameter.name === "final.norm.weight" ? { ...parameter, read: () => new Float32Array(8) } : parameter,
  );
  assert.match(obstacleOf(shape, withZero)!, /final norm/);
});

test("only a model with a norm before its first attention gets the layer that adds nothing", () => {
  const countLayers = (of: ModelShape) => exportModel(of, drawParameters(of)).config.num_hidden_layers;
  assert.equal(countLayers(shape), 3);
  assert.equal(countLayers({ ...shape, firstAttentionNorm: false }), 2);
});
