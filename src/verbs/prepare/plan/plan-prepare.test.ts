// A plan is near what is made then, and launchers print what their schedulers take.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { type IJob, Job } from "kubernetes-models/batch/v1/Job";
import { parse } from "yaml";
import { systemClock } from "../../../base/clock.ts";
import { RandomSequence, streams } from "../../../base/random.ts";
import { listShards } from "../../../corpus/sources/sources.ts";
import type { DatasetOptions } from "../dataset-options.ts";
import { planPrepare, prepare } from "../prepare.ts";
import { estimateTotal } from "./estimate.ts";
import { renderLaunch } from "./launchers.ts";
import { readSample } from "./read-sample.ts";

const root = mkdtempSync(join(tmpdir(), "cram-plan-"));
after(() => rmSync(root, { recursive: true }));

test("a plan writes nothing, and expects what is made then", async () => {
  const random = new RandomSequence(2, streams.sampling, 0);
  const words = Array.from({ length: 400 }, (_, i) => `${"bcdfglmnprst"[i % 12]}${"aeiou"[i % 5]}${"lmnrst"[i % 6]}`);
  const draw = (count: number) => Array.from({ length: count }, () => words[random.below(words.length)]).join(" ");
  const texts = join(root, "texts");
  mkdirSync(texts);
  for (let file = 0; file < 3; file++) {
    const lines = Array.from({ length: 80 }, (_, i) => JSON.stringify({ text: draw(i % 4 === 0 ? 5 : 100) }));
    writeFileSync(join(texts, `${file}.jsonl.gz`), gzipSync(lines.join("\n")));
  }
  const options = { texts: [texts], out: join(root, "data"), vocabulary: 200, sequenceLength: 16, threads: 1 };
  const plan = await planPrepare({ ...options, filters: ["length:least=50"], repeatedBytes: 100 });
  assert.ok(!existsSync(options.out));
  assert.deepEqual([plan.shards, plan.portions, plan.documents, plan.sample.isAll], [3, 1, 240, true]);
  const made = await prepare({ ...options, filters: ["length:least=50"] });
  const { funnel } = made.documents!;
  assert.ok(Math.abs(plan.keptShare - funnel.kept.characters / funnel.read.characters) < 1e-9);
  assert.ok(Math.abs(plan.tokens / (made.manifest.text!.tokens + funnel.kept.documents) - 1) < 0.03);
  assert.ok(plan.stages.some(({ stage }) => stage === "repeated stretches"));
  assert.ok(plan.seconds > 0 && plan.disk.freeBytes > 0 && plan.disk.peakBytes > plan.disk.datasetBytes / 2);
});

test("a total is told from parts with an interval that holds it nineteen times of twenty", () => {
  const random = new RandomSequence(3, streams.sampling, 0);
  let held = 0;
  for (let run = 0; run < 1000; run++) {
    const parts = Array.from({ length: 100 }, () => {
      const bytes = 50 + random.below(100);
      return { bytes, amount: Math.round(bytes * (0.5 + random.uniform())) };
    });
    const sum = (key: "bytes" | "amount") => parts.reduce((total, part) => total + part[key], 0);
    const { expected, low, high } = estimateTotal(parts.slice(0, 10), sum("bytes"));
    assert.ok(low! < expected && expected < high!);
    if (low! <= sum("amount") && sum("amount") <= high!) held++;
  }
  assert.ok(held > 920 && held < 975, String(held));
  assert.deepEqual(estimateTotal([{ bytes: 10, amount: 4 }], 20), { expected: 8 });
  assert.deepEqual(estimateTotal([{ bytes: 10, amount: 4 }], 10), { expected: 4, low: 4, high: 4 });
});

test("of a large file the pieces that were read tell the rest, packed or not", async () => {
  const random = new RandomSequence(4, streams.sampling, 0);
  const letters = Buffer.from(Array.from({ length: 2 ** 19 }, () => 35 + random.below(57))).toString();
  const lines = Array.from({ length: 9000 }, () => {
    const from = random.below(2 ** 19 - 2000);
    return JSON.stringify({ text: letters.slice(from, from + 100 + random.below(1800)) });
  });
  const content = `${lines.join("\n")}\n`;
  for (const [name, bytes] of [
    ["one.jsonl", content],
    ["one.jsonl.gz", gzipSync(content, { level: 1 })],
  ] as const) {
    const path = join(root, name);
    writeFileSync(path, bytes);
    const [shards, options] = [await listShards([path]), { textField: "text", strict: true }];
    const sample = await readSample(shards, options as DatasetOptions, systemClock, 2 ** 22);
    const parts = sample.parts.map(({ bytes, documents }) => ({ bytes, amount: documents }));
    const { expected, low, high } = estimateTotal(parts, shards[0]!.bytes);
    assert.ok(!sample.isAll && sample.documents < 6000 && Math.abs(expected / 9000 - 1) < 0.05, `${name} ${expected}`);
    assert.ok(low! < 9000 && high! > 9000 && high! < 10_500, `${name} ${low} ${high}`);
  }
});

const launch = { words: ["my texts/", "--out", "data"], machines: 4, threads: 2, memoryBytes: 2 ** 31 };

test("the script of an array does each task's share, and joins when it is told to", {
  skip: process.platform === "win32",
}, () => {
  const script = join(root, "prepare.sh");
  writeFileSync(script, renderLaunch("slurm", launch));
  writeFileSync(join(root, "srun"), '#!/bin/sh\nshift 2; exec "$@"\n', { mode: 0o755 });
  writeFileSync(join(root, "cram"), '#!/bin/sh\nfor word in "$@"; do echo "$word"; done\n', { mode: 0o755 });
  const run = (task: string, ...words: string[]) =>
    spawnSync("bash", [script, ...words], {
      env: { PATH: `${root}:${process.env.PATH}`, SLURM_ARRAY_TASK_ID: task },
      encoding: "utf8",
    }).stdout.trim();
  assert.equal(run("3"), "prepare\nmy texts/\n--out\ndata\n--shard\n3/4");
  assert.equal(run("1", "join"), "prepare\nmy texts/\n--out\ndata\n--merge");
});

test("the manifest is an indexed Job by the schema of Kubernetes, whose containers know their number", () => {
  const text = renderLaunch("kubernetes", { ...launch, image: "cram:1", claim: "data" });
  const manifest = parse(text) as IJob;
  new Job(manifest).validate();
  assert.throws(() => new Job(parse(text.replace("completions: 4", "completions: four")) as IJob).validate());
  const { completionMode, completions, parallelism, template } = manifest.spec!;
  assert.deepEqual([completionMode, completions], ["Indexed", 4]);
  // A Job may only restart in these ways, and an index is whole when each of its completions is.
  assert.ok(["OnFailure", "Never"].includes(template.spec!.restartPolicy!) && parallelism! <= completions!);
  // $$ is what Kubernetes makes a $ of.
  const [shell, ...words] = template.spec!.containers[0]!.command!.map(word => word.replaceAll("$$", "$"));
  const { stdout } = spawnSync(shell!, words, {
    env: { PATH: `${root}:${process.env.PATH}`, JOB_COMPLETION_INDEX: "0" },
    encoding: "utf8",
  });
  assert.equal(stdout.trim(), "prepare\nmy texts/\n--out\ndata\n--shard\n1/4");
  assert.ok(!text.includes("&a1"), "every reader of YAML takes it");
  assert.throws(() => renderLaunch("kubernetes", launch), { code: "E_OPTION" });
  assert.throws(() => renderLaunch("slurm", { ...launch, image: "x" }), { code: "E_OPTION" });
});
