// Checkpoints of other programs, read and run: logits of padded sequences and every gradient against transformers' BERT, RoBERTa,
// DistilBERT and ModernBERT and a PyTorch copy of the reference's model, in float64 (scripts/make-foreign-models.py).

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Backend, DeviceBuffer } from "../../src/backends/backend.ts";
import { openCpu } from "../../src/backends/cpu/cpu.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { UserError } from "../../src/base/errors.ts";
import { readSafetensors, writeSafetensors } from "../../src/checkpoint/safetensors.ts";
import { differentiate } from "../../src/graph/gradient.ts";
import { input, state } from "../../src/graph/operations.ts";
import { computeMaskedLoss, predictTokens } from "../../src/model/heads.ts";
import { declareEncoderInputs, makeTables } from "../../src/model/inputs.ts";
import { listParameters } from "../../src/model/parameters.ts";
import { completeShape } from "../../src/model/shape.ts";
import type { ForeignModel } from "../../src/pretrained/foreign/foreign-model.ts";
import { openForeignModel } from "../../src/pretrained/foreign/open-foreign-model.ts";
import { embed } from "../../src/verbs/model/embed.ts";
import { openEmulatedCuda } from "../cuda-emulator/emulated-backend.ts";
import { emulatorAbsent } from "../cuda-emulator/emulated-driver.ts";

interface Golden {
  readonly config: Record<string, unknown>;
  /** Safetensors files in base64: the weights, and their gradients by the same names. */
  readonly tensors: string;
  readonly gradients: string;
  readonly lengths: number[];
  readonly tokens: number[];
  readonly segments: number[];
  /** Of every real token, sequence after sequence. */
  readonly labels: number[];
  readonly logits: number[];
  readonly loss: number;
}

interface Encoders {
  readonly sequences: number[][];
  readonly encoders: Record<string, Pick<Golden, "config" | "tensors"> & { readonly vectors: number[][] }>;
}

const names = ["bert", "roberta", "modernbert", "modernbert-biases", "distilbert", "crammed-bert"] as const;
type Name = (typeof names)[number];

// Compiled tests run from dist/test; the golden files stay where they are.
const readGolden = <T>(name: string) =>
  JSON.parse(readFileSync(new URL(`../../../test/golden/expected/foreign-${name}.json`, import.meta.url), "utf8")) as T;
const goldens = new Map(names.map(name => [name, readGolden<Golden>(name)] as const));

const folder = mkdtempSync(join(tmpdir(), "cram-foreign-"));
const backends = new Map<string, Backend>();
before(async () => {
  backends.set("reference", openReference());
  backends.set("cpu", await openCpu({ threads: 2, precision: "f32" }));
  if (emulatorAbsent === undefined) backends.set("cuda", await openEmulatedCuda());
});
after(async () => {
  for (const backend of backends.values()) await backend.close();
  rmSync(folder, { recursive: true });
});

/** Writes a model's folder as the other program lays it out. */
function writeModel(
  name: Name,
  kind: "tensors" | "gradients" = "tensors",
  config: Record<string, unknown> = {},
): string {
  const golden = goldens.get(name)!;
  const path = join(folder, `${name}-${kind}`);
  mkdirSync(path, { recursive: true });
  const configName = name === "crammed-bert" ? "model_config.json" : "config.json";
  writeFileSync(join(path, configName), JSON.stringify({ ...golden.config, ...config }));
  writeFileSync(join(path, "model.safetensors"), Buffer.from(golden[kind], "base64"));
  return path;
}

