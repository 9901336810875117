// A sweep as it is interrupted and shared: stopped at any step and begun again it ends with the table of the undisturbed one, two
// workers on one folder do no trial twice, and what was asked for otherwise is told.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { checkSweep } from "../../src/sweep/sweep.ts";
import { prepare } from "../../src/verbs/prepare/prepare.ts";
import { readSweep, type SweepOptions, sweep } from "../../src/verbs/sweep/sweep.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-sweep-"));
after(() => rmSync(folder, { recursive: true }));
const data = join(folder, "data");
const sizes = ["width=16", "layers=1", "heads=2", "feedForward=32", "sequenceLength=16", "vocabulary=84"];
const asked = checkSweep(
  {
    recipe: "quickstart",
    set: [...sizes.map(pair => `model.${pair}`), "schedule.batchSequences=4", "train.microBatchSequences=4"],
    budget: "3steps",
    seeds: [0, 1],
    variations: { slow: ["optimizer.learningRate=0.0001"] },
  },
  "test",
);
const run = (name: string, options: Partial<SweepOptions> = {}, other = asked) =>
  sweep(other, { out: join(folder, name), data, backend: "reference", ...options });
const readTable = (name: string) => readFileSync(join(folder, name, "table.md"), "utf8");
let undisturbed: string;

before(async () => {
  const text = join(folder, "texts.jsonl");
  const line = (i: number) =>
    JSON.stringify({ text: `${i} old boats sleep near the river wall and a green frog sings` });
  writeFileSync(text, Array.from({ length: 60 }, (_, i) => `${line(i)}\n`).join(""));
  await prepare({ texts: [text], out: data, vocabulary: 84, sequenceLength: 16, holdOut: 0.2 });
  const { done, count, compared } = await run("whole");
  assert.deepEqual([done, count], [4, 4]);
  assert.deepEqual(
    compared.map(({ name, count: trials }) => [name, trials]),
    [
      ["base", 2],
      ["slow", 2],
    ],
  );
  // Learning at a thirtieth of the rate is worse after four steps, whatever the seed.
  assert.ok(compared[1]!.difference!.isPaired && compared[1]!.difference!.mean > 0);
  undisturbed = readTable("whole");
});

test("stopped at several moments and begun again, it ends with the same table, and nothing is trained twice", async () => {
  const finished: string[] = [];
  const stopped = new AbortController();
  stopped.abort();
  await run("stopped", { signal: stopped.signal });
  // A trial that was killed before its run was begun.
  mkdirSync(join(folder, "stopped/trials/base/seed-0/run"), { recursive: true });
  let calls = 0;
  for (let done = 0; done < 4; calls++) {
    const stop = new AbortController();
    let left = 1 + (calls % 2);
    const options: Partial<SweepOptions> = {
      signal: stop.signal,
      onEvent: (_, event) => {
        if (event.kind === "step" && --left === 0) stop.abort();
      },
      onResult: ({ variation, seed }) => finished.push(`${variation} ${seed}`),
    };
    done = (await run("stopped", options)).done;
    assert.ok(calls < 40);
  }
  assert.ok(calls > 4);
  assert.deepEqual([finished.length, new Set(finished).size], [4, 4]);
  assert.equal(readTable("stopped"), undisturbed);
});

test("two at once share the trials", async () => {
  const trained: string[] = [];
  const onResult: SweepOptions["onResult"] = ({ variation, seed }) => trained.push(`${variation} ${seed}`);
  await Promise.all([run("shared", { onResult }), run("shared", { onResult })]);
  assert.deepEqual([trained.length, new Set(trained).size], [4, 4]);
  // Whoever ended first has counted what was done by then.
  await run("shared");
  assert.equal(readTable("shared"), undisturbed);
  assert.deepEqual(readSweep(join(folder, "shared")), { ...asked, data });
});

test("another recipe in the same folder is told, and a seed more is trained", async () => {
  await assert.rejects(run("whole", {}, { ...asked, budget: "5steps" }), {
    code: "E_SWEEP_CHANGED",
    message: /base with seed 0.*recipe/,
  });
  assert.equal(readTable("whole"), undisturbed);
  const { done, count } = await run("whole", {}, { ...asked, seeds: [0, 1, 2] });
  assert.deepEqual([done, count], [6, 6]);
});

test("what comes apart is a result with its reason; what nobody can train is refused before anything is", async () => {
  const other = {
    ...asked,
    grid: {},
    seeds: [0],
    variations: { far: ["optimizer.learningRate=1e6", "optimizer.clip=0"] },
  };
  const { compared } = await run("apart", {}, { ...other, budget: "20steps", base: false });
  const [far] = compared;
  assert.ok(far!.failed[0] === "E_DIVERGED" || far!.mean! > 20, JSON.stringify(far));
  const trained: unknown[] = [];
  const impossible = { ...asked, variations: { odd: ["model.heads=3"] } };
  await assert.rejects(run("odd", { onTrial: trial => trained.push(trial) }, impossible), { code: "E_RECIPE_VALUE" });
  await assert.rejects(run("data"), { code: "E_OUTPUT_OTHER" });
  assert.deepEqual(trained, []);
});
