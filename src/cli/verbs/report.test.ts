// cram report as a person uses it.

import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { quickstart } from "../../../recipes/quickstart.ts";
import { startWarmProgram } from "../../../test/warm-program.ts";
import { EventLog } from "../../events/event-log.ts";
import { beginRun } from "../../train/run-folder.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-report-"));
const program = startWarmProgram(folder);
after(() => {
  program.close();
  rmSync(folder, { recursive: true });
});

const cram = (...words: string[]) => program.run(...words);

writeFileSync(join(folder, "tokenizer.json"), "{}");
beginRun(join(folder, "run"), { recipe: quickstart, data: folder, datasetHash: "cafe" });
const log = new EventLog(join(folder, "run/events.jsonl"), undefined);
log.append({
  kind: "start",
  step: 0,
  device: "d",
  parameters: 9,
  warmupSeconds: 1,
  elapsedSeconds: 0,
  unigramEntropy: 6,
});
log.append({ kind: "validation", step: 0, progress: 0, elapsedSeconds: 1, loss: 8.5 });
log.close();

test("a run becomes a page, charts and numbers", async () => {
  const { status, stdout, stderr } = await cram("report", "run", "--out", "page.html", "--data", "numbers");
  assert.equal(status, 0, stderr);
  assert.match(stdout, /page\.html: run \(\d+ kB\); open it in a browser\nnumbers: \d+ files of numbers/);
  assert.match(readFileSync(join(folder, "page.html"), "utf8"), /8\.5000/);
  assert.ok(existsSync(join(folder, "numbers/validations.csv")));
  assert.ok(!existsSync(join(folder, "report.html")));
});

test("a recipe of another version leaves the FLOPs out and says so", async () => {
  writeFileSync(join(folder, "run/recipe.json"), JSON.stringify({ ...quickstart, novel: 1 }));
  const { status, stdout } = await cram("report", "run", "--json");
  const { page, notes } = JSON.parse(stdout) as { page: string; notes: string[] };
  assert.deepEqual([status, page, notes.length], [0, "report.html", 1]);
  assert.match(notes[0]!, /run: FLOPs are left out.*novel/);
});

test("a run that is damaged is left out of the page of the others, and that is said", async () => {
  cpSync(join(folder, "run"), join(folder, "damaged"), { recursive: true });
  writeFileSync(join(folder, "damaged/events.jsonl"), "rubbish\nrubbish\n");
  const { status, stdout, stderr } = await cram("report", "run", "damaged", "--out", "rest.html");
  assert.equal(status, 1);
  assert.match(stdout, /^rest\.html: run \(/m);
  assert.match(stderr, /^E_EVENTS rest\.html is without 1 run: damaged.events\.jsonl:1: /);
  assert.match(readFileSync(join(folder, "rest.html"), "utf8"), /damaged: left out: /);
});

test("what is no run, and places that do not fit, are refused", async () => {
  for (const stranger of ["numbers", "nowhere"]) {
    const { status, stderr } = await cram("report", "run", stranger, "--out", "strange.html", "--data", "strange");
    assert.equal(status, 1);
    assert.match(stderr, new RegExp(`^E_FILE_MISSING ${stranger}: no run here, and nothing was written`));
    assert.ok(!existsSync(join(folder, "strange.html")) && !existsSync(join(folder, "strange")));
  }
  assert.match((await cram("report", "nowhere")).stderr, /^E_FILE_MISSING nowhere: no run here$/m);
  assert.match((await cram("report", "run", "--out", "numbers")).stderr, /^E_OPTION --out numbers: a folder/);
  assert.match((await cram("report", "run", "--data", "page.html")).stderr, /^E_OPTION --data page\.html: a file/);
});
