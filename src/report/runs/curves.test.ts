import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../../base/errors.ts";
import type { TrainingEvent } from "../../events/event.ts";
import { EventLog } from "../../events/event-log.ts";
import { readCurves } from "./curves.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-events-"));
after(() => rmSync(folder, { recursive: true }));

const start = {
  kind: "start",
  step: 0,
  device: "d",
  parameters: 5,
  warmupSeconds: 1,
  elapsedSeconds: 0,
  unigramEntropy: 6,
} as const;
const step = (number: number, elapsedSeconds: number, more: object = {}) => ({
  kind: "step" as const,
  ...{ step: number, progress: number / 10, elapsedSeconds, loss: 10 - number, gradientNorm: 1, learningRate: 1e-3 },
  ...{ batchSequences: 4, tokens: 100 * number, stepSeconds: 1, skipped: false, ...more },
});
const write = (name: string, lines: readonly (object | string)[]) => {
  const path = join(folder, name);
  writeFileSync(path, lines.map(line => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join(""));
  return path;
};
const refuse = (path: string, message: RegExp) =>
  assert.throws(
    () => readCurves(path),
    (error: unknown) => error instanceof UserError && error.code === "E_EVENTS" && message.test(error.message),
  );

test("what training wrote is read, and the seconds are accounted for", () => {
  const path = join(folder, "own.jsonl");
  const log = new EventLog(path, undefined);
  const events: TrainingEvent[] = [
    start,
    { kind: "validation", step: 0, progress: 0, elapsedSeconds: 2, loss: 9 },
    step(1, 3.5),
    { kind: "checkpoint", step: 1, elapsedSeconds: 4, path: "x" },
    step(2, 8),
    { kind: "validation", step: 2, progress: 0.2, elapsedSeconds: 8.25, loss: 7 },
    { kind: "end", step: 2, elapsedSeconds: 8.25, tokens: 200, reason: "budget" },
  ];
  for (const event of events) log.append(event);
  log.close();
  const { steps, validations, spent, reason, checkpoints, starts } = readCurves(path);
  assert.deepEqual([...steps.step], [1, 2]);
  assert.deepEqual([...steps.loss], [9, 8]);
  assert.deepEqual([...validations.tokens], [0, 200]);
  assert.deepEqual([...validations.loss], [9, 7]);
  // 0.5 s before the first step and 0.5 s after it are neither; 3 s passed between the checkpoint and the next step's begin.
  assert.deepEqual(spent, { training: 2, validation: 2.25, checkpoints: 3, other: 1 });
  assert.deepEqual([reason, checkpoints, starts.length, starts[0]!.unigramEntropy], ["budget", 1, 1, 6]);
});

test("a loss that was not finite is null in the file and NaN in the column", () => {
  const { steps, skipped } = readCurves(
    write("skipped.jsonl", [start, step(1, 1, { loss: Number.NaN, skipped: true }), step(2, 2)]),
  );
  assert.deepEqual([...steps.loss], [Number.NaN, 8]);
  assert.deepEqual([...steps.skipped], [1, 0]);
  assert.equal(skipped, 1);
});

test("a torn last line is left out, and a run that trains has no end", () => {
  const path = write("torn.jsonl", [start, step(1, 1)]);
  writeFileSync(path, '{"kind":"step","step":2,"pro', { flag: "a" });
  const { steps, reason } = readCurves(path);
  assert.deepEqual([[...steps.step], reason], [[1], undefined]);
});

test("rubbish elsewhere is an error that names the file and the line", () => {
  refuse(write("rubbish.jsonl", [start, '{"kind":"st', step(1, 1)]), /rubbish\.jsonl:2: not JSON: \{"kind":"st/);
  refuse(write("last.jsonl", [start, "rubbish"]), /last\.jsonl:2: not JSON/);
  refuse(write("list.jsonl", [start, "[1]"]), /list\.jsonl:2: not an event/);
  refuse(write("null.jsonl", ["null"]), /null\.jsonl:1: not an event/);
  refuse(
    write("field.jsonl", [start, step(1, 1, { tokens: "many" })]),
    /field\.jsonl:2: a step event with a wrong tokens/,
  );
  refuse(write("back.jsonl", [start, step(5, 1), step(4, 2)]), /back\.jsonl:3: step 4 after step 5/);
});

test("events of a later version and empty lines are passed over", () => {
  const { steps } = readCurves(write("later.jsonl", [start, { kind: "toString" }, "", { kind: "novel" }, step(1, 1)]));
  assert.deepEqual([...steps.step], [1]);
});

test("lines that lie across blocks are whole, and numbered through", () => {
  const lines = Array.from({ length: 12_000 }, (_, i) => step(i + 1, i + 1, { note: "é" }));
  const { steps } = readCurves(write("long.jsonl", [start, ...lines]));
  assert.equal(steps.step.length, 12_000);
  assert.ok(steps.step.every((value, i) => value === i + 1));
  refuse(write("late.jsonl", [start, ...lines, "rubbish"]), /late\.jsonl:12002: not JSON/);
});

test("a file that is no lines does not fill the memory", () => {
  const path = join(folder, "endless.jsonl");
  writeFileSync(path, Buffer.alloc(5 << 20, "x"));
  refuse(path, /endless\.jsonl:1: a line of more than a megabyte/);
});

test("of many samples some are kept, the first and the last among them", () => {
  const samples = (number: number) => ({
    ...{ kind: "samples", step: number, elapsedSeconds: number, neighbours: [] },
    fills: [{ text: "a [MASK]", masks: [{ candidates: [{ token: `word${number}`, probability: 0.5 }] }] }],
  });
  const path = write("samples.jsonl", [start, ...Array.from({ length: 300 }, (_, i) => samples(i + 1))]);
  const { samples: kept, spent } = readCurves(path);
  assert.ok(kept.length > 30 && kept.length <= 64, `${kept.length}`);
  assert.deepEqual([kept[0]!.step, kept.at(-1)!.step, spent.other], [1, 300, 300]);
  assert.deepEqual(kept[0]!.fills[0]!.masks, [{ candidates: [{ token: "word1", probability: 0.5 }] }]);
});
