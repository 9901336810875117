// What the types of the library keep away where they are read, and nothing does in JavaScript: each is refused by the option's name,
// before anything is made of it. null is no option anywhere.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../base/errors.ts";
import { quoteValue } from "../base/printable.ts";
import * as library from "../library.ts";
import {
  embed,
  evaluate,
  exportCorpus,
  exportModel,
  fill,
  plan,
  planPrepare,
  prepare,
  pretrain,
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

/**
 * What each function of the library is given, in order: of each argument what an error calls it, and one that is good. Nothing is where
 * they look, so that each ends before anything is made.
 */
type Given = readonly [noun: string, good: unknown];
const model: Given = ["folder", at("run")];
const corpus: Given = ["folder", at("data")];
const lines: Given = ["list of texts", ["a [MASK]"]];
const options = (needed: object = {}): Given => ["options", needed];
const record: Given = ["record", {}];
const signatures: Readonly<Record<string, readonly Given[]>> = {
  addMixer: [record],
  addOptimizer: [record],
  addSchedule: [record],
  embed: [model, lines, options()],
  evaluate: [model, options(task)],
  exportCorpus: [corpus, options({ to: "npy", out: at("out") })],
  exportModel: [model, options()],
  fill: [model, lines, options()],
  mergeMachines: [options(texts)],
  openModel: [model, options()],
  plan: [options({ data: at("data") })],
  planPrepare: [options(texts)],
  prepare: [options(texts)],
  prepareOnMachine: [options(texts), ["machine", { number: 1, of: 2 }]],
  pretrain: [options({ data: at("data"), out: at("run") })],
  "pretrain with resume": [options({ resume: at("run") })],
  pull: [["name", "me/mine"], options({ endpoint: "nowhere" })],
  push: [model, ["name", "me/mine"], options()],
  report: [["list of runs", [at("run")]], options()],
  search: [model, ["file", at("texts.jsonl")], lines, options()],
  serve: [model, options()],
  showCorpus: [corpus, options()],
};

/** An error is made of whatever a program has to say. */
const unheld = ["UserError"];

test("every function of the library is looked at", () => {
  const functions = Object.entries(library).flatMap(([name, value]) => (typeof value === "function" ? [name] : []));
  const ours = Object.keys(signatures).filter(name => !name.includes(" "));
  assert.deepEqual(functions.sort(), [...ours, ...unheld].sort());
});

const exported: Readonly<Record<string, unknown>> = { ...library };

/** Why a function refuses what it is given: a UserError, whatever that is. */
async function failOf(name: string, given: readonly unknown[]): Promise<UserError> {
  const call = exported[name.split(" ")[0]!] as (...given: readonly unknown[]) => unknown;
  try {
    await call(...given);
  } catch (error) {
    assert.ok(error instanceof UserError, `${name}(${given.map(value => quoteValue(value)).join(", ")}): ${error}`);
    return error;
  }
  return assert.fail(`${name} found what is not there`);
}

/** One of each kind that JavaScript has, and what a path cannot be. */
const strange: readonly unknown[] = [
  ...[undefined, null, 5, Number.NaN, 2n, true, {}, [], [5], () => {}, Symbol("a"), new Date(0), Buffer.from("a")],
  ...["", "a\0b"],
];

for (const [name, signature] of Object.entries(signatures)) {
  test(`${name} says which of its arguments is none`, async () => {
    const good = signature.map(([, value]) => value);
    for (const [i, [noun]] of signature.entries()) {
      for (const value of strange) {
        const given = good.with(i, value);
        const isObject = typeof value === "object";
        // Without options there is what else was given, and an object has none that is known.
        if (noun === "options" && (isObject || value === undefined)) continue;
        // An empty list is one; what is done of it is another error.
        if (/^list/.test(noun) && Array.isArray(value) && value.length === 0) continue;
        const { code, message, advice } = await failOf(name, given);
        const said = `${name}, ${noun} ${quoteValue(value)}: ${message}`;
        assert.equal(code, noun === "record" ? "E_EXTENSION" : "E_OPTION", said);
        assert.ok(message.includes(noun) || (noun === "record" && isObject) || noun === "machine", said);
        assert.ok(message.startsWith(name.split(" ")[0]!) || /^list|machine/.test(noun), said);
        assert.notEqual(advice, "");
      }
      // Left out, with all behind it.
      if (!/^(plan|pull)$/.test(name) || noun !== "options") await failOf(name, good.slice(0, i));
    }
  });
}

test("every function of the library refuses an option that it does not have, and takes null for none", async () => {
  for (const [name, signature] of Object.entries(signatures)) {
    const place = signature.findIndex(([noun]) => noun === "options");
    if (place === -1) continue;
    const good = signature.map(([, value]) => value);
    const fail = (added: object) => failOf(name, good.with(place, { ...(good[place] as object), ...added }));
    const unknown = await fail({ qqqqqqqq: 1 });
    assert.equal(unknown.message, `${name} has no option "qqqqqqqq"`);
    const names = /^There are (.*)\.$/.exec(unknown.advice)![1]!.split(", ");
    const near = await fail({ [`${names[0]}s`]: undefined });
    assert.match(near.advice, new RegExp(`^Did you mean ${names[0]}\\b`));
    const without = await fail({});
    for (const option of names) {
      // Without these there is nothing to be done.
      if (!/^(texts|out|to|data|resume|task|text|label|endpoint)$/.test(option)) {
        const withNull = await fail({ [option]: null });
        assert.deepEqual([withNull.code, withNull.message], [without.code, without.message], `${name} ${option}`);
      }
      const refused: unknown[] = [];
      for (const value of kinds) {
        const { code, message } = await fail({ [option]: value });
        const isTold =
          message.includes(`${option} is `) || /^no list of /.test(message) || message.includes(`${option} of `);
        if (code === "E_OPTION" && isTold) refused.push(value);
      }
      // A recipe is a name or an object, and a micro-batch a number or a name.
      const least = /^(recipe|microBatch)$/.test(option) ? 0 : kinds.length - 1;
      assert.ok(
        refused.length >= least,
        `${name} ${option} is refused where it is ${refused.map(value => quoteValue(value))}`,
      );
    }
  }
});

/** Of five kinds an option is one. */
const kinds: readonly unknown[] = ["a", 7, true, () => {}, { five: 5 }, [5]];

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
