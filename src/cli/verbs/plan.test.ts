// cram plan as a person uses it; no device is measured here but in src/verbs/plan.test.ts.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startWarmProgram } from "../../../test/warm-program.ts";

const program = startWarmProgram(process.cwd());
after(() => program.close());
const cram = (...words: string[]) => program.run("plan", ...words);

const small = ["--recipe", "crammed-bert-small", "--device", "h200", "--set", "train.microBatchSequences=128"];

test("every figure has its source, what is not known is said, and the next command has the same words", async () => {
  const { status, stdout, stderr } = await cram(...small, "--budget", "10m");
  assert.equal(status, 0, stderr);
  assert.match(stdout, /crammed-bert-small for 10m on NVIDIA H200/);
  assert.match(stdout, /not measured now: 40 % .*crammed-bert on one: 653,000 tokens\/s/);
  assert.match(stdout, /loss +not predicted: cram scale fits a law, and --law reads it/);
  assert.match(stdout, /shared +with --shard-optimizer a rank has moments of .*, 17 MB of 8 ranks/);
  // 700 W for ten minutes.
  assert.match(stdout, /energy +0\.117 kWh at 700 W/);
  const words = "--recipe crammed-bert-small --set train.microBatchSequences=128 --budget 10m --data DATA";
  assert.ok(stdout.includes(`next: cram pretrain ${words}`), stdout);
});

test("a budget without a step says so, and counts no arithmetic", async () => {
  const words = ["--recipe", "crammed-bert", "--device", "h200", "--set", "train.microBatchSequences=512"];
  const { stdout, stderr } = await cram(...words, "--budget", "0.1s");
  assert.match(stdout, /arithmetic +603\.4 MFLOP a token\n/, stderr);
  assert.match(stdout, /only 0 steps fit/);
});

test("--json is one object with the same figures", async () => {
  const { stdout } = await cram(...small, "--budget", "100steps", "--json");
  const { parameters, course, warnings, device, sharedMoments } = JSON.parse(stdout);
  // Embedding 8192 · 256 and a scale; 2 · 256 for each of ten norms; four layers of 4 · 256² + 256 · 1024 + 512 · 256.
  assert.equal(parameters, 8192 * 256 + 1 + 10 * 512 + 4 * (4 * 256 ** 2 + 256 * 1024 + 512 * 256));
  // Of eight ranks one has the embedding and nothing else, with two moments in f32.
  assert.deepEqual(sharedMoments.at(-1), { ranks: 8, bytes: 8 * 8192 * 256 });
  assert.equal(course.steps, 100);
  assert.equal(device.watts, 700);
  assert.match(warnings.join("\n"), /only 100 steps/);
});

test("--schedule draws the rate and the batch, says the same in JSON, and refuses what it does not read", async () => {
  const { status, stdout, stderr } = await cram("--recipe", "crammed-bert", "--schedule");
  assert.equal(status, 0, stderr);
  assert.match(stdout, /crammed-bert: budget-triangle2\n +share of learningRate 0.001\n +1 │/);
  assert.match(stdout, /8192 │/);
  const flat = await cram(
    "--recipe",
    "quickstart",
    "--schedule",
    "--set",
    "schedule.learningRate=warmup-stable-decay",
    "--json",
  );
  const { peakRates, points } = JSON.parse(flat.stdout);
  assert.deepEqual(peakRates, { learningRate: 9e-3, muonLearningRate: 0.02 });
  const at = (progress: number) =>
    points.find((point: { progress: number }) => Math.abs(point.progress - progress) < 1e-9);
  assert.deepEqual(
    [at(0), at(0.5), at(1)],
    [
      { progress: 0, rateScale: 0, batchSequences: 16, values: {} },
      { progress: 0.5, rateScale: 1, batchSequences: 16, values: {} },
      { progress: 1, rateScale: 0, batchSequences: 16, values: {} },
    ],
  );
  assert.match((await cram("--schedule", "--device", "h200")).stderr, /--schedule.*--device/);
});

test("a device that is not known is refused with those that are", async () => {
  const { status, stderr } = await cram("--device", "h2000");
  assert.equal(status, 1);
  assert.match(stderr, /h2000[\s\S]*this, h200, a6000, rtx3090/);
});
