// A sweep as it is interrupted and shared: stopped at any step and begun again it ends with the table of the undisturbed one, two
// workers on one folder do no trial twice, and what was asked for otherwise is told.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { after, before, test } from "node:test";
import { RandomSequence, streams } from "../../src/base/random.ts";
import { checkSweep } from "../../src/sweep/sweep.ts";
import { prepare } from "../../src/verbs/prepare/prepare.ts";
import { report } from "../../src/verbs/report/report.ts";
import { planSweep } from "../../src/verbs/sweep/plan-sweep.ts";
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
  const page = join(folder, "whole.html");
  // As a program without types may give it.
  await assert.rejects(report(join(folder, "whole") as unknown as readonly string[], { out: page }), {
    code: "E_OPTION",
  });
  await report([join(folder, "whole")], { out: page });
  assert.match(
    readFileSync(page, "utf8"),
    /<p class="verdict">base is lowest of 2: \d\.\d{4} ± \d\.\d{4} nats over 2 seeds; next is slow, \d\.\d{4} ± /,
  );
  assert.match(readFileSync(page, "utf8"), /<g><title>slow: \d\.\d{4}, /);
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
  assert.deepEqual(readSweep(join(folder, "shared")), { ...asked, data, likeBase: [] });
});

test("the trial of a worker on a machine that died is taken over from its last checkpoint", async () => {
  const stop = new AbortController();
  const onEvent: SweepOptions["onEvent"] = (_, event) => event.kind === "step" && event.step === 2 && stop.abort();
  await run("died", { signal: stop.signal, onEvent });
  const trial = join(folder, "died/trials/base/seed-0");
  const lock = { pid: 1, host: "elsewhere", processes: "theirs", boot: "theirs", processStart: "1" };
  for (const [place, verb] of [[trial, "sweep"] as const, [join(trial, "run"), "pretrain"] as const]) {
    writeFileSync(
      join(place, ".cram-lock"),
      JSON.stringify({ ...lock, verb, since: "2026-01-01T00:00:00Z", id: verb }),
    );
  }
  const resumed: number[] = [];
  const begun: string[] = [];
  const { done } = await run("died", {
    silentSeconds: 1,
    onTrial: ({ variation, seed }) => begun.push(`${variation} ${seed}`),
    onEvent: ({ variation, seed }, event) => {
      if (variation === "base" && seed === 0 && event.kind === "start") resumed.push(event.step);
    },
  });
  assert.deepEqual([done, resumed], [4, [2]]);
  // It was believed for a second.
  assert.equal(begun[0], "slow 0");
  assert.equal(readTable("died"), undisturbed);
});

