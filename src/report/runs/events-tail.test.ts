import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { TrainingEvent } from "../../events/event.ts";
import { EventLog } from "../../events/event-log.ts";
import { readCurves } from "./curves.ts";
import { EventsTail } from "./events-tail.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-tail-"));
after(() => rmSync(folder, { recursive: true }));

const start = (step: number): TrainingEvent => ({
  kind: "start",
  ...{ step, device: "d", parameters: 5, warmupSeconds: 1, elapsedSeconds: step, unigramEntropy: 6 },
});
const stepEvent = (step: number): TrainingEvent => ({
  kind: "step",
  ...{ step, progress: step / 1e4, elapsedSeconds: step, loss: 10 / step, gradientNorm: 1, learningRate: 1e-3 },
  ...{ batchSequences: 4, tokens: 100 * step, stepSeconds: 0.5, skipped: false },
});
const print = (...events: TrainingEvent[]) => events.map(event => `${JSON.stringify(event)}\n`).join("");
const read = (tail: EventsTail) => {
  while (tail.readSome());
  return [...tail.curves.steps.step];
};

test("what is appended is read on, and half a line waits for its other half", () => {
  const path = join(folder, "grows.jsonl");
  writeFileSync(path, print(start(0), stepEvent(1)));
  const tail = new EventsTail(path);
  assert.deepEqual(read(tail), [1]);
  const { version } = tail;
  assert.deepEqual(read(tail), [1]);
  assert.equal(tail.version, version);
  const line = print(stepEvent(2));
  appendFileSync(path, line.slice(0, 20));
  assert.deepEqual(read(tail), [1]);
  appendFileSync(path, line.slice(20));
  assert.deepEqual(read(tail), [1, 2]);
  assert.ok(tail.version > version);
  assert.equal(tail.shareRead, 1);
});

test("a resumed run is read again without the steps that were cut", () => {
  const path = join(folder, "resumed.jsonl");
  writeFileSync(path, print(start(0), stepEvent(1), stepEvent(2), stepEvent(3)));
  const tail = new EventsTail(path);
  assert.deepEqual(read(tail), [1, 2, 3]);
  const log = new EventLog(path, 2);
  for (const event of [start(2), stepEvent(3), stepEvent(4), stepEvent(5)]) log.append(event);
  log.close();
  assert.deepEqual(read(tail), [1, 2, 3, 4, 5]);
  assert.equal(tail.curves.starts.length, 2);
});

test("a file cut short is read again", () => {
  const path = join(folder, "cut.jsonl");
  const begin = print(start(0), stepEvent(1));
  writeFileSync(path, begin + print(stepEvent(2)));
  const tail = new EventsTail(path);
  assert.deepEqual(read(tail), [1, 2]);
  truncateSync(path, begin.length);
  assert.deepEqual(read(tail), [1]);
});

test("rubbish stops this file with its line, and another in its place is read", () => {
  const path = join(folder, "rubbish.jsonl");
  writeFileSync(path, `${print(start(0), stepEvent(1))}rubbish\n${print(stepEvent(2))}`);
  const tail = new EventsTail(path);
  assert.deepEqual(read(tail), [1]);
  assert.match(tail.failure!.message, /rubbish\.jsonl:3: not JSON/);
  appendFileSync(path, print(stepEvent(3)));
  assert.deepEqual(read(tail), [1]);
  writeFileSync(`${path}.new`, print(start(0), stepEvent(1), stepEvent(2)));
  renameSync(`${path}.new`, path);
  assert.deepEqual([read(tail), tail.failure], [[1, 2], undefined]);
});

test("a file that is gone is a failure and no exception", () => {
  const path = join(folder, "gone.jsonl");
  const tail = new EventsTail(path);
  assert.equal(tail.readSome(), false);
  assert.equal(tail.failure?.code, "E_FILE_MISSING");
  writeFileSync(path, print(start(0), stepEvent(1)));
  assert.deepEqual(read(tail), [1]);
});

test("twenty thousand steps: read in pieces, thinned, and with the whole file's account", () => {
  const path = join(folder, "long.jsonl");
  const events = Array.from({ length: 20_000 }, (_, i) => stepEvent(i + 1));
  writeFileSync(
    path,
    print(start(0), ...events, { kind: "end", step: 20_000, elapsedSeconds: 20_000, tokens: 2e6, reason: "budget" }),
  );
  const tail = new EventsTail(path);
  assert.equal(tail.readSome(), true);
  assert.ok(tail.shareRead < 0.2);
  read(tail);
  const whole = readCurves(path);
  const { steps, stepMeans, spent, reason, skipped } = tail.curves;
  assert.deepEqual({ spent, reason, skipped }, { spent: whole.spent, reason: "budget", skipped: 0 });
  assert.ok(steps.step.length < 7000);
  assert.ok(stepMeans!.step.length >= 512 && stepMeans!.step.length <= 1024);
  assert.deepEqual([steps.loss[0], steps.step.at(-1), steps.tokens.at(-1)], [10, 20_000, 2e6]);
  assert.ok(steps.stepTokens.every(tokens => tokens === 100));
});
