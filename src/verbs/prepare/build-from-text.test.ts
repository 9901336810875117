// Whatever becomes of the files that a prepare left to go on from, what is made of them is the same: a damaged one is made again.

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { systemClock } from "../../base/clock.ts";
import { listPortions } from "../../corpus/portions/portion.ts";
import { listShards } from "../../corpus/sources/sources.ts";
import { readTokenizer } from "../../tokenizer/read-tokenizer.ts";
import { buildFromText, type OnStage, readText } from "./build-from-text.ts";
import type { DatasetOptions } from "./dataset-options.ts";

const root = mkdtempSync(join(tmpdir(), "cram-work-"));
after(() => rmSync(root, { recursive: true }));

const animals = ["fox", "owl", "hen", "cat", "dog", "bee"];
const lines = Array.from({ length: 60 }, (_, i) => ({
  text: `the ${animals[i % 6]} sleeps by the ${i * i} dens, ${i}`,
}));
// The second of two that are nearly the same goes.
const long = lines.map(({ text }) => text).join(" ");
lines.splice(20, 0, { text: long }, { text: `${long} again` });
writeFileSync(join(root, "text.jsonl"), lines.map(line => JSON.stringify(line)).join("\n"));
const shards = await listShards([join(root, "text.jsonl")]);
const options: DatasetOptions = {
  ...{ nameRecipe: () => "quickstart", vocabulary: 80, sequenceLength: 16, textField: "text", holdOut: 0.2, seed: 0 },
  ...{ normaliser: "ascii-fold", tokenizerKind: "wordpiece", preTokenizer: "whitespace" },
  ...{ maxTokensPerCharacter: 4, nearDuplicates: 0.9, threads: 1, memoryBytes: 2 ** 26 },
  packing: { name: "concatenate", classify: false, separator: true },
};

const list = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .sort()
    .filter(name => statSync(join(folder, name)).isFile());
const snapshot = (folder: string) => list(folder).map(name => [name, readFileSync(join(folder, name), "latin1")]);

/** Makes a dataset of what is finished in a work folder. */
async function build(work: string, given = options, onStage: OnStage = () => {}) {
  const folder = mkdtempSync(join(root, "data-"));
  const summaries = await readText(work, shards, listPortions(shards), given, [], onStage);
  const { documents } = await buildFromText(folder, work, shards, summaries, "origin", given, [], onStage, []);
  return { folder, documents, summaries, snapshot: snapshot(folder) };
}

const work = mkdtempSync(join(root, "work-"));
const whole = await build(work);

const damages: Readonly<Record<string, (bytes: Buffer) => Uint8Array>> = {
  "a bit of it flipped": bytes => {
    bytes[bytes.length >> 1]! ^= 1;
    return bytes;
  },
  "cut in half": bytes => bytes.subarray(0, bytes.length >> 1),
  zeros: bytes => Buffer.alloc(bytes.length),
};

test("what is finished is gone on from, and each file of it that was damaged is made again", async () => {
  const files = list(work);
  for (const name of ["portion-000000.json", "filter.json", "tokenizer.json", "loss.json", "documents/manifest.json"]) {
    assert.ok(files.includes(name), name);
  }
  assert.ok(files.some(name => name.startsWith("ids-00000")) && files.includes("documents/documents-00000.jsonl"));
  const times = (folder: string) => files.map(name => statSync(join(folder, name)).mtimeMs);
  const before = times(work);
  assert.deepEqual((await build(work)).snapshot, whole.snapshot);
  assert.deepEqual(times(work), before, "nothing that is whole is made again");
  for (const [i, name] of files.entries()) {
    // A flipped bit is the hardest to see; of the others each file has one.
    for (const [damage, change] of Object.entries(damages).filter((_, kind) => kind === 0 || kind === 1 + (i % 2))) {
      const damaged = mkdtempSync(join(root, "damaged-"));
      cpSync(work, damaged, { recursive: true });
      writeFileSync(join(damaged, name), change(readFileSync(join(work, name))));
      const made = await build(damaged);
      assert.deepEqual(made, { ...whole, folder: made.folder }, `${name}: ${damage}`);
      rmSync(made.folder, { recursive: true });
      rmSync(damaged, { recursive: true });
    }
  }
});

test("every stage tells how much of something it has done, by a clock of its own", async () => {
  const told: { stage: string; unit?: string | undefined; elapsed: number; at: number }[] = [];
  await build(
    mkdtempSync(join(root, "told-")),
    { ...options, repeatedBytes: 40 },
    ({ stage, unit, elapsedSeconds }) => {
      const at = systemClock.seconds();
      told.push({ stage, unit, elapsed: elapsedSeconds, at });
      // What comes behind takes longer than the clock is wide.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    },
  );
  const stages = [...new Set(told.map(({ stage }) => stage))];
  const expected = ["learning for the filter", "reading", "near duplicates", "repeated stretches", "writing documents"];
  assert.deepEqual(stages.slice(0, 5), expected);
  for (const [i, { stage, unit, elapsed, at }] of told.entries()) {
    assert.notEqual(unit, undefined, stage);
    const before = told[i - 1];
    if (before !== undefined && before.stage !== stage) assert.ok(elapsed <= at - before.at, `${stage} ${elapsed}`);
  }
});

test("documents that are encoded where they are read give what encoding them afterwards gives, damaged or not", async () => {
  const given = { ...options, tokenizer: readTokenizer(join(whole.folder, "tokenizer.json")) };
  const work = mkdtempSync(join(root, "given-"));
  assert.deepEqual((await build(work, given)).snapshot, whole.snapshot);
  const kept = list(work).filter(name => /encodings$|chosen$|^ids-/.test(name));
  assert.deepEqual(kept, ["documents.chosen", "portion-000000.encodings"]);
  for (const name of [...kept, "loss.json"]) {
    const damaged = mkdtempSync(join(root, "damaged-"));
    cpSync(work, damaged, { recursive: true });
    writeFileSync(join(damaged, name), damages.zeros!(readFileSync(join(work, name))));
    assert.deepEqual((await build(damaged, given)).snapshot, whole.snapshot, name);
  }
});
