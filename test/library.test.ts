// The library as its documentation shows it: the examples of docs/LIBRARY.md and of the doc comments are type-checked against the
// package's own declarations and run, on a little text and for a few steps. What an example says it prints, it prints.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const root = join(import.meta.dirname, import.meta.dirname.includes(join("dist", "test")) ? "../.." : "..");
const folder = mkdtempSync(join(tmpdir(), "cram-library-"));
after(() => rmSync(folder, { recursive: true }));

/** In the order in which a reader would run them: each needs what the one before wrote. */
const commented = [
  ...[
    "prepare/prepare",
    "plan",
    "pretrain/pretrain",
    "model/fill",
    "model/embed",
    "model/search-texts",
    "model/open-model",
  ],
  ...["evaluate/evaluate", "export/export-model", "report/report", "serve/serve-model"],
].map(name => join("src/verbs", `${name}.ts`));

/** The blocks of a page, or of the doc comments of a source. */
function readExamples(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8").replace(/^ \* ?/gm, "");
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(match => match[1]!);
}

/** A project that has the package installed, as a person would. */
function makeProject(name: string): string {
  const project = join(folder, name);
  mkdirSync(join(project, "node_modules"), { recursive: true });
  for (const entry of readdirSync(join(root, "node_modules"))) {
    if (!entry.startsWith(".")) symlinkSync(join(root, "node_modules", entry), join(project, "node_modules", entry));
  }
  symlinkSync(root, join(project, "node_modules/cramming"));
  writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module" }));
  const compilerOptions = { module: "nodenext", target: "es2023", strict: true, types: ["node"], outDir: "out" };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
  mkdirSync(join(project, "texts"));
  const pairs = ["red fox", "grey wolf", "brown bear", "green frog"];
  const documents = Array.from({ length: 300 }, (_, document) => {
    const sentences = Array.from(
      { length: 25 },
      (_, i) => `the ${pairs[(i * 5 + document) % 4]} sleeps in its den ${i}.`,
    );
    return JSON.stringify({ text: `${document}: ${sentences.join(" ")}` });
  });
  writeFileSync(join(project, "texts/animals.jsonl"), documents.join("\n"));
  const moods = Array.from(
    { length: 40 },
    (_, i) => `the ${pairs[i % 4]} ${i % 2 ? "sleeps" : "is"} ${i},${i % 2 ? "calm" : "awake"}`,
  );
  writeFileSync(join(project, "moods.csv"), ["sentence,mood", ...moods].join("\n"));
  return project;
}

/** Between what one example prints and what the next does. */
const mark = "-- the next example --";

function runExamples(project: string, examples: readonly string[]): void {
  // Minutes of training are for readers; the same programs run for a few steps.
  const short = examples.map(example => example.replace(/budget: "\d+m"/g, 'budget: "4steps"'));
  for (const [i, example] of short.entries()) writeFileSync(join(project, `example-${i}.ts`), example);
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const compiled = spawnSync(process.execPath, [compiler], { cwd: project, encoding: "utf8" });
  assert.equal(compiled.status, 0, compiled.stdout);
  // In one process, which loads the library once.
  const lines = short.map((_, i) => `await import("./example-${i}.js");\nconsole.log("${mark}");\n`);
  writeFileSync(join(project, "out/all.js"), lines.join(""));
  const { status, stdout, stderr } = spawnSync(process.execPath, ["out/all.js"], { cwd: project, encoding: "utf8" });
  const printed = stdout.split(`${mark}\n`);
  assert.equal(status, 0, `${short[printed.length - 1]}\n${stderr}`);
  for (const [i, example] of short.entries()) {
    const promised = [...example.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(match => match[1]!);
    if (promised.length > 0) assert.deepEqual(printed[i]!.trim().split("\n"), promised);
    else assert.notEqual(printed[i]!.trim(), "");
  }
}

test("the examples of docs/LIBRARY.md and docs/EXTEND.md", () => {
  const examples = ["docs/LIBRARY.md", "docs/EXTEND.md"].flatMap(readExamples);
  assert.ok(examples.length >= 4);
  runExamples(makeProject("page"), examples);
});

test("the examples of the doc comments, one for each function", () => {
  const imports =
    'import { embed, evaluate, exportModel, fill, openModel, plan, prepare, pretrain, report, search, serve } from "cramming";\n';
  const examples = commented.map(file => {
    const found = readExamples(file);
    assert.equal(found.length, 1, file);
    return `${imports}${found[0]}`;
  });
  runExamples(makeProject("comments"), examples);
});