test("halving stops most trials at rungs, goes on with the best to the same bits, and spends no more than the total", async () => {
  const values = { "optimizer.learningRate": { from: 1e-5, to: 1e-2, scale: "log" as const } };
  const searched = checkSweep(
    {
      ...{ recipe: asked.recipe, seeds: [0], base: false, budget: "4steps", halving: { reduction: 2, rungs: 2 } },
      set: [...asked.set, "train.validations=2"],
      sobol: { trials: 4, values },
    },
    "test",
  );
  const { halving: _, sobol, ...plain } = searched;
  const trained: string[] = [];
  const steps: string[] = [];
  const { compared, done, stopped, count } = await run(
    "halved",
    {
      onEvent: ({ variation }, event) => event.kind === "step" && steps.push(`${variation} ${event.step}`),
      onResult: (trial, { reason, steps }) => trained.push(`${trial.variation} ${reason} ${steps}`),
    },
    searched,
  );
  assert.deepEqual([done, stopped, count, trained.length], [2, 2, 4, 6]);
  // Four of two steps, and two more of the two best: none was trained beyond its rung, and none again.
  assert.deepEqual([steps.length, new Set(steps).size], [12, 12]);
  assert.equal(trained.filter(line => line.endsWith("stopped at 50 % 2")).length, 4);
  assert.deepEqual(compared.map(({ failed }) => failed.length).sort(), [0, 0, 1, 1]);
  const rateOf = (name: string) => Number(name.split("=")[1]);
  // Of four steps at these rates the larger learn more.
  const [least, most] = [0, 1].map(wanted =>
    compared.filter(({ count: n }) => n === wanted).map(({ name }) => rateOf(name)),
  );
  assert.ok(Math.max(...least!) < Math.min(...most!));
  const [best] = compared.filter(({ count: n }) => n === 1);
  const whole = await run("unhalved", {}, { ...plain, variations: { best: [best!.name] } });
  assert.equal(whole.compared[0]!.mean, best!.mean);
  const page = join(folder, "halved.html");
  const { runs, notes } = await report([join(folder, "halved")], { out: page, data: join(folder, "numbers") });
  assert.deepEqual([runs.length, notes], [4, []]);
  const shown = readFileSync(page, "utf8");
  // A rate alone decides the ranks; a stopped trial is shown with its loss.
  assert.match(shown, /optimizer.learningRate explains 100 %/);
  assert.match(shown, /stopped at 50 % with \d\.\d{4}/);
  const trials = readFileSync(join(folder, "numbers/trials.csv"), "utf8").trim().split("\r\n");
  assert.equal(trials.length, 5);
  await assert.rejects(report([join(folder, "halved"), join(folder, "whole")], { out: page }), { code: "E_OPTION" });
  const spent = await run("spent", {}, { ...plain, ...(sobol && { sobol }), total: "0.000001s" });
  assert.deepEqual([spent.done, spent.stopped], [1, 3]);
});

test("datasets vary and the held-out text stays one, which must not be trained on", async () => {
  const texts = (name: string, from: number) => {
    const path = join(folder, `${name}.jsonl`);
    const line = (i: number) => {
      const draws = new RandomSequence(17, streams.sampling, i);
      return JSON.stringify({ text: Array.from({ length: 90 }, () => `${"abcdefg"[draws.below(7)]} boat`).join(" ") });
    };
    writeFileSync(path, Array.from({ length: 40 }, (_, i) => `${line(from + i)}\n`).join(""));
    return path;
  };
  const dataset = async (name: string, text: string, tokenizer?: string) => {
    const out = join(folder, name);
    const learned = tokenizer === undefined ? { vocabulary: 40 } : { tokenizer };
    await prepare({ texts: [text], out, sequenceLength: 64, holdOut: 0.3, ...learned });
    return out;
  };
  const [one, two] = [texts("one", 0), texts("two", 40)];
  const first = await dataset("first", one);
  const tokenizer = join(first, "tokenizer.json");
  const second = await dataset("second", two, tokenizer);
  const set = [
    ...asked.set.filter(pair => !/Length|vocabulary/.test(pair)),
    "model.sequenceLength=64",
    "model.vocabulary=40",
  ];
  const varied = { ...asked, set, budget: "1steps", seeds: [0], variations: { other: { set: [], data: second } } };
  await assert.rejects(run("varied", { data: first }, varied), { code: "E_SWEEP", message: /different texts/ });
  rmSync(join(folder, "varied"), { recursive: true, force: true });
  const { done } = await run("varied", { data: first }, { ...varied, heldOut: first });
  assert.equal(done, 2);
  const validations = (name: string) => readFileSync(join(folder, name, "validation-00000.bin"));
  const [grafted] = readdirSync(join(folder, "varied/data"));
  assert.deepEqual(validations(`varied/data/${grafted}`), validations("first"));
  // Another seed holds out other documents of the same text: these stand in what is trained on.
  const leaking = join(folder, "leaking");
  await prepare({ texts: [one], out: leaking, sequenceLength: 64, holdOut: 0.3, tokenizer, seed: 5 });
  const leaks = { ...varied, variations: {}, heldOut: first };
  const refusal = { code: "E_HELD_OUT", message: /stand in what is trained on/ };
  await assert.rejects(run("leaks", { data: leaking }, leaks), refusal);
  assert.throws(() => planSweep(leaks, { out: join(folder, "leaks"), data: leaking }), refusal);
  assert.ok(!existsSync(join(folder, "leaks/trials")));
});

