// What the types of the library keep away where they are read, and nothing does in JavaScript: each is refused by the option's name,
// before anything is made of it.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../base/errors.ts";
import {
  embed,
  evaluate,
  exportCorpus,
  exportModel,
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

const noCounts: readonly unknown[] = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, "2", null, 2n, {}];

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
    for (const value of noCounts) {
      // Where a default is taken for what is not there, null is that.
      if (value === null && /^(top|samples|backend)/.test(option)) continue;
      await assert.rejects(call(value as never), refuses(option), `${String(value)}`);
    }
  });
}

const names: Readonly<Record<string, Call>> = {
  "backend of a choice": async backend => completeChoice({ backend }),
  "formats of exportModel": format => exportModel(at("run"), { formats: [format] }),
  "types of exportModel": type => exportModel(at("run"), { types: [type] }),
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
    setting: set => plan({ recipe: "quickstart", set }),
    "setting of an evaluation": set => evaluate(at("run"), { ...task, set }),
  };
  for (const [name, call] of Object.entries(calls)) {
    for (const value of ["a=1", 5, [5], {}])
      await assert.rejects(call(value as never), { code: "E_OPTION", message: /was given where a list of / }, name);
  }
});

test("a micro-batch is a number or auto, and a report is of one run at least", async () => {
  for (const microBatch of [0, -1, 0.5, Number.NaN, "x", null]) {
    const asked = pretrain({ data: at("data"), out: at("run"), microBatch: microBatch as number });
    await assert.rejects(asked, { code: "E_RECIPE_VALUE", message: /^--micro-batch: / }, `${microBatch}`);
  }
  for (const none of [{}, { data: null }])
    await assert.rejects(pretrain(none as never), { code: "E_OPTION", message: "no data is given" });
  await assert.rejects(report([], { out: at("report.html") }), { code: "E_OPTION" });
});

const refuses = (option: string) => (error: unknown) =>
  error instanceof UserError && error.code === "E_OPTION" && error.message.startsWith(`${option} is `);
