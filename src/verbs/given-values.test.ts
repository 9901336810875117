// What the types of the library keep away where they are read, and nothing does in JavaScript: each is refused by the option's name,
// before anything is made of it. null is no option anywhere.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../base/errors.ts";
import * as library from "../library.ts";
import {
  embed,
  evaluate,
  exportCorpus,
  exportModel,
  fill,
  mergeMachines,
  openModel,
  plan,
  planPrepare,
  prepare,
  prepareOnMachine,
  pretrain,
  pull,
  push,
  report,
  search,
  serve,
  showCorpus,
} from "../library.ts";
import { completeChoice } from "./backend.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-given-"));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

const noCounts: readonly unknown[] = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, "2", 2n, {}];

type Call = (value: never) => Promise<unknown>;
const texts = { texts: [at("texts")], out: at("data") };
const task = { task: at("task.csv"), text: ["text"], label: "label" };
const counts: Readonly<Record<string, Call>> = {
  "threads of a backend": async threads => completeChoice({ threads }),
  "device of a backend": async device => completeChoice({ backend: "cuda", device }),
  "threads of plan": threads => plan({ recipe: "quickstart", threads }),
  "batchTexts of embed": batchTexts => embed(at("run"), ["a"], { batchTexts }),
  "top of search": top => search(at("run"), at("texts.jsonl"), ["a"], { top }),
  "seeds of evaluate": seeds => evaluate(at("run"), { ...task, seeds }),
  "maxTrain of evaluate": maxTrain => evaluate(at("run"), { ...task, maxTrain }),
  "port of serve": port => serve(at("run"), { port }),
  "samples of showCorpus": samples => showCorpus(at("data"), { samples }),
  "vocabulary of prepare": vocabulary => prepare({ ...texts, vocabulary }),
  "alphabetLimit of prepare": alphabetLimit => prepare({ ...texts, alphabetLimit }),
  "sequenceLength of prepare": sequenceLength => prepare({ ...texts, sequenceLength }),
  "limitBytes of prepare": limitBytes => prepare({ ...texts, limitBytes }),
  "seed of planPrepare": seed => planPrepare({ ...texts, seed }),
  "threads of prepare": threads => prepare({ ...texts, threads }),
  "memoryBytes of prepare": memoryBytes => prepare({ ...texts, memoryBytes }),
};

for (const [name, call] of Object.entries(counts)) {
  test(`${name} is a whole number`, async () => {
    const option = name.split(" ")[0]!;
    for (const value of noCounts) await assert.rejects(call(value as never), refuses(option), `${String(value)}`);
  });
}

const names: Readonly<Record<string, Call>> = {
  "backend of a choice": async backend => completeChoice({ backend }),
  "formats of exportModel": format => exportModel(at("run"), { formats: [`${format}` as never] }),
  "types of exportModel": type => exportModel(at("run"), { types: [`${type}` as never] }),
  "normaliser of prepare": normaliser => prepare({ ...texts, normaliser }),
  "to of exportCorpus": to => exportCorpus(at("data"), { to, out: at("out") }),
};

for (const [name, call] of Object.entries(names)) {
  test(`${name} is a name that there is`, async () => {
    for (const value of ["onyx", "", 5, "constructor"])
      await assert.rejects(call(value as never), refuses(name.split(" ")[0]!), `${value}`);
  });
}

test("what is a list is no single text", async () => {
  const calls: Readonly<Record<string, Call>> = {
    filter: filters => prepare({ ...texts, filters }),
    query: queries => search(at("run"), at("texts.jsonl"), queries),
    column: text => evaluate(at("run"), { ...task, text }),
    file: decontaminate => prepare({ ...texts, decontaminate }),
    task: tasks => evaluate(at("run"), { suite: "glue", suiteDir: at("glue"), tasks }),
    format: formats => exportModel(at("run"), { formats }),
    type: types => exportModel(at("run"), { types }),
    setting: set => plan({ recipe: "quickstart", set }),
    "setting of an evaluation": set => evaluate(at("run"), { ...task, set }),
  };
  for (const [name, call] of Object.entries(calls)) {
    for (const value of ["a=1", 5, [5], {}])
      await assert.rejects(call(value as never), { code: "E_OPTION", message: /was given where a list of / }, name);
  }
});

test("a micro-batch is a number or auto, and a report is of one run at least", async () => {
  for (const microBatch of [0, -1, 0.5, Number.NaN, "x"]) {
    const asked = pretrain({ data: at("data"), out: at("run"), microBatch: microBatch as number });
    await assert.rejects(asked, { code: "E_RECIPE_VALUE", message: /^--micro-batch: / }, `${microBatch}`);
  }
  for (const none of [{}, { data: null }])
    await assert.rejects(pretrain(none as never), { code: "E_OPTION", message: "no data is given" });
  await assert.rejects(report([], { out: at("report.html") }), { code: "E_OPTION" });
});