test("tokenizers vary and all are scored on one text, also when it is given later, without training again", async () => {
  const texts = join(folder, "texts.jsonl");
  const letters = join(folder, "letters");
  const kind = { tokenizerKind: "bpe", preTokenizer: "byte-level" } as const;
  await prepare({ texts: [texts], out: letters, vocabulary: 300, sequenceLength: 16, holdOut: 0.2, ...kind });
  const heldOut = join(folder, "held-out.jsonl");
  const line = (i: number) => JSON.stringify({ text: `${i} old frogs sing by the river `.repeat(10) });
  const write = (from: number) => writeFileSync(heldOut, `${line(from)}\n${line(from + 1)}\n`);
  write(100);
  const variations = { letters: { set: ["model.vocabulary=300"], data: letters } };
  const plain = { ...asked, variations };
  await assert.rejects(run("scored", {}, plain), { code: "E_SWEEP", message: /different tokenizers/ });
  rmSync(join(folder, "scored"), { recursive: true, force: true });
  const scored = { ...plain, heldOutText: relative(process.cwd(), heldOut), passages: 2 };
  await run("scored", { signal: AbortSignal.abort() }, scored);
  assert.equal(readSweep(join(folder, "scored")).heldOutText, heldOut);
  const lines: string[] = [];
  const onResult: SweepOptions["onResult"] = ({ variation, seed }, { score, validationLoss }) =>
    lines.push(`${variation} ${seed} ${score?.bitsPerByte} ${validationLoss}`);
  const { compared, results } = await run("scored", { onResult }, scored);
  assert.equal(new Set(lines).size, 4);
  // Most words do not fit into 16 tokens and are spelt out, at 8 bits a byte and what their number of tokens costs.
  for (const { score } of results) assert.ok(score!.bitsPerByte > 2 && score!.bitsPerByte < 12, JSON.stringify(score));
  const meanOf = (name: string) =>
    results.reduce((sum, each) => sum + (each.variation === name ? each.score!.bitsPerByte / 2 : 0), 0);
  for (const { name, mean, measure } of compared) {
    assert.ok(Math.abs(mean! - meanOf(name)) < 1e-12 && measure === "bits per byte");
  }
  assert.match(readTable("scored"), /^\| change \| n \| bits per byte \|/);
  const page = join(folder, "scored.html");
  await report([join(folder, "scored")], { out: page });
  assert.match(readFileSync(page, "utf8"), /Bits per byte against the base/);
  // Another text: scored again, and not trained.
  write(200);
  const steps: unknown[] = [];
  const onEvent: SweepOptions["onEvent"] = (_, event) => event.kind === "step" && steps.push(event);
  const again = await run("scored", { onEvent }, scored);
  assert.deepEqual([again.done, steps], [4, []]);
  assert.notEqual(again.compared[0]!.mean, compared[0]!.mean);
  // And once more none is.
  await run("scored", { onResult: () => assert.fail("scored twice") }, scored);
  const refuses = (changes: object, code: string, message: RegExp) =>
    assert.rejects(run("refused", { onTrial: () => assert.fail("trained") }, { ...scored, ...changes }), {
      ...{ code, message },
    });
  const { heldOutText: _, ...without } = scored;
  await assert.rejects(run("refused", {}, without), { code: "E_SWEEP", message: /passages without/ });
  const script = ["objective.name=electra"];
  await refuses({ variations: { script } }, "E_SWEEP", /script cannot be scored/);
  await refuses({ heldOutText: texts }, "E_BITS", /no document has a whole passage/);
  const halving = { reduction: 2, rungs: 2 };
  await refuses({ halving, seeds: [0] }, "E_SWEEP", /different tokenizers/);
});

