// A value that an option cannot have is told alike, whatever the verb: the option once, with the value as it was typed, why, and an
// example.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startWarmProgram } from "../../test/warm-program.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-bad-values-"));
writeFileSync(join(folder, "t.txt"), "the cat sat on the mat\n");
const program = startWarmProgram(folder);
after(() => {
  program.close();
  rmSync(folder, { recursive: true });
});

/** What a verb needs beside the option that is looked at, so that it comes as far as reading that. */
const needed: Readonly<Record<string, readonly string[]>> = {
  ...{ quickstart: [], plan: [], doctor: [], dashboard: ["."], serve: ["x"], evaluate: ["x"], fill: ["x", "[MASK]"] },
  ...{ prepare: ["t.txt", "--out", "o"], pretrain: ["--data", "x"], scale: ["--data", "x", "--out", "y"] },
  ...{ embed: ["x", "t.txt", "--out", "o.npy"], search: ["x", "t.txt", "q"], corpus: ["show", "x"] },
  ...{ sweep: ["--recipe", "quickstart", "--set", "model.layers=1,2", "--data", "x", "--out", "y"] },
  launch: ["slurm"],
};

/** What else an option needs to be read at all. */
const beside: Readonly<Record<string, readonly string[]>> = {
  "pretrain --extend": ["--resume", "x"],
  "pretrain --from-step": ["--resume", "x"],
  "prepare --machines": ["--launcher", "slurm"],
};

/** What stands in the help for the value of an option that is read by a small grammar. */
const grammars = new Set(["number", "tokens", "bytes", "share", "t", "time", "amount", "list", "step", "i/n"]);
const others = ["pretrain --sync", "pretrain --micro-batch"];
/** Names, of which a number is one. */
const named = ["plan --device"];

interface Told {
  readonly message: string;
  readonly advice: string;
}

async function tell(verb: string, option: string, value: string): Promise<Told> {
  const own = needed[verb]!.filter((word, i, words) => word !== option && words[i - 1] !== option);
  const more = beside[`${verb} ${option}`];
  const words = more?.[0] === "--resume" ? more : [...own, ...(more ?? [])];
  const tail = verb === "launch" ? ["--", "pretrain", "--data", "x"] : [];
  const { stderr, status } = await program.run(verb, ...words, `${option}=${value}`, "--json", ...tail);
  assert.equal(status, 1, `${verb} ${option}=${value}\n${stderr}`);
  return JSON.parse(stderr.trim().split("\n").at(-1)!) as Told;
}

const looked: [verb: string, option: string][] = [];
for (const [verb, words] of Object.entries(needed)) {
  const { stdout } = await program.run(verb, ...(verb === "corpus" ? words.slice(0, 1) : []), "--help");
  for (const [, option = "", value = ""] of stdout.matchAll(/^ {2}(--[a-z-]+) <([^>]+)>/gm)) {
    const name = `${verb} ${option}`;
    if (!named.includes(name) && (grammars.has(value) || others.includes(name))) looked.push([verb, option]);
  }
}

test("a time of an attempt, which has no steps, is not advised in them", async () => {
  for (const bad of ["abc", "300steps"]) {
    const { message, advice } = await tell("launch", "--time", bad);
    assert.match(message, new RegExp(`^--time "?${bad}"?: `));
    assert.equal(advice, 'Write it as "30m" or "4h".');
  }
});

test("options of every verb are looked at", () => assert.ok(looked.length > 30, String(looked)));

for (const [verb, option] of looked) {
  test(`${verb} ${option} is told with its value, a reason and an example`, async () => {
    for (const bad of ["abc", "-1", ""]) {
      const { message, advice } = await tell(verb, option, bad);
      const said = `${message} | ${advice}`;
      assert.equal(message.split(option).length, 2, said);
      const typed = bad === "" ? /^\S+ (?:''|""): \S/ : new RegExp(`^\\S+ "?${bad}"?: \\S`);
      assert.match(message, typed, said);
      const example = /as in --[a-z-]+ ([^\s;]+?)[.,;]?(?:\s|$)/.exec(advice)?.[1] ?? /as "([^"]+)"/.exec(advice)?.[1];
      assert.ok(example, said);
    }
  });
}
