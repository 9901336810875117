// A run whose record of events met the largest file that the system allows: what was trained is saved, and resumed it has the
// record and the bits of a run that was left alone. Verbs that train several go on by the same command. A standard output that is full
// ends no training, and is told.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readCounters } from "../../src/checkpoint/state.ts";
import { readEvents } from "../../src/events/event-reader.ts";
import { prepare } from "../../src/verbs/prepare/prepare.ts";
import { pretrain } from "../../src/verbs/pretrain/pretrain.ts";

const main = join(import.meta.dirname, "../../src/cli/main.js");
const folder = mkdtempSync(join(tmpdir(), "cram-file-size-"));
after(() => rmSync(folder, { recursive: true }));
const data = join(folder, "data");
const steps = 100;
const set = [
  ...["width=8", "layers=1", "heads=2", "feedForward=16", "sequenceLength=16", "vocabulary=84"].map(s => `model.${s}`),
  ...["schedule.batchSequences=4", "train.microBatchSequences=4", "train.validations=50"],
];

before(async () => {
  const line = (i: number) => `{"text":"${i} old boats sleep near the river wall and a green frog sings"}\n`;
  writeFileSync(join(folder, "texts.jsonl"), Array.from({ length: 60 }, (_, i) => line(i)).join(""));
  await prepare({ texts: [join(folder, "texts.jsonl")], out: data, vocabulary: 84, sequenceLength: 16, holdOut: 0.2 });
});

test("events that no disk took are in the checkpoint, and in the record of who resumes", async () => {
  const device = { backend: "cpu", threads: 1 } as const;
  const whole = join(folder, "whole");
  await pretrain({ data, out: whole, recipe: "quickstart", set, budget: `${steps}steps`, ...device });
  const bytes = statSync(join(whole, "events.jsonl")).size;

  const cut = join(folder, "cut");
  const words = ["pretrain", "--data", data, "--out", cut, "--recipe", "quickstart", "--budget", `${steps}steps`];
  const chosen = [...words, "--backend", "cpu", "--threads", "1", ...set.flatMap(each => ["--set", each])];
  // A shell counts blocks of 512 bytes; the checkpoint is smaller than half of the events.
  const limit = `ulimit -f ${Math.floor(bytes / 2 / 512)} && exec "$@"`;
  const { status, stderr } = spawnSync("sh", ["-c", limit, "sh", process.execPath, main, ...chosen]);
  assert.equal(status, 1, String(stderr));
  assert.match(String(stderr), /E_NOT_WRITABLE .*events\.jsonl: a file larger than .*ulimit -f/);
  assert.match(String(stderr), /See that it can be written, and go on with: cram pretrain --resume/);
  assert.ok((readCounters(cut).unwrittenEvents ?? []).length > 0, "the checkpoint is ahead of the record");

  await pretrain({ resume: cut });
  const record = (run: string) =>
    readEvents(join(run, "events.jsonl")).flatMap(event =>
      event.kind === "step" || event.kind === "validation" ? [[event.kind, event.step, event.loss]] : [],
    );
  assert.deepEqual(record(cut), record(whole));
  const parameters = (run: string) => readFileSync(join(run, "checkpoints/step-00000100/parameters.safetensors"));
  assert.deepEqual(parameters(cut), parameters(whole));
});

const ofSeveral = ["--recipe", "quickstart", ...set.flatMap(each => ["--set", each])];
const device = ["--backend", "reference", "--data", data];
const sweep = ["sweep", ...ofSeveral, "--set", "optimizer.clip=1", "--budget", "60steps", ...device];
const several: Readonly<Record<string, readonly string[]>> = {
  sweep,
  "a sweep of two jobs": [...sweep, "--jobs", "2"],
  scale: ["scale", ...ofSeveral, "--sizes", "4x1,8x1,12x1", "--budgets", "30steps,60steps", ...device],
};
for (const [name, words] of Object.entries(several)) {
  test(`${name}: where a training meets such a file, the same command goes on`, () => {
    const out = [...words, "--out", join(folder, name)];
    // The recipe and the tokenizer are smaller, the events of 60 steps and a checkpoint larger.
    const limit = 'ulimit -f 16 && exec "$@"';
    const { status, stderr } = spawnSync("sh", ["-c", limit, "sh", process.execPath, main, ...out]);
    assert.equal(status, 1, String(stderr));
    assert.match(
      String(stderr),
      /E_NOT_WRITABLE .*trials.*(events\.jsonl|safetensors): a file larger than .*ulimit -f/,
    );
    assert.match(String(stderr), /See that it can be written, and go on with: the same command\n/);
    // Workers and who started them meet the same.
    assert.equal(String(stderr).match(/E_NOT_WRITABLE/g)?.length, 1, String(stderr));
    assert.equal(String(stderr).match(/go on with/g)?.length, 1, String(stderr));
    const again = spawnSync(process.execPath, [main, ...out]);
    assert.equal(again.status, 0, String(again.stderr));
  });
}

const full = "/dev/full";
const printing: Readonly<Record<string, readonly string[]>> = {
  help: ["pretrain", "--help"],
  recipe: ["recipe", "--reference"],
  "recipe as JSON": ["recipe", "quickstart", "--json"],
  plan: ["plan", "--recipe", "quickstart", "--device", "a6000", "--json"],
  "corpus show": ["corpus", "show", data],
  pretrain: [
    ...[
      "pretrain",
      ...ofSeveral,
      "--data",
      data,
      "--budget",
      "9steps",
      "--threads",
      "1",
      "--out",
      join(folder, "told"),
    ],
    "--json",
  ],
};
for (const [name, words] of Object.entries(printing)) {
  test(`a standard output that is full is told by ${name}`, { skip: !existsSync(full) && `needs ${full}` }, () => {
    const to = openSync(full, "w");
    const { status, stderr } = spawnSync(process.execPath, [main, ...words], { stdio: ["ignore", to, "pipe"] });
    closeSync(to);
    assert.equal(status, 1, String(stderr));
    assert.equal(String(stderr).match(/E_DISK_FULL/g)?.length, 1, String(stderr));
    assert.match(String(stderr), /standard output: the disk is full; what is printed from here on is lost/);
    assert.doesNotMatch(String(stderr), /bug| {4}at /);
    if (words.includes("--json")) JSON.parse(String(stderr).trim().split("\n").at(-1)!);
    if (name === "pretrain") assert.equal(readCounters(join(folder, "told")).step, 9, "the training goes on");
  });
}

test("no exit code says that all is well behind such an output, whatever else sets it", {
  skip: !existsSync(full) && `needs ${full}`,
}, () => {
  const output = JSON.stringify(new URL("../../src/cli/terminal/output.js", import.meta.url).href);
  const script = `import { outliveReaders, print } from ${output}; outliveReaders(() => { process.exitCode = 0; }); print("told");`;
  const to = openSync(full, "w");
  const { status } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", to, "pipe"],
  });
  closeSync(to);
  assert.equal(status, 1);
});