test("an export of no formats is none", async () => {
  await assert.rejects(exportModel(at("run"), { formats: [] }), { code: "E_OPTION", message: /no formats/ });
  await assert.rejects(exportModel(at("run"), { types: [] }), { code: "E_OPTION", message: /no types/ });
});

/** What each function of the library needs beside its options, so that it ends before anything is made: nothing is where it looks. */
const calls: Readonly<Record<string, (options: object) => Promise<unknown>>> = {
  embed: options => embed(at("run"), ["a"], options),
  evaluate: options => evaluate(at("run"), { ...task, ...options }),
  exportCorpus: options => exportCorpus(at("data"), { to: "npy", out: at("out"), ...options }),
  exportModel: options => exportModel(at("run"), options),
  fill: options => fill(at("run"), ["a [MASK]"], options),
  mergeMachines: options => mergeMachines({ ...texts, ...options }),
  openModel: options => openModel(at("run"), options),
  plan: options => plan({ data: at("data"), ...options }),
  planPrepare: options => planPrepare({ ...texts, ...options }),
  prepare: options => prepare({ ...texts, ...options }),
  prepareOnMachine: options => prepareOnMachine({ ...texts, ...options }, { number: 1, of: 2 }),
  pretrain: options => pretrain({ data: at("data"), out: at("run"), ...options }),
  "pretrain with resume": options => pretrain({ resume: at("run"), ...options }),
  pull: options => pull("me/mine", { endpoint: "nowhere", ...options }),
  push: options => push(at("run"), "me/mine", options),
  report: options => report([at("run")], options),
  search: options => search(at("run"), at("texts.jsonl"), ["a"], options),
  serve: options => serve(at("run"), options),
  showCorpus: options => showCorpus(at("data"), options),
};

/** Without options: they add records, which have schemas. */
const adders = ["addMixer", "addOptimizer", "addSchedule", "UserError"];

test("every function of the library refuses an option that it does not have, and takes null for none", async () => {
  const functions = Object.entries(library).flatMap(([name, value]) => (typeof value === "function" ? [name] : []));
  const ours = Object.keys(calls).filter(name => !name.includes(" "));
  assert.deepEqual(functions.sort(), [...ours, ...adders].sort());
  for (const [name, call] of Object.entries(calls)) {
    const failOf = (options: object) =>
      call(options).then(
        () => assert.fail(`${name} found what is not there`),
        (error: unknown) => {
          assert.ok(error instanceof UserError, `${name} ${JSON.stringify(options)}: ${error}`);
          return error;
        },
      );
    const unknown = await failOf({ qqqqqqqq: 1 });
    assert.equal(unknown.message, `${name} has no option "qqqqqqqq"`);
    const names = /^There are (.*)\.$/.exec(unknown.advice)![1]!.split(", ");
    const near = await failOf({ [`${names[0]}s`]: undefined });
    assert.match(near.advice, new RegExp(`^Did you mean ${names[0]}\\b`));
    const without = await failOf({});
    for (const option of names) {
      // Without these there is nothing to be done.
      if (/^(texts|out|to|data|resume|task|text|label|endpoint)$/.test(option)) continue;
      const withNull = await failOf({ [option]: null });
      assert.deepEqual([withNull.code, withNull.message], [without.code, without.message], `${name} ${option}`);
    }
  }
});

test("what an option of a training holds is known by its names, too", async () => {
  const cases: Readonly<Record<string, object>> = {
    'on of pretrain has no option "validations"': { on: { validations: () => {} } },
    'wandb of pretrain has no option "projects"': { wandb: { projects: "x" } },
    'mlflow of pretrain has no option "url"': { mlflow: { url: "http://127.0.0.1" } },
    "wandb of pretrain: its options are true": { wandb: true },
    'pretrain with resume has no option "recipe"': { resume: at("run"), recipe: "quickstart" },
  };
  for (const [message, options] of Object.entries(cases))
    await assert.rejects(pretrain({ data: at("data"), ...options }), { code: "E_OPTION", message });
  await assert.rejects(fill(at("run"), ["a"], 5 as never), { code: "E_OPTION", message: "fill: its options are 5" });
});

const refuses = (option: string) => (error: unknown) =>
  error instanceof UserError && error.code === "E_OPTION" && error.message.startsWith(`${option} is `);
