// Every way a run on disk can be damaged, and every reader of runs: none takes a damaged file, each names it, and says which
// other checkpoint is whole; what is said to work works.

import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { UserError } from "../../src/base/errors.ts";
import type { Counters } from "../../src/checkpoint/checkpoint-file.ts";
import { writeSafetensors } from "../../src/checkpoint/safetensors.ts";
import {
  checkpointFolder,
  listCheckpoints,
  loadCheckpoint,
  readCounters,
  saveCheckpoint,
  setAsideLaterCheckpoints,
} from "../../src/checkpoint/state.ts";
import { readRunFacts } from "../../src/export/run-facts.ts";
import { listParameters } from "../../src/model/parameters.ts";
import { openPretrainedModel } from "../../src/pretrained/pretrained-model.ts";
import { readRunRecipe } from "../../src/train/run-folder.ts";
import { exportRun } from "../../src/verbs/export/export-run.ts";
import { writeTinyRun } from "../tiny-run.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-damage-"));
after(() => rmSync(folder, { recursive: true }));
const whole = join(folder, "whole");
const words = ["the", "cat", "sat", "on", "a", "mat"];

const shapesOf = (run: string) =>
  new Map(listParameters(readRunRecipe(run).model).map(({ name, shape }) => [name, shape] as const));
const zeros = (length: number) => ({ name: "first.a", shape: [length], read: () => new Float32Array(length) });

/** Two checkpoints, of step 10 and 20, each with moments. */
before(async () => {
  await writeTinyRun(whole, words);
  const shapes = shapesOf(whole);
  const { parameters } = loadCheckpoint(whole, { parameters: shapes, moments: new Map() });
  const held = parameters.map(tensor => ({ ...tensor, values: tensor.read() }));
  const state = {
    parameters: held.map(({ values, ...tensor }) => ({ ...tensor, read: () => values })),
    moments: [zeros(4)],
  };
  const { step: _, ...counters } = pickCounters(whole);
  for (const step of [10, 20]) await saveCheckpoint(whole, { counters: { ...counters, step }, ...state });
});

function pickCounters(run: string): Counters {
  const { step, sequences, elapsedSeconds, seed, recipeHash, datasetHash, tokenizerHash } = readCounters(run);
  return { step, sequences, elapsedSeconds, seed, recipeHash, datasetHash, tokenizerHash: tokenizerHash! };
}

const change = (edit: (bytes: Buffer) => Buffer) => (path: string) => writeFileSync(path, edit(readFileSync(path)));
const headerEnd = (bytes: Buffer) => 8 + Number(bytes.readBigUInt64LE());

/** What a disk, a crash or a hand does to a file. */
const anyFile: Readonly<Record<string, (path: string) => void>> = {
  removed: path => rmSync(path),
  empty: change(() => Buffer.alloc(0)),
  "cut by half": change(bytes => bytes.subarray(0, bytes.length >> 1)),
  "with one byte more": change(bytes => Buffer.concat([bytes, Buffer.from("x")])),
  "all zeros": change(bytes => Buffer.alloc(bytes.length)),
  "with zeros in its second half": change(bytes =>
    Buffer.concat([bytes.subarray(0, bytes.length >> 1), Buffer.alloc((bytes.length + 1) >> 1)]),
  ),
  "with one bit flipped": change(bytes => {
    const at = Math.floor(bytes.length * 0.6);
    bytes[at] = bytes[at]! ^ 1;
    return bytes;
  }),
};

const ofTensors: Readonly<Record<string, (path: string) => void>> = {
  ...anyFile,
  "with a value that is no number": change(bytes => {
    bytes.writeFloatLE(Number.NaN, bytes.length - 4);
    return bytes;
  }),
  "with two values exchanged": change(bytes => {
    const [start, end] = [headerEnd(bytes), bytes.length - 4];
    const [first, last] = [bytes.readFloatLE(start), bytes.readFloatLE(end)];
    bytes.writeFloatLE(last, start);
    // Of moments both are zero.
    bytes.writeFloatLE(first === last ? first + 1 : first, end);
    return bytes;
  }),
};

const ofCheckpointJson: Readonly<Record<string, (path: string) => void>> = {
  ...Object.fromEntries(Object.entries(anyFile).filter(([name]) => name !== "removed")),
  "with another count of sequences": change(bytes =>
    Buffer.from(bytes.toString().replace(/"sequences": \d+/, '"sequences": 7')),
  ),
  "of another step": change(bytes => Buffer.from(bytes.toString().replace('"step": 20', '"step": 10'))),
  "that is a list": change(() => Buffer.from("[]")),
};

/** Who reads a run, but for its moments. */
const readers: Readonly<Record<string, (path: string) => unknown>> = {
  "fill, evaluate, embed and --init-from": path => openPretrainedModel(path),
  export: path => exportRun(path, { out: join(folder, "out"), formats: ["huggingface"] }),
  "the model card": path => readRunFacts(path),
};
const resume = (run: string, fromStep?: number) =>
  loadCheckpoint(
    run,
    { parameters: shapesOf(run), moments: new Map([["first.a", { shape: [4], dtype: "f32" }]]) },
    fromStep,
  );

async function refuse(read: () => unknown, codes: readonly string[], named: string): Promise<UserError> {
  let seen: unknown;
  await assert.rejects(
    async () => read(),
    (error: unknown) => {
      seen = error;
      return true;
    },
  );
  assert.ok(seen instanceof UserError, String((seen as Error).stack));
  assert.ok(codes.includes(seen.code), `${seen.code}: ${seen.message}`);
  assert.ok(seen.message.includes(named) && seen.message.length < 500, seen.message);
  return seen;
}

