// Folders that may not be read: no verb says that nothing is there, since nobody knows, and each says whose right is missing.

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { UserError } from "../src/base/errors.ts";
import { Dataset } from "../src/dataset/dataset.ts";
import { openPretrainedModel } from "../src/pretrained/pretrained-model.ts";
import { readRunRecipe } from "../src/train/run-folder.ts";
import { showCorpus } from "../src/verbs/corpus/show-corpus.ts";
import { push } from "../src/verbs/hub.ts";
import { showRuns } from "../src/verbs/report/dashboard.ts";
import { report } from "../src/verbs/report/report.ts";
import { writeTinyRun } from "./tiny-run.ts";

const home = mkdtempSync(join(tmpdir(), "cram-unseen-"));
const folders = { itself: join(home, "closed"), "one above it": join(home, "above/run") };
const isRoot = process.getuid?.() === 0;

before(async () => {
  chmodSync(home, 0o755);
  mkdirSync(join(home, "above"));
  for (const folder of Object.values(folders)) await writeTinyRun(folder, ["red", "fox"]);
  chmodSync(join(home, "above"), 0o000);
  chmodSync(folders.itself, 0o000);
  if (isRoot) process.seteuid!(65534); // root may read everything
});
after(() => {
  if (isRoot) process.seteuid!(0);
  for (const folder of [join(home, "above"), folders.itself]) chmodSync(folder, 0o700);
  rmSync(home, { recursive: true });
});

const readers: Readonly<Record<string, (folder: string) => unknown>> = {
  "a run": readRunRecipe,
  "a model": openPretrainedModel,
  "a dataset": folder => new Dataset(folder),
  "a corpus": folder => showCorpus(folder),
  "a report": folder => report([folder], { out: join(home, "report.html") }),
  "a dashboard": async folder => (await showRuns({ folder, port: 0, host: "127.0.0.1" })).close(),
  "what is pushed": folder => push(folder, "me/mine"),
};
for (const [name, read] of Object.entries(readers)) {
  for (const [place, folder] of Object.entries(folders)) {
    test(`${name}: ${place} may not be read`, { skip: process.platform === "win32" }, async () => {
      const isTold = (error: unknown) =>
        error instanceof UserError &&
        error.code === "E_FILE_UNREADABLE" &&
        error.message.includes("this may not be read (EACCES)") &&
        error.advice === "Give yourself the right to read it and the folders above it.";
      await assert.rejects(async () => read(folder), isTold);
    });
  }
}
