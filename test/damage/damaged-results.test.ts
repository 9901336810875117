// What trials, finetunings and ladders came to, with one bit of it changed: no reader takes another number for it.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../../src/base/errors.ts";
import { folderOf, readResult, saveResult } from "../../src/evaluate/storage/evaluation-folder.ts";
import type { TaskResult } from "../../src/evaluate/storage/result.ts";
import type { Task } from "../../src/evaluate/tasks/task.ts";
import { readLawFile, writeLawFile } from "../../src/scaling/law-file.ts";
import { readTrialRecord, type Trial, writeTrialResult } from "../../src/sweep/trial.ts";

const root = mkdtempSync(join(tmpdir(), "cram-results-"));
after(() => rmSync(root, { recursive: true }));

const trial: Trial = { variation: "slow", seed: 0, folder: join(root, "trial") };
const ended = { variation: "slow", seed: 0, recipe: "a1", dataset: "b2", reason: "budget", steps: 100, tokens: 25_600 };
const score = { heldOutText: "c3", bitsPerByte: 1.517, speltWords: 4 };

const task: Task = {
  ...{ name: "words", title: "WORDS", kind: "regression", labels: [], metrics: ["pearson"] },
  ...{ train: { examples: [], hashes: [] }, validation: [], test: [] },
} as unknown as Task;
const place = { root, suite: "own", task: "words", variant: { control: "none", seed: 0 } } as const;
const finetuned: TaskResult = {
  ...{ version: 1, suite: "own", task: "words", title: "WORDS", kind: "regression", labels: [], metrics: ["pearson"] },
  ...{ control: "none", seed: 0, model: "m", device: "", recipe: {}, subsets: [], epochs: [], test: [] },
  splits: [
    { name: "validation", examples: 12, scores: { pearson: 0.5731 }, interval: { low: 0.1, high: 0.9 }, confusion: [] },
  ],
  hashes: { model: "a1", data: "b2", recipe: "c3" },
  training: { examples: 1, truncated: 0, steps: 1, seconds: 1, stepSeconds: 1 },
};

const law = {
  irreducible: 1.69,
  parameterFactor: 406.4,
  parameterExponent: 0.34,
  tokenFactor: 410.7,
  tokenExponent: 0.28,
};
const trained = {
  size: "16x1",
  budget: "20steps",
  seed: 0,
  loss: 5.415243,
  tokens: 5120,
  steps: 20,
  elapsedSeconds: 4,
};

interface Stored {
  readonly path: string;
  readonly write: () => Promise<void> | void;
  readonly read: () => unknown;
}

const stored: Readonly<Record<string, Stored>> = {
  "a trial's result": {
    path: join(trial.folder, "result.json"),
    write: () =>
      writeTrialResult(trial, "result.json", { ...ended, validationLoss: 5.3258, elapsedSeconds: 7.7, score }),
    read: () => readTrialRecord(trial).result,
  },
  "a trial's rung": {
    path: join(trial.folder, "rung-0.json"),
    write: () =>
      writeTrialResult(trial, "rung-0.json", { ...ended, reason: "rung", rungLoss: 6.25, elapsedSeconds: 2 }),
    read: () => readTrialRecord(trial).rungs[0],
  },
  "a finetuning's result": {
    path: join(folderOf(place), "result.json"),
    write: () => saveResult(place, task, finetuned, { validation: [], test: [] }),
    read: () => readResult(folderOf(place)),
  },
  "a law": {
    path: join(root, "law.json"),
    write: () =>
      writeLawFile(join(root, "law.json"), {
        ...{ recipe: { name: "tiny" }, dataset: "d4", failed: 0, law, objective: 0.00123456789 },
        sizes: [{ name: "16x1", parameters: 7203, flopsPerToken: 40_000 }],
        ...{ trainings: [trained], resampled: [{ law, residual: 0.001 }] },
      }),
    read: () => readLawFile(join(root, "law.json")),
  },
};

for (const [name, { path, write, read }] of Object.entries(stored)) {
  test(`${name}: a bit that is changed is no other number`, async () => {
    await write();
    const whole = readFileSync(path);
    const expected = read();
    assert.notEqual(expected, undefined);
    let seen = 0;
    for (let at = 0; at < whole.length; at++) {
      for (const bit of [1, 2, 8]) {
        const changed = Buffer.from(whole);
        changed[at]! ^= bit;
        writeFileSync(path, changed);
        const found = await Promise.resolve()
          .then(read)
          .catch((error: unknown) => {
            assert.ok(error instanceof UserError, `${(error as Error).stack}`);
            return undefined;
          });
        // White space says nothing.
        if (found !== undefined) assert.deepEqual(found, expected, `bit ${bit} of byte ${at}`);
        else seen++;
      }
    }
    assert.ok(seen > 2 * whole.length);
    writeFileSync(path, whole);
    assert.deepEqual(read(), expected);
  });

  test(`${name}, of before it was sealed, is read`, async () => {
    await write();
    const expected = read();
    const { hash, ...description } = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    assert.match(String(hash), /^[0-9a-f]{16}$/);
    writeFileSync(path, JSON.stringify(description));
    assert.deepEqual(read(), expected);
    rmSync(path === join(root, "law.json") ? path : dirname(path), { recursive: true });
  });
}