/** The graph of a model on the golden's batch, its states and inputs. */
function prepare({ shape, parameters }: ForeignModel, golden: Golden, backend: Backend) {
  const sequences = golden.lengths.length;
  const length = golden.tokens.length / sequences;
  const real = golden.lengths.flatMap((count, sequence) =>
    Array.from({ length: count }, (_, place) => sequence * length + place),
  );
  const inputs = {
    ...declareEncoderInputs(shape, sequences, length, "padded"),
    positions: input("positions", [real.length], "i32"),
    labels: input("labels", [real.length], "i32"),
  };
  const states = new Map<string, DeviceBuffer>();
  for (const parameter of parameters) {
    const buffer = backend.allocate(parameter.shape, "f32");
    backend.write(buffer, parameter.read());
    states.set(parameter.name, buffer);
  }
  const values = {
    tokens: Int32Array.from(golden.tokens),
    lengths: Int32Array.from(golden.lengths),
    positions: Int32Array.from(real),
    labels: Int32Array.from(golden.labels),
    ...(shape.segments && { segments: Int32Array.from(golden.segments) }),
    ...makeTables(shape, length),
  };
  const tensors = new Map(
    parameters.map(parameter => [parameter.name, state(parameter.name, parameter.shape)] as const),
  );
  return { inputs, states, values, tensors, shape };
}

function assertNear(name: string, got: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  const scale = 1 + Math.max(...Array.from(expected, Math.abs));
  assert.equal(got.length, expected.length, name);
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(got[i]! - expected[i]!) / scale;
    assert.ok(error < tolerance, `${name}[${i}]: ${got[i]} against ${expected[i]}, error ${error}`);
  }
}

for (const [backendName, tolerance] of [
  ["reference", 1e-6],
  ["cpu", 1e-5],
  ["cuda", 1e-5],
] as const) {
  const skip = backendName === "cuda" && emulatorAbsent;
  for (const name of names) {
    test(`${backendName}: ${name}, padded sequences: logits, loss and every gradient`, { skip }, async () => {
      const golden = goldens.get(name)!;
      const backend = backends.get(backendName)!;
      const { inputs, states, values, tensors, shape } = prepare(openForeignModel(writeModel(name)), golden, backend);
      const logits = predictTokens(inputs, tensors, shape);
      const loss = computeMaskedLoss(inputs, tensors, shape);
      const gradients = differentiate(loss, [...tensors.values()]);
      const named = Object.fromEntries([...tensors.keys()].map((parameter, i) => [parameter, gradients[i]!]));
      const loaded = await backend.load({ outputs: { logits, loss, ...named }, updates: {} }, states);
      const got = await loaded.run(values);
      assertNear("logits", got.logits!, golden.logits, tolerance);
      assertNear("loss", got.loss!, [golden.loss], tolerance);
      for (const expected of openForeignModel(writeModel(name, "gradients")).parameters) {
        // A bias of ours that theirs lacks is 0 there and has a gradient here.
        if (isAbsentBias(name, expected.name)) continue;
        assertNear(`gradient of ${expected.name}`, got[expected.name]!, expected.read(), tolerance);
      }
    });
  }
}

const isAbsentBias = (name: Name, parameter: string): boolean =>
  (name === "modernbert" && parameter.endsWith("norm.bias")) ||
  (name === "modernbert-biases" && parameter === "head.bias");

test("the shapes are those of the configs", () => {
  const shapeOf = (name: Name) => openForeignModel(writeModel(name)).shape;
  assert.equal(shapeOf("bert").sequenceLength, 10);
  assert.equal(shapeOf("roberta").sequenceLength, 10); // two of its twelve rows come before the first token
  assert.equal(shapeOf("modernbert").sequenceLength, 8); // a token and seven to its side
  assert.deepEqual(shapeOf("modernbert").rotaryBases, [160_000, 10_000]);
  const crammedBert = completeShape({
    width: 16,
    layers: 2,
    heads: 2,
    feedForward: 24,
    vocabulary: 40,
    sequenceLength: 10,
    positions: "scaled-sinusoidal",
  });
  assert.deepEqual(shapeOf("crammed-bert"), crammedBert);
});

