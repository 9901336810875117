// ELECTRA as transformers saves it (scripts/make-electra.py): read, it has transformers' hidden states and logits; written back, every
// tensor is what transformers saved, under the class that it was.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { placeParameters } from "../../src/backends/placed-parameters.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { readSafetensors } from "../../src/checkpoint/safetensors.ts";
import { exportToHuggingFace } from "../../src/export/hugging-face/hugging-face-export.ts";
import { gather, input, state } from "../../src/graph/operations.ts";
import { encode } from "../../src/model/encoder.ts";
import { decodeRows, detectReplaced } from "../../src/model/heads.ts";
import { declareEncoderInputs, makeTables } from "../../src/model/inputs.ts";
import type { ForeignModel } from "../../src/pretrained/foreign/foreign-model.ts";
import { openForeignModel } from "../../src/pretrained/foreign/open-foreign-model.ts";

interface Golden {
  readonly tokens: readonly number[];
  readonly lengths: readonly number[];
  readonly models: readonly {
    readonly config: Readonly<Record<string, unknown>>;
    /** A safetensors file in base64. */
    readonly tensors: string;
    /** Of every real token; logits of an encoder alone are none. */
    readonly hidden: readonly number[];
    readonly logits: readonly number[];
  }[];
}

// Compiled tests run from dist/test; the golden files stay where they are.
const path = new URL("../../../test/golden/expected/electra.json", import.meta.url);
const golden = JSON.parse(readFileSync(path, "utf8")) as Golden;

/** Hidden states and logits of every real token. */
async function compute({ shape, parameters, discriminator = [], predictsTokens }: ForeignModel) {
  const { tokens, lengths } = golden;
  const length = tokens.length / lengths.length;
  const real = lengths.flatMap((count, sequence) => Array.from({ length: count }, (_, i) => sequence * length + i));
  const backend = openReference();
  const all = [...parameters, ...discriminator];
  const states = placeParameters(backend, all);
  const tensors = new Map(all.map(({ name, shape: size }) => [name, state(name, size)] as const));
  const positions = input("positions", [real.length], "i32");
  const whole = encode(declareEncoderInputs(shape, lengths.length, length, "padded"), tensors, shape);
  const hidden = gather(whole, positions);
  const logits = predictsTokens ? decodeRows(hidden, tensors, shape) : undefined;
  const detected = discriminator.length > 0 ? detectReplaced(hidden, tensors) : undefined;
  const outputs = { hidden, ...((logits ?? detected) && { logits: (logits ?? detected)! }) };
  const graph = await backend.load({ outputs, updates: {} }, states);
  const given = {
    ...{ tokens: Int32Array.from(tokens), lengths: Int32Array.from(lengths), positions: Int32Array.from(real) },
    ...{ segments: new Int32Array(tokens.length), ...makeTables(shape, length) },
  };
  return graph.run(given);
}

for (const { config, tensors, hidden, logits } of golden.models) {
  const [name] = config.architectures as [string];
  test(`${name} is read as transformers runs it, and written as transformers saved it`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "cram-golden-electra-"));
    try {
      const file = join(folder, "model.safetensors");
      writeFileSync(join(folder, "config.json"), JSON.stringify(config));
      writeFileSync(file, Buffer.from(tensors, "base64"));
      const model = openForeignModel(folder);
      const outputs = await compute(model);
      for (const [got = [], expected] of [
        [outputs.hidden, hidden],
        [outputs.logits, logits],
      ] as const) {
        assert.equal(got.length, expected.length);
        for (const [i, value] of expected.entries()) assert.ok(Math.abs(got[i]! - value) < 1e-5, `${got[i]} ${value}`);
      }
      const specials = { pad: 0, unknown: 3, classify: 4, separator: 5, mask: 6 };
      const exported = exportToHuggingFace(model.shape, model.parameters, specials, model.discriminator);
      assert.ok(!("obstacle" in exported), JSON.stringify(exported));
      assert.equal(exported.className, name);
      for (const [key, value] of Object.entries(config)) {
        if (key in exported.config) assert.deepEqual(exported.config[key], value, key);
      }
      const saved = readSafetensors(file);
      assert.deepEqual(exported.tensors.map(each => each.name).sort(), [...saved.keys()].sort());
      for (const { name: tensor, shape, read } of exported.tensors) {
        assert.deepEqual([shape, read()], [saved.get(tensor)!.shape, saved.get(tensor)!.read()], tensor);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
