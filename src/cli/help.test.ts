// Help that helps: every verb there is, now and later, shows examples of itself and has --json; colours can be turned off.

import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { after, test } from "node:test";
import { startWarmProgram } from "../../test/warm-program.ts";
import { colour, dressText } from "./terminal/output.ts";

const program = startWarmProgram(process.cwd());
after(() => program.close());

async function help(...words: string[]): Promise<string> {
  const { stdout, status } = await program.run(...words, "--help");
  assert.equal(status, 0);
  return stdout;
}

const whole = await help();
const verbs = [...whole.matchAll(/^ {2}([a-z-]+) {2,}[a-z]/gm)].map(match => match[1]!).filter(verb => verb !== "help");

test("the program's help lists its verbs, with examples and exit codes", () => {
  assert.ok(verbs.length >= 10, verbs.join(" "));
  for (const code of ["0 done", "1 ", "2 a bug", "130 "]) assert.ok(whole.includes(code), code);
  assert.match(whole, /Examples:\n {2}cram /);
  assert.match(whole, /NO_COLOR/);
});

test("the start of every command loads commander and a few small files", () => {
  const loaded = new Set<string>();
  const load = (file: string) => {
    if (loaded.has(file)) return;
    loaded.add(file);
    if (!file.startsWith("file:")) return;
    // Static imports alone: the others wait for a verb.
    for (const [, name] of readFileSync(new URL(file), "utf8").matchAll(
      /^(?:import|export) (?:[^;"]* from )?"([^"]+)"/gm,
    ))
      load(name!.startsWith(".") ? new URL(name!, file).href : name!);
  };
  load(new URL("program.js", import.meta.url).href);
  const packages = [...loaded].filter(name => !/^(?:file|node):/.test(name));
  assert.deepEqual(packages, ["commander"]);
  const bytes = [...loaded].filter(name => name.startsWith("file:")).map(name => statSync(new URL(name)).size);
  assert.ok(bytes.length > 2 && bytes.reduce((sum, size) => sum + size) < 32_000, `${bytes}`);
});

for (const verb of verbs) {
  test(`${verb} has --json and shows examples of itself`, async () => {
    const text = await help(verb);
    assert.match(text, /^ {2}--json /m);
    const examples = text.slice(text.indexOf("\nExample"));
    assert.match(examples, new RegExp(`^ {2}.*\\bcram ${verb}\\b`, "m"));
  });

  test(`${verb} with an option that it has not names its own help`, async () => {
    const { stderr, status } = await program.run(verb, "--no-such-option");
    assert.equal(status, 1);
    assert.match(stderr, new RegExp(`cram ${verb} --help`));
  });
}

test("colours go to terminals alone, and NO_COLOR turns them off", () => {
  const terminal = { isTTY: true } as NodeJS.WriteStream;
  const before = process.env.NO_COLOR;
  try {
    delete process.env.NO_COLOR;
    assert.equal(dressText(colour("red", "x", terminal), true), "\u001b[31mx\u001b[0m");
    assert.equal(colour("red", "x", { isTTY: false } as NodeJS.WriteStream), "x");
    process.env.NO_COLOR = "1";
    assert.equal(colour("red", "x", terminal), "x");
    // no-color.org: only when not an empty string.
    process.env.NO_COLOR = "";
    assert.equal(dressText(colour("red", "x", terminal), true), "\u001b[31mx\u001b[0m");
  } finally {
    if (before === undefined) delete process.env.NO_COLOR;
    else process.env.NO_COLOR = before;
  }
});