test("encoders alone give the hidden states of transformers' BertModel, RobertaModel and DistilBertModel", async () => {
  const { sequences, encoders } = readGolden<Encoders>("encoders");
  const tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ..."abcdefg"];
  const texts = sequences.map(ids =>
    ids
      .slice(1, -1)
      .map(id => tokens[id])
      .join(" "),
  );
  for (const [name, { config, tensors, vectors }] of Object.entries(encoders)) {
    const path = join(folder, `encoder-${name}`);
    mkdirSync(path);
    writeFileSync(join(path, "config.json"), JSON.stringify(config));
    writeFileSync(join(path, "model.safetensors"), Buffer.from(tensors, "base64"));
    writeFileSync(join(path, "vocab.txt"), tokens.join("\n"));
    const got = await embed(path, texts, { backend: "reference" });
    for (const [i, vector] of got.entries()) assertNear(`${name}[${i}]`, vector, vectors[i]!, 1e-6);
  }
});

test("what is left out is told, and why texts may be no longer", () => {
  const notesOf = (name: Name) => openForeignModel(writeModel(name)).notes.join("\n");
  assert.match(notesOf("bert"), /the pooler is left out[\s\S]*next-sentence prediction is left out/);
  assert.match(notesOf("modernbert"), /texts longer than 8 tokens are refused/);
  assert.equal(notesOf("roberta"), "");
});

test("ModernBERT's older configs say the same in other words", () => {
  const { layer_types: _, rope_parameters: __, ...older } = goldens.get("modernbert")!.config;
  const path = writeModel("modernbert");
  const read = (config: object) => {
    writeFileSync(join(path, "config.json"), JSON.stringify({ ...older, ...config }));
    return openForeignModel(path).shape;
  };
  const thetas = { global_rope_theta: 160_000, local_rope_theta: 10_000 };
  assert.deepEqual(read({ global_attn_every_n_layers: 2, ...thetas }).rotaryBases, [160_000, 10_000]);
  assert.deepEqual(read({ global_attn_every_n_layers: 3, ...thetas }).rotaryBases, [160_000, 10_000, 10_000]);
  assert.deepEqual(read({ global_attn_every_n_layers: 3, ...thetas, local_rope_theta: null }).rotaryBases, [160_000]);
  const allGlobal = read({ global_attn_every_n_layers: 1, ...thetas });
  assert.equal(allGlobal.sequenceLength, 64);
});

const fails = (run: () => unknown, code: string, message: RegExp) =>
  assert.throws(run, error => error instanceof UserError && error.code === code && message.test(error.message));

test("a config that our model cannot express is refused by the field's name", () => {
  const refusals: [Name, Record<string, unknown>, RegExp][] = [
    ["bert", { hidden_act: "gelu_new" }, /hidden_act is "gelu_new"/],
    ["bert", { position_embedding_type: "relative_key" }, /position_embedding_type/],
    ["bert", { type_vocab_size: 3 }, /type_vocab_size is 3/],
    ["bert", { hidden_size: undefined }, /hidden_size is missing/],
    ["bert", { tie_word_embeddings: false }, /tie_word_embeddings/],
    ["roberta", { is_decoder: true }, /is_decoder/],
    ["roberta", { model_type: "deberta" }, /a model of type deberta|model_type "deberta"/],
    ["modernbert", { classifier_activation: "linear" }, /classifier_activation/],
    [
      "modernbert",
      { rope_parameters: { full_attention: { rope_type: "yarn", rope_theta: 1e5 } } },
      /rope_type is "yarn"/,
    ],
    ["crammed-bert", { nonlin: "GELU" }, /nonlin/],
    [
      "crammed-bert",
      { attention: { ...(goldens.get("crammed-bert")!.config.attention as object), rotary_embedding: true } },
      /rotary_embedding is true/,
    ],
  ];
  for (const [name, config, message] of refusals) {
    fails(() => openForeignModel(writeModel(name, "tensors", config)), "E_FOREIGN_CONFIG", message);
  }
});

