// Every option that a message, a help or a page of the documentation names can be given: after `cram VERB` it is that verb's, elsewhere one
// verb has all that are named together. Read off the text of the sources, for a message is seldom seen.

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

/** What `cram launch` is given behind -- is a command of its own. */
const separateLaunched = (line: string) => line.replace(/(\bcram launch .*?) -- /, "$1 && cram ");

/** Commands of ours, each to the end of its sentence or column, and what stands between them. */
const splitCommands = (line: string) => line.split(/(?=\bcram [a-z]+\b)|(?<=\S)\s{3,}|[.,;](?=\s)/);

/** Of compilers and other programs, and a decrement. */
const ofOthers =
  /^--(?:std|fmad|device-as|generate-line|gpu-architecture|gpus|version|expose-gc|no-expose-gc|interrupt-budget|help|install|save-dev|this|share|parsable|job)\b/;

test("every option that is named can be given", async () => {
  const { commands } = makeProgram(["completion"]);
  const optionsOf = new Map(
    commands.map(verb => [verb.name(), ["--json", "--help", ...verb.options.flatMap(({ long }) => long ?? [])]]),
  );
  const faults: string[] = [];
  for (const file of readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })) {
    // A scheduler's options are not ours, and mpirun's.
    if (!file.endsWith(".ts") || file.endsWith(".test.ts") || /^schedulers|\/mpirun\.ts$/.test(file)) continue;
    const lines = listTexts(readFileSync(join(root, "src", file), "utf8")).flatMap(text => text.split(/\n|\\n/));
    const ours = lines.filter(line => !/\bsbatch\b|\bkubectl\b/i.test(line));
    for (const part of ours.map(separateLaunched).flatMap(splitCommands)) {
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

const pages = ["README.md", ...readdirSync(join(root, "docs")).map(name => `docs/${name}`)].filter(
  page => page.endsWith(".md") && !page.endsWith("LOG.md"),
);

/** Lines of code that begin a command of ours, without what is piped, redirected or remarked behind it. */
function listCommands(text: string): string[] {
  const fenced = [...text.matchAll(/^```(?:sh|bash|console)?\n([\s\S]*?)^```$/gm)].flatMap(([, block]) =>
    block!.split("\n"),
  );
  const indented = text.split("\n").filter(line => line.startsWith("    "));
  return [...fenced, ...indented]
    .flatMap(line => separateLaunched(line).split(/&&|\|(?= )/))
    .map(line =>
      line
        .trimStart()
        .replace(/\s+#.*$|(?<=\S)\s{4,}.*$/, "")
        .replace(/^[\s$]*(?:[A-Z_]+=\S+ )?(?:npx )?/, ""),
    )
    .filter(line => /^cram [a-z]/.test(line));
}

const splitWords = (line: string) =>
  (line.match(/"[^"]*"|'[^']*'|\S+/g) ?? []).map(word => word.replace(/^["']|["']$/g, ""));

test("every command on a page is one that the program takes", async () => {
  const { commands } = makeProgram(["completion"]);
  const faults: string[] = [];
  let seen = 0;
  for (const page of pages) {
    for (const line of listCommands(readFileSync(join(root, page), "utf8"))) {
      const [, verb, ...words] = splitWords(line);
      const command = commands.find(each => each.name() === verb);
      seen++;
      if (command === undefined) {
        faults.push(`${page}: no verb ${verb}: ${line}`);
        continue;
      }
      for (const [i, word] of words.entries()) {
        if (!word.startsWith("--")) continue;
        const [flag, given] = word.split("=") as [string, string?];
        const option = command.options.find(({ long }) => long === flag);
        const value = given ?? words[i + 1];
        if (option === undefined && flag !== "--help") faults.push(`${page}: ${verb} has no ${flag}: ${line}`);
        else if (option?.argChoices !== undefined && !option.argChoices.includes(value!))
          faults.push(`${page}: ${flag} ${value} is no choice: ${line}`);
      }
    }
  }
  assert.deepEqual(faults, []);
  assert.ok(seen > 30, `${seen}`);
});
