// What pretrain says at its end for people.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startWarmProgram } from "../../../test/warm-program.ts";
import { prepare } from "../../verbs/prepare/prepare.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-pretrain-"));
const program = startWarmProgram(folder);
after(() => {
  program.close();
  rmSync(folder, { recursive: true });
});

test("a budget that is spent before the first step is told, with what gives it more", async () => {
  const line = (i: number) =>
    JSON.stringify({ text: `${i} old boats sleep near the river wall and a green frog sings` });
  writeFileSync(join(folder, "texts.jsonl"), Array.from({ length: 60 }, (_, i) => `${line(i)}\n`).join(""));
  const data = join(folder, "data");
  await prepare({ texts: [join(folder, "texts.jsonl")], out: data, vocabulary: 84, sequenceLength: 16, holdOut: 0.2 });
  const sizes = ["width=16", "layers=1", "heads=2", "feedForward=32", "sequenceLength=16", "vocabulary=84"];
  const set = [...sizes.map(pair => `model.${pair}`), "schedule.batchSequences=4", "train.microBatchSequences=4"];
  const words = ["--recipe", "quickstart", "--backend", "reference", ...set.flatMap(pair => ["--set", pair])];
  const spent = await program.run("pretrain", "--data", "data", "--out", "r", "--budget", "0.000001s", ...words);
  assert.equal(spent.status, 0, spent.stderr);
  const told =
    /the budget was spent before the first step, and nothing is trained; more of it: cram (pretrain .+) 10m$/m;
  const [, more] = told.exec(spent.stdout)!;
  assert.equal(more, "pretrain --resume r --extend");
  assert.doesNotMatch(spent.stdout, /next:/);
  // As little again is spent as soon.
  const again = await program.run(...more!.split(" "), "0.000001s");
  assert.equal(again.status, 0, again.stderr);
  assert.match(again.stdout, /is extended to 0\.000002s in all/);
  assert.match(again.stdout, told);
});
