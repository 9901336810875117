// Every option that a message or a help names can be given: after `cram VERB` it is that verb's, elsewhere one verb has all that are named
// together. Read off the text of the sources, for a message is seldom seen.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeProgram } from "../src/cli/program.ts";

const root = join(import.meta.dirname, import.meta.dirname.includes(join("dist", "test")) ? "../.." : "..");

/** String literals of a source, comments left out; the words of a command, which stand in one call, as one text. */
function listTexts(source: string): string[] {
  const plain = source.replace(/\/\*.*?\*\//gs, "").replace(/^\s*\/\/.*$/gm, "");
  const joined = plain.replace(/quoteCommand\(((?:[^()]|\([^()]*\))*)\)/g, (_, words: string) =>
    JSON.stringify(words.replace(/[",]/g, " ").replace(/\s+/g, " ").trim()),
  );
  return joined.match(/"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g) ?? [];
}

/** Commands of ours, each to the end of its sentence or column, and what stands between them. */
const splitCommands = (line: string) => line.split(/(?=\bcram [a-z]+\b)|(?<=\S)\s{3,}|[.,;](?=\s)/);

/** Of compilers and other programs, and a decrement. */
const ofOthers =
  /^--(?:std|fmad|device-as|generate-line|gpu-architecture|gpus|version|expose-gc|no-expose-gc|help|install|save-dev|this|share)\b/;

test("every option that is named can be given", async () => {
  const { commands } = await makeProgram(["completion"]);
  const optionsOf = new Map(
    commands.map(verb => [verb.name(), ["--json", "--help", ...verb.options.flatMap(({ long }) => long ?? [])]]),
  );
  const faults: string[] = [];
  for (const file of readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts") || file.endsWith(".test.ts")) continue;
    const lines = listTexts(readFileSync(join(root, "src", file), "utf8")).flatMap(text => text.split(/\n|\\n/));
    const ours = lines.filter(line => !/\bsbatch\b|\bkubectl\b/i.test(line));
    for (const part of ours.flatMap(splitCommands)) {
      const verb = /^cram ([a-z]+)/.exec(part)?.[1] ?? "";
      const verbs = optionsOf.has(verb) ? [verb] : [...optionsOf.keys()];
      const named = [...part.matchAll(/(?<![\w-]|var\()--[a-z][a-z-]*(?!:)\b/g)].map(([option]) => option);
      const options = named.filter(option => !ofOthers.test(option));
      if (verbs.some(each => options.every(option => optionsOf.get(each)!.includes(option)))) continue;
      faults.push(`${file}: no ${verb || "verb"} has ${options.join(" and ")}: ${part.trim()}`);
    }
  }
  assert.deepEqual(faults, []);
});