test("a text that all are scored on is refused where a dataset trains on it, whatever passages leave out of it", async () => {
  const write = (name: string, from: number) => {
    const path = join(folder, name);
    const text = (i: number) => Array.from({ length: 60 }, (_, k) => `Élan ${(i + 1) * (k + 7)}`).join(", ");
    writeFileSync(path, Array.from({ length: 12 }, (_, i) => `${JSON.stringify({ text: text(from + i) })}\n`).join(""));
    return path;
  };
  const [trained, other] = [write("trained.jsonl", 0), write("other.jsonl", 1000)];
  const out = join(folder, "long");
  const lengths = { vocabulary: 300, sequenceLength: 16, holdOut: 0.2 };
  await prepare({ texts: [trained], out, ...lengths, tokenizerKind: "bpe", preTokenizer: "byte-level" });
  const scored = { data: out, set: [...asked.set, "model.vocabulary=300"], passages: 2 };
  const plan = (heldOutText: string) =>
    planSweep({ ...asked, ...scored, heldOutText }, { out: join(folder, "planned") });
  assert.throws(() => plan(trained), { code: "E_HELD_OUT", message: /of 12 documents of heldOutText stand in what/ });
  assert.equal(plan(other).trials, 4);
});

test("another recipe in the same folder is told, and a seed more is trained", async () => {
  await assert.rejects(run("whole", {}, { ...asked, budget: "5steps" }), {
    code: "E_SWEEP_CHANGED",
    message: /base with seed 0.*recipe/,
  });
  assert.equal(readTable("whole"), undisturbed);
  assert.equal(
    readSweep(join(folder, "whole")).budget,
    "3steps",
    "a worker and a report still find the sweep that is there",
  );
  const { done, count } = await run("whole", {}, { ...asked, seeds: [0, 1, 2] });
  assert.deepEqual([done, count], [6, 6]);
});

test("what a sweep before had and this one does not ask for is told before its row goes from the table", async () => {
  const warnings: string[] = [];
  const onWarning = (warning: string) => void warnings.push(warning);
  await run("grown", { onWarning });
  const grown = { ...asked, variations: { ...asked.variations, fast: ["optimizer.learningRate=0.01"] } };
  await run("grown", { onWarning }, grown);
  assert.deepEqual(warnings, [], "a sweep that grows has all it had");
  await run("grown", { onWarning }, { ...asked, seeds: [0], variations: { fast: grown.variations.fast } });
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /tables are without them: slow; base with seed 1; fast with seed 1; their trials stay/);
  assert.doesNotMatch(readTable("grown"), /slow/);
  await run("grown", { onWarning }, grown);
  assert.equal(warnings.length, 1);
  assert.match(readTable("grown"), /slow/);
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
  await assert.rejects(run("odd", { onTrial: trial => trained.push(trial) }, impossible), {
    code: "E_RECIPE_VALUE",
    message: /^the variation odd: --set .*model.heads/,
  });
  await assert.rejects(run("odd", {}, { ...asked, budget: "soon" }), { code: "E_BUDGET", message: /^budget\b/ });
  // One of 3 twice, of 8 trials.
  const few = checkSweep(
    {
      ...{
        recipe: asked.recipe,
        set: [...asked.set, "train.validations=9"],
        seeds: [0],
        base: false,
        budget: "9steps",
      },
      ...{ halving: {}, sobol: { trials: 8, values: { "optimizer.learningRate": { from: 0.001, to: 0.01 } } } },
    },
    "test",
  );
  await assert.rejects(run("odd", {}, few), { code: "E_SWEEP", message: /of 8 trials none/, advice: /^Give 9 trials/ });
  const long = { ...asked, variations: { long: ["model.sequenceLength=32"] } };
  await assert.rejects(run("odd", { onTrial: trial => trained.push(trial) }, long), { code: "E_DATA_LENGTH" });
  await assert.rejects(run("data"), { code: "E_OUTPUT_OTHER" });
  assert.deepEqual(trained, []);
  const { budgets, trials, steps } = planSweep(asked, { out: join(folder, "odd"), data });
  assert.deepEqual([budgets.map(({ variation }) => variation), trials, steps], [["base", "slow"], 4, 12]);
  // One layer is what the base has.
  const same = { ...asked, variations: { ...asked.variations, same: ["model.layers=1"] } };
  const plan = planSweep(same, { out: join(folder, "odd"), data });
  assert.deepEqual([plan.trials, plan.likeBase], [4, ["same"]]);
  assert.match(
    plan.warnings.join("\n"),
    /^same is the recipe as it is.*\nonly 3 steps fit into the budget of every trial/,
  );
  assert.deepEqual(planSweep({ ...same, base: false }, { out: join(folder, "odd"), data }).likeBase, []);
  const told: unknown[] = [];
  const { compared: rows } = await run("like", { onWarning: warning => told.push(warning) }, same);
  assert.deepEqual([told, rows.map(({ name }) => name)], [plan.warnings.slice(0, 1), ["base", "slow"]]);
  assert.equal(planSweep({ ...asked, total: "90s" }, { out: join(folder, "odd"), data }).total, 90);
  const drawn = checkSweep(
    { ...asked, random: { trials: 5, values: { "optimizer.learningRate": [0.001, 0.002] } } },
    "test",
  );
  assert.match(planSweep(drawn, { out: join(folder, "odd"), data }).warnings.join("\n"), /^5 draws were asked for/);
  for (const [total, code] of [
    ["3steps", "E_SWEEP"],
    ["soon", "E_BUDGET"],
  ]) {
    assert.throws(() => planSweep({ ...asked, total: total! }, { out: join(folder, "odd"), data }), {
      code,
      advice: /^Give a time, as "8h";/,
    });
  }
});

