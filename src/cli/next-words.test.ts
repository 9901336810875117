// The commands that verbs print to be typed next carry what changed the outcome: every option that the verb has in common with the next
// one, unless it is a matter of the verb itself.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Command } from "commander";
import { addScale, listPlanWords } from "./verbs/analysis/scale.ts";
import { addPlan, listPretrainWords } from "./verbs/plan.ts";
import { addPretrain, listResumeWords } from "./verbs/pretrain.ts";

type Verb = (command: Command) => void;

/** What a verb makes of words, without doing it. */
function readWords(add: Verb, words: readonly string[]): Record<string, unknown> {
  const command = new Command().exitOverride();
  add(command);
  let flags = {};
  command.action(given => (flags = given)).parse(words, { from: "user" });
  return flags;
}

function listOptions(add: Verb): Map<string, string> {
  const command = new Command();
  add(command);
  return new Map(command.options.map(option => [option.long!, option.flags]));
}

/** A value of it that all verbs take. */
const values: Readonly<Record<string, string>> = { "--backend": "cuda", "--sum": "in-order", "--set": "a.b=1" };

/** Every option of `from` that `to` has, but for some: given to the one it stands in the words for the other, with its value. */
function checkCarried(from: Verb, to: Verb, but: readonly string[], list: (flags: never) => readonly string[]): number {
  const theirs = listOptions(to);
  const common = [...listOptions(from)].filter(([option]) => theirs.has(option) && !but.includes(option));
  for (const [option, flags] of common) {
    const words = /[<[]/.test(flags) ? [option, values[option] ?? "3"] : [option];
    const more = option === "--device" ? ["--backend", "cuda"] : [];
    const given = readWords(from, [...words, ...more]);
    const next = readWords(to, list(given as never).slice(1));
    const key = Object.keys(given).find(
      name => `--${name.replace(/[A-Z]/g, at => `-${at.toLowerCase()}`)}` === option,
    )!;
    assert.deepEqual(next[key], given[key], option);
  }
  return common.length;
}

test("plan's next command has what was planned with", () => {
  assert.ok(checkCarried(addPlan, addPretrain, ["--json"], listPretrainWords) >= 7);
  // The figures of a device that is not here choose nothing here.
  assert.ok(!listPretrainWords({ recipe: "quickstart", set: [], device: "h200" }).includes("--device"));
});

test("scale's next command has what the law is of", () => {
  const list = (flags: object) => listPlanWords(flags, "scales/mine");
  assert.ok(checkCarried(addScale, addPlan, ["--json"], list) >= 6);
});

test("a run is resumed with what it does not remember", () => {
  const isOfRun = ["--recipe", "--set", "--budget", "--out", "--init-from", "--micro-batch", "--sync", "--data"];
  const isOfRunAgain = ["--backend", "--threads", "--device"];
  const isOfCommand = ["--resume", "--from-step", "--extend", "--verify", "--json"];
  const list = (flags: never) => ["pretrain", ...listResumeWords(flags)];
  assert.ok(checkCarried(addPretrain, addPretrain, [...isOfRun, ...isOfRunAgain, ...isOfCommand], list) >= 7);
  // What a run was resumed on is not what it began on.
  const listAgain = (flags: object) => ["pretrain", ...listResumeWords({ set: [], ...flags, resume: "runs/mine" })];
  assert.ok(checkCarried(addPretrain, addPretrain, [...isOfRun.slice(0, -1), ...isOfCommand], listAgain) >= 11);
});