test("tensors that are missing, misshapen, left over or untied are refused by name", () => {
  const path = writeModel("bert");
  const file = join(path, "model.safetensors");
  const change = (edit: (tensors: ReturnType<typeof readSafetensors>) => void) => {
    writeFileSync(file, Buffer.from(goldens.get("bert")!.tensors, "base64"));
    const tensors = readSafetensors(file);
    const kept = new Map(
      [...tensors].map(([name, { shape, read }]) => {
        const values = read();
        return [name, { name, shape, read: () => values }] as const;
      }),
    );
    edit(kept);
    writeSafetensors(file, [...kept.values()]);
    return () => openForeignModel(path);
  };
  const word = "bert.embeddings.word_embeddings.weight";
  const query = "bert.encoder.layer.1.attention.self.query.bias";
  fails(
    change(tensors => tensors.delete(query)),
    "E_FOREIGN_TENSOR",
    /layer\.1\.attention\.self\.query\.bias is missing/,
  );
  fails(
    change(tensors => tensors.set(query, { name: query, shape: [2, 8], read: () => new Float32Array(16) })),
    "E_FOREIGN_TENSOR",
    /query\.bias has shape \[2, 8\] instead of \[16\]/,
  );
  fails(
    change(tensors =>
      tensors.set("adapter.bias", { name: "adapter.bias", shape: [2], read: () => new Float32Array(2) }),
    ),
    "E_FOREIGN_TENSOR",
    /1 tensor that our model has no place for: adapter\.bias/,
  );
  const decoder = "cls.predictions.decoder.weight";
  const shape = [40, 16];
  fails(
    change(tensors => tensors.set(decoder, { name: decoder, shape, read: () => new Float32Array(640) })),
    "E_FOREIGN_TENSOR",
    /decoder\.weight is not bert\.embeddings/,
  );
  // Saved under both names, or under the second alone, it is one tensor.
  const copy = (tensors: ReturnType<typeof readSafetensors>) =>
    tensors.set(decoder, { ...tensors.get(word)!, name: decoder });
  assert.equal(change(copy)().parameters.length, listParameters(openForeignModel(path).shape).length);
  const moved = change(tensors => copy(tensors) && tensors.delete(word));
  assert.equal(moved().parameters[0]!.name, "embedding.word");
});

test("the names of the oldest checkpoints, and of wrapped models, are understood", () => {
  const path = writeModel("bert");
  const file = join(path, "model.safetensors");
  const old = (name: string) =>
    `module._orig_mod.${name.replace(/LayerNorm\.weight$/, "LayerNorm.gamma").replace(/LayerNorm\.bias$/, "LayerNorm.beta")}`;
  const expected = openForeignModel(path).parameters.map(({ name, read }) => [name, [...read()]]);
  const tensors = [...readSafetensors(file).values()].map(({ name, shape, read }) => {
    const values = read();
    return { name: old(name), shape, read: () => values };
  });
  writeSafetensors(file, tensors);
  assert.deepEqual(
    openForeignModel(path).parameters.map(({ name, read }) => [name, [...read()]]),
    expected,
  );
});

test("weights that are only pickled, or not there, are told apart", () => {
  const path = writeModel("roberta");
  rmSync(join(path, "model.safetensors"));
  fails(() => openForeignModel(path), "E_FILE_MISSING", /model\.safetensors: no weights/);
  writeFileSync(join(path, "pytorch_model.bin"), "");
  fails(() => openForeignModel(path), "E_FOREIGN_TENSOR", /pytorch_model\.bin: a pickle/);
});

test("halves are read as they are, and integers only listed", () => {
  const golden = readGolden<{ tensors: string; halves: number[]; brains: number[] }>("halves");
  const file = join(folder, "halves.safetensors");
  writeFileSync(file, Buffer.from(golden.tensors, "base64"));
  const tensors = readSafetensors(file);
  assert.deepEqual([...tensors.get("halves")!.read()], golden.halves);
  assert.deepEqual([...tensors.get("brains")!.read()], golden.brains);
  assert.deepEqual(tensors.get("ids")!.shape, [3]);
  fails(() => tensors.get("ids")!.read(), "E_CHECKPOINT_TENSOR", /ids has type I64/);
});