test("a worker elsewhere finds the files of recipes, and a result of another trial is refused", async () => {
  const recipe = relative(process.cwd(), join(folder, "own.json"));
  writeFileSync(recipe, JSON.stringify({ extends: "quickstart", name: "own" }));
  const own = { ...asked, recipe, variations: { own: { set: [], recipe }, slow: asked.variations.slow! } };
  await run("own", { signal: AbortSignal.abort() }, own);
  const { recipe: named, variations } = readSweep(join(folder, "own"));
  assert.deepEqual([named, variations.own], [resolve(recipe), { set: [], recipe: resolve(recipe) }]);
  const result = readFileSync(join(folder, "whole/trials/base/seed-0/result.json"), "utf8");
  mkdirSync(join(folder, "own/trials/slow/seed-0"), { recursive: true });
  for (const wrong of [result, result.replace(/"validationLoss".*/, "").replace('"base"', '"slow"')]) {
    writeFileSync(join(folder, "own/trials/slow/seed-0/result.json"), wrong);
    await assert.rejects(report([join(folder, "own")], { out: join(folder, "own.html") }), { code: "E_SWEEP" });
  }
});

test("a value of a grid that is the recipe's own was trained as the base, and a report says so and compares it", async () => {
  const grid = {
    ...asked,
    variations: {},
    seeds: [0],
    grid: { "model.layers": [1, 2], "model.feedForward": [32, 64] },
  };
  const { count } = await run("grid", {}, grid);
  assert.equal(count, 4, "the base and three of four");
  const page = join(folder, "grid.html");
  const { notes } = await report([join(folder, "grid")], { out: page, data: join(folder, "grid-numbers") });
  assert.deepEqual(notes, [
    "model.layers=1 model.feedForward=32 is the recipe as it is: it stands in the table as base",
  ]);
  assert.match(readFileSync(page, "utf8"), /Loss at the end, of 4 trials/);
  assert.doesNotMatch(readFileSync(page, "utf8"), /no result yet|not yet/);
});
