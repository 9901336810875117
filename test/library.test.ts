// The library as its documentation shows it: the examples of docs/LIBRARY.md and of the doc comments are type-checked against the
// package's own declarations and run, on a little text and for a few steps. What an example says it prints, it prints.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

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

/** What a project's examples read. */
function makeProject(name: string): string {
  const project = join(folder, name);
  mkdirSync(project);
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

/** Minutes of training are for readers, and a vocabulary of 4,096: the same programs run for a few steps on one that holds their text. */
const shorten = (example: string) =>
  example
    .replace(/(out: "runs\/\w+", recipe: "quickstart"), budget/g, '$1, set: ["model.vocabulary=400"], budget')
    .replace(/budget: "\d+m"/g, 'budget: "4steps"');

const imports =
  'import { embed, evaluate, exportModel, fill, openModel, plan, prepare, pretrain, report, search, serve } from "cramming";\n';
const projects: Readonly<Record<string, readonly string[]>> = {
  page: ["docs/LIBRARY.md", "docs/EXTEND.md"].flatMap(readExamples),
  comments: commented.map(file => {
    const found = readExamples(file);
    assert.equal(found.length, 1, file);
    return `${imports}${found[0]}`;
  }),
};

const endingOf = (name: string) => (name === "page" ? ".mts" : ".ts");

/** All are compiled at once, against the package as a person has it installed. */
before(() => {
  mkdirSync(join(folder, "node_modules"));
  for (const entry of readdirSync(join(root, "node_modules"))) {
    if (!entry.startsWith(".")) symlinkSync(join(root, "node_modules", entry), join(folder, "node_modules", entry));
  }
  symlinkSync(root, join(folder, "node_modules/cramming"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  const compilerOptions = { module: "nodenext", target: "es2023", strict: true, types: ["node"] };
  const places = { rootDir: ".", outDir: "out" };
  const include = Object.keys(projects).map(name => `${name}/*${endingOf(name)}`);
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ compilerOptions: { ...compilerOptions, ...places }, include }),
  );
  for (const [name, examples] of Object.entries(projects)) {
    const project = makeProject(name);
    // Those of the pages as the pages say where package.json says nothing, as npm init leaves it.
    if (name === "page") writeFileSync(join(project, "package.json"), "{}");
    for (const [i, example] of examples.entries())
      writeFileSync(join(project, `example-${i}${endingOf(name)}`), shorten(example));
  }
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const compiled = spawnSync(process.execPath, [compiler], { cwd: folder, encoding: "utf8" });
  assert.equal(compiled.status, 0, compiled.stdout);
});

function runExamples(name: string): void {
  const examples = projects[name]!;
  // In one process, which loads the library once.
  const lines = examples.map(
    (_, i) => `await import("./example-${i}${endingOf(name).replace("ts", "js")}");\nconsole.log("${mark}");\n`,
  );
  const program = join(folder, "out", name, "all.js");
  writeFileSync(program, lines.join(""));
  const cwd = join(folder, name);
  const { status, stdout, stderr } = spawnSync(process.execPath, [program], { cwd, encoding: "utf8" });
  const printed = stdout.split(`${mark}\n`);
  assert.equal(status, 0, `${examples[printed.length - 1]}\n${stderr}`);
  for (const [i, example] of examples.entries()) {
    const promised = [...example.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(match => match[1]!);
    if (promised.length > 0) assert.deepEqual(printed[i]!.trim().split("\n"), promised);
    else assert.notEqual(printed[i]!.trim(), "");
  }
}

test("the examples of docs/LIBRARY.md and docs/EXTEND.md", () => {
  assert.ok(projects.page!.length >= 4);
  runExamples("page");
});

test("the examples of the doc comments, one for each function", () => runExamples("comments"));
