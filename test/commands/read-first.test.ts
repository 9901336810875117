// What a person gives is read before anything long begins: each case meets a later fault, or starts processes, where it is not.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { embedFile } from "../../src/verbs/model/embed-file.ts";
import { search } from "../../src/verbs/model/search-texts.ts";
import { plan } from "../../src/verbs/plan.ts";
import { startWarmProgram } from "../warm-program.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-read-first-"));
const program = startWarmProgram(folder);
after(() => {
  program.close();
  rmSync(folder, { recursive: true });
});

test("texts are read before a model is", async () => {
  const rows = join(folder, "rows.csv");
  writeFileSync(rows, "title\nfrogs\n");
  for (const [file, code] of [
    [join(folder, "missing.txt"), "E_FILE_MISSING"],
    [rows, "E_TEXT_FIELD"],
  ] as const) {
    const expected = { code, message: new RegExp(file) };
    await assert.rejects(embedFile("no-model", file, { out: join(folder, "vectors.npy") }), expected);
    await assert.rejects(search("no-model", file, ["frogs"]), expected);
  }
});

test("a law is read before programs are compiled", async () => {
  const law = join(folder, "law.json");
  writeFileSync(law, "{}");
  const onCompile = () => assert.fail("compiled");
  await assert.rejects(plan({ recipe: "crammed-bert-small", device: "a6000", law, onCompile }), { code: "E_SCALE" });
});

test("what ranks cannot train is refused before they are started", async () => {
  const start = ["pretrain", "--devices", "2", "--backend", "reference", "--data", "no-data"];
  const cases: readonly [string[], RegExp][] = [
    [["--sync", "every:5", "--shard-optimizer"], /^E_OPTION --shard-optimizer/],
    [["--sync", "every:5", "--sum", "in-order"], /^E_OPTION --sum in-order/],
    [["--set", "model.widht=3"], /^E_RECIPE_KEY/],
    [["--mlflow", "nowhere"], /^E_[A-Z_]+ .*nowhere/],
    [[], /^E_FILE_MISSING no-data/],
  ];
  for (const [words, seen] of cases) {
    const { status, stdout, stderr } = await program.run(...start, ...words);
    assert.equal(status, 1);
    // mpirun would say more.
    assert.match(stderr, seen);
    assert.ok(stderr.trim().split("\n").length <= 3 && stdout === "", stderr + stdout);
  }
});
