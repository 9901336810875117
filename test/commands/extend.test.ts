// A budget that is extended on purpose: the run goes on where it ended, under the schedule of the whole, and to the same bits
// whatever interrupts it then.

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { StepEvent } from "../../src/events/event.ts";
import { readEvents } from "../../src/events/event-reader.ts";
import { rateAt } from "../../src/optim/schedule.ts";
import { prepare } from "../../src/verbs/prepare/prepare.ts";
import { pretrain } from "../../src/verbs/pretrain/pretrain.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-extend-"));
after(() => rmSync(folder, { recursive: true }));
const data = join(folder, "data");
const finished = join(folder, "finished");
const model = ["width=16", "layers=1", "heads=2", "feedForward=32", "sequenceLength=16", "vocabulary=84"];
const set = [
  ...model.map(pair => `model.${pair}`),
  ...["schedule.batchSequences=4", "train.microBatchSequences=4", "train.checkpointEverySeconds=1000"],
  ...["schedule.learningRate=budget-triangle2", "schedule.warmup=null", "optimizer.learningRate=0.003"],
];
const device = { backend: "cpu", threads: 2 } as const;

before(async () => {
  const text = join(folder, "texts.jsonl");
  const line = (i: number) =>
    JSON.stringify({ text: `${i} old boats sleep near the river wall and a green frog sings` });
  writeFileSync(text, Array.from({ length: 60 }, (_, i) => `${line(i)}\n`).join(""));
  await prepare({ texts: [text], out: data, vocabulary: 84, sequenceLength: 16, holdOut: 0.2 });
  await pretrain({ data, out: finished, recipe: "quickstart", set, budget: "8steps", ...device });
});

const copyRun = (name: string) => {
  const run = join(folder, name);
  cpSync(finished, run, { recursive: true });
  return run;
};
const parametersAt = (run: string, step: string) =>
  readFileSync(join(run, `checkpoints/step-000000${step}/parameters.safetensors`));
const stepsOf = (run: string) =>
  readEvents(join(run, "events.jsonl")).filter((event): event is StepEvent => event.kind === "step");

test("a finished run goes on to the new end, at the rates of the whole", async () => {
  const run = copyRun("whole");
  const { steps, reason } = await pretrain({ resume: run, extend: "8steps", ...device });
  assert.deepEqual([steps, reason], [16, "budget"]);
  const [ninth] = stepsOf(run).filter(({ step }) => step === 9);
  // Eight of sixteen steps are done before it, and the peak rate is 3e-3.
  assert.ok(Math.abs(ninth!.learningRate - 3e-3 * rateAt(0.5, { learningRate: "budget-triangle2" })) < 1e-12);
  const starts = readEvents(join(run, "events.jsonl")).filter(event => event.kind === "start");
  assert.deepEqual(
    starts.map(({ budget }) => budget),
    [undefined, "16steps"],
  );
});

test("who resumes a run that has nothing to go on from, or nothing left, is told", async () => {
  const run = copyRun("told");
  const warnings: string[] = [];
  const resume = () => pretrain({ resume: run, ...device, onWarning: text => warnings.push(text) });
  assert.equal((await resume()).steps, 8);
  assert.match(warnings.join(), /^\S+told has spent its budget of 8steps: --extend gives it more$/);
  warnings.length = 0;
  rmSync(join(run, "checkpoints"), { recursive: true });
  assert.equal((await resume()).steps, 8);
  assert.match(warnings.join(), /^\S+told has no checkpoint: it begins at step 0 again \(one is written every 1000 s/);
  assert.deepEqual(parametersAt(run, "08"), parametersAt(finished, "08"));
});

test("a run whose micro-batch makes its batch another one says so, once", async () => {
  const run = join(folder, "rounded");
  const warnings: string[] = [];
  const onWarning = (text: string) => void warnings.push(text);
  const settings = { data, recipe: "quickstart", set, ...device, onWarning };
  await pretrain({ ...settings, out: run, microBatch: 6, budget: "1steps" });
  const told = /a batch of 4 is no whole number of micro-batches of 6: 6 sequences are read instead/;
  assert.match(warnings.join("\n"), told);
  assert.equal(stepsOf(run)[0]!.batchSequences, 6);
  warnings.length = 0;
  await pretrain({ resume: run, extend: "1steps", ...device, onWarning });
  assert.doesNotMatch(warnings.join("\n"), told);
});

test("interrupted after it was extended, it ends in the same bits", async () => {
  const run = copyRun("cut");
  const stop = new AbortController();
  const first = await pretrain({
    ...{ resume: run, extend: "8steps", ...device, signal: stop.signal },
    onEvent: event => {
      if (event.kind === "step" && event.step === 11) stop.abort();
    },
  });
  assert.deepEqual([first.steps, first.reason], [11, "interrupted"]);
  assert.equal((await pretrain({ resume: run, ...device })).steps, 16);
  assert.deepEqual(parametersAt(run, "16"), parametersAt(join(folder, "whole"), "16"));
  assert.deepEqual(
    stepsOf(run).map(({ step, loss }) => [step, loss]),
    stepsOf(join(folder, "whole")).map(({ step, loss }) => [step, loss]),
  );
});

test("the same command again replaces what was added at the same step; another unit is refused", async () => {
  const run = copyRun("twice");
  const add = (extend: string, signal?: AbortSignal) => pretrain({ resume: run, extend, ...device, signal });
  await assert.rejects(add("1h"), { code: "E_BUDGET", message: /in steps cannot be extended by seconds/ });
  await assert.rejects(add("soon"), { code: "E_BUDGET" });
  const stop = new AbortController();
  stop.abort();
  await add("100steps", stop.signal).catch(() => undefined);
  assert.equal((await add("2steps")).steps, 10);
  assert.equal((await add("2steps")).steps, 12);
});

test("a run that is moved while it trains is whole where it goes on, and says so", async () => {
  const run = join(folder, "leaves");
  const warnings: string[] = [];
  await pretrain({
    ...{
      data,
      out: run,
      recipe: "quickstart",
      set,
      budget: "8steps",
    },
    ...device,
    onWarning: text => warnings.push(text),
    onEvent: event => {
      if (event.kind === "step" && event.step === 3) renameSync(run, join(folder, "moved"));
    },
  });
  assert.match(warnings.join("\n"), /leaves was moved or removed while it trained/);
  assert.deepEqual(parametersAt(run, "08"), parametersAt(finished, "08"));
  assert.deepEqual(
    stepsOf(run).map(({ step }) => step),
    [1, 2, 3, 4, 5, 6, 7, 8],
  );
  assert.equal((await pretrain({ resume: run, extend: "1steps", ...device })).steps, 9);
});