let copies = 0;
function copyRun(): string {
  const run = join(folder, `run-${copies++}`);
  cpSync(whole, run, { recursive: true });
  return run;
}

const damages = [
  ...Object.entries(ofTensors).map(entry => ["parameters.safetensors", ...entry] as const),
  ...Object.entries(ofTensors).map(entry => ["optimizer.safetensors", ...entry] as const),
  ...Object.entries(ofCheckpointJson).map(entry => ["checkpoint.json", ...entry] as const),
];

for (const [file, what, damage] of damages) {
  test(`${file} ${what}: no reader takes it, the older checkpoint is offered, and opens`, async () => {
    const run = copyRun();
    damage(join(checkpointFolder(run, 20), file));
    const codes = ["E_CHECKPOINT_DAMAGED"];
    const error = await refuse(() => resume(run), codes, file);
    assert.match(error.advice, /--resume \S+ --from-step 10 /);
    for (const [name, read] of Object.entries(readers)) {
      const readsIt = file === "checkpoint.json" || (file === "parameters.safetensors" && name !== "the model card");
      if (readsIt) assert.match((await refuse(() => read(run), codes, file)).advice, /step-00000010/, name);
    }
    assert.equal(resume(run, 10).counters.step, 10);
    const older = await openPretrainedModel(checkpointFolder(run, 10));
    assert.ok(older.parameters.every(tensor => tensor.read().length > 0));
  });
}

for (const [what, file, edit, code] of [
  [
    "a recipe with more heads",
    "recipe.json",
    (text: string) => text.replace('"heads":2', '"heads":4'),
    "E_RESUME_RECIPE",
  ],
  [
    "a tokenizer with two tokens exchanged",
    "tokenizer.json",
    (text: string) => text.replace('"cat"', '"#"').replace('"sat"', '"cat"').replace('"#"', '"sat"'),
    "E_TOKENIZER_OTHER",
  ],
] as const) {
  test(`${what}: no reader takes it`, async () => {
    const run = copyRun();
    const path = join(run, file);
    const changed = edit(readFileSync(path, "utf8"));
    assert.notEqual(changed, readFileSync(path, "utf8"));
    writeFileSync(path, changed);
    for (const [name, read] of Object.entries(readers)) {
      if (name !== "the model card") await refuse(() => read(run), [code], run);
    }
    if (file === "tokenizer.json") await refuse(() => resume(run), [code], run);
  });
}

test("both checkpoints damaged: said so, and nothing is offered", async () => {
  const run = copyRun();
  for (const step of [10, 20]) anyFile.empty!(join(checkpointFolder(run, step), "parameters.safetensors"));
  assert.match((await refuse(() => resume(run), ["E_CHECKPOINT_DAMAGED"], run)).advice, /^No other checkpoint/);
});

test("a checkpoint of an earlier version opens with a note, and not where a value is no number", async () => {
  const run = copyRun();
  const { tokenizerHash: _, ...counters } = pickCounters(run);
  const place = checkpointFolder(run, 20);
  writeFileSync(join(place, "checkpoint.json"), JSON.stringify({ version: 1, ...counters }));
  const { notes } = await openPretrainedModel(run);
  assert.match(notes.join(), /earlier version, without hashes/);
  ofTensors["with a value that is no number"]!(join(place, "parameters.safetensors"));
  const { advice } = await refuse(() => openPretrainedModel(run), ["E_NOT_FINITE"], "parameters.safetensors");
  assert.match(advice, /step 10 is whole/);
});

test("a state with a value that is no number is not saved, and what stood there stays", async () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    const run = copyRun();
    const bad = { name: "first.a", shape: [4], read: () => Float32Array.of(0, value, 0, 0) };
    const counters = { ...pickCounters(run), step: 30 };
    await refuse(() => saveCheckpoint(run, { counters, parameters: [], moments: [bad] }), ["E_NOT_FINITE"], "first.a");
    assert.deepEqual(readdirSync(join(run, "checkpoints")), ["step-00000010", "step-00000020"]);
    assert.equal(resume(run).counters.step, 20);
  }
});

test("a checkpoint of the same step stands until the new one is whole", async () => {
  const run = copyRun();
  const { parameters } = resume(run);
  const fails = {
    name: "first.a",
    shape: [4],
    read: (): Float32Array => {
      throw new Error("cut off");
    },
  };
  await assert.rejects(
    () => saveCheckpoint(run, { counters: pickCounters(run), parameters, moments: [fails] }),
    /cut off/,
  );
  assert.equal(resume(run).counters.step, 20);
});

test("going back: later checkpoints count no more, and go when the next one is saved", async () => {
  const run = copyRun();
  const { counters: _, ...state } = resume(run, 10);
  setAsideLaterCheckpoints(run, 10);
  assert.deepEqual(listCheckpoints(run), [10]);
  assert.ok(existsSync(`${checkpointFolder(run, 20)}.replaced`));
  await saveCheckpoint(run, { ...state, counters: { ...pickCounters(run), step: 15 } });
  assert.deepEqual(readdirSync(join(run, "checkpoints")), ["step-00000010", "step-00000015"]);
});

test("a file of not-a-numbers is not written", () => {
  const path = join(folder, "nan.safetensors");
  const tensor = { name: "a", shape: [1], read: () => Float32Array.of(Number.NaN) };
  assert.throws(() => writeSafetensors(path, [tensor]), { code: "E_NOT_FINITE" });
  assert.equal(existsSync(path), false);
});
