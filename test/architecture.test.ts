// The plan of the house, held: who may import whom, no cycles, no drawers, one reader of time and randomness, one room that
// prints. Change the table in the commit that changes the plan, and say why there.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";

/** Room -> rooms it may import besides itself. `recipes` and rooms under `src`; tests may import anything. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  // Rows of files, whatever their format: for texts and for tasks.
  tables: ["base"],
  graph: ["base"],
  compiler: ["base", "graph"],
  backends: ["base", "graph", "compiler"],
  // backends: how a library is called, and no more of it.
  collective: ["base", "backends"],
  nn: ["base", "graph"],
  model: ["base", "graph", "nn", "settings"],
  optim: ["base", "graph", "nn", "settings"],
  settings: ["base"],
  // hub: datasets of it are sources of documents.
  corpus: ["base", "tables", "hub"],
  tokenizer: ["base"],
  dataset: ["base", "tokenizer"],
  checkpoint: ["base", "graph"],
  // What a run trains its model to do: the batches that it feeds, and its loss.
  // optim: the schedules of what is masked.
  objectives: ["base", "graph", "nn", "model", "dataset", "optim"],
  // What a run says about itself, written and read: for the loop, the report and other programs.
  events: ["base"],
  // The loop knows the backend's interface; which backend it is, the command line decides.
  train: [
    "base",
    "graph",
    "backends",
    "collective",
    "nn",
    "model",
    "objectives",
    "optim",
    "settings",
    "dataset",
    "checkpoint",
    "events",
  ],
  // A run's events for other programs; training does not know of it.
  tracking: ["base", "events"],
  // A model opened, whatever folder it lies in: a run, a finetuned model that was kept, another program's.
  pretrained: ["base", "graph", "model", "objectives", "optim", "tokenizer", "checkpoint", "train"],
  // train: finetuning takes the steps of train, each of one micro-batch and as one program.
  evaluate: [
    "base",
    "tables",
    "graph",
    "backends",
    "nn",
    "model",
    "optim",
    "settings",
    "tokenizer",
    "checkpoint",
    "pretrained",
    "train",
  ],
  // Work as SLURM, Kubernetes and a shell are told of it, whatever the work is.
  schedulers: ["base"],
  // Trials of a recipe and what their results say; it trains nothing itself.
  sweep: ["base", "settings"],
  // How the loss depends on size and tokens: fitted to plain numbers.
  scaling: ["base"],
  // Tracks, their records, and whether a challenger beats one.
  records: ["base", "sweep"],
  report: ["base", "events"],
  export: ["base", "graph", "backends", "model", "tokenizer", "checkpoint", "pretrained", "report", "events", "train"],
  hub: ["base"],
  recipes: ["model", "train", "evaluate"],
  machine: ["base", "graph", "backends", "model", "dataset", "objectives", "train"],
  // base: what cannot fit is an error of a person, and is refused here.
  plan: ["base", "graph", "compiler", "model", "objectives", "optim", "events", "train"],
  // What a verb does, without printing: the command line and the library are two doors to it.
  verbs: [
    "base",
    "graph",
    "compiler",
    "backends",
    "collective",
    "model",
    "objectives",
    "optim",
    "corpus",
    "tables",
    "tokenizer",
    "dataset",
    "checkpoint",
    "events",
    "train",
    "tracking",
    "pretrained",
    "evaluate",
    "export",
    "report",
    "hub",
    "machine",
    "plan",
    "recipes",
    "sweep",
    "scaling",
    "records",
    "schedulers",
  ],
  // graph, model, optim: what programs add to the lists is written with these.
  "library.ts": [
    "base",
    "graph",
    "model",
    "optim",
    "corpus",
    "dataset",
    "events",
    "train",
    "evaluate",
    "plan",
    "verbs",
  ],
  cli: [
    "base",
    "compiler",
    "collective",
    "model",
    "objectives",
    "corpus",
    // How what was passed over is said.
    "tables",
    "tokenizer",
    "dataset",
    "events",
    "train",
    "tracking",
    "evaluate",
    "pretrained",
    "export",
    "report",
    "machine",
    "plan",
    "verbs",
    "recipes",
    "sweep",
    "scaling",
    "records",
    "schedulers",
  ],
};
const longestFileLines = 400;
const mostFilesOfAFolder = 15;

const root = findRoot();
const files = listSources("src").concat(listSources("recipes"));
const sources = new Map(files.map(file => [file, readFileSync(join(root, file), "utf8")] as const));
const shipped = files.filter(file => !file.endsWith(".test.ts"));

/** The tests run from dist/, the rules are about the sources beside it. */
function findRoot(): string {
  const here = import.meta.dirname;
  return here.includes(`${join("dist", "test")}`) ? join(here, "../..") : join(here, "..");
}

function listSources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter(name => name.endsWith(".ts"))
    .map(name => join(folder, name));
}

function roomOf(file: string): string {
  const [top, room] = file.split("/");
  return top === "src" ? room! : top!;
}

/** Of values and of types, when a file is loaded and later. */
function listImports(file: string): string[] {
  const text = sources.get(file)!.replace(/^\s*(\/\/|\*|\/\*).*$/gm, "");
  const pattern = /^(?:import|export)\s[^;]*?from\s+"(\.[^"]+)";|\bimport\(\s*"(\.[^"]+)"\s*\)/gm;
  return [...text.matchAll(pattern)].map(([, first, later]) => normalize(join(dirname(file), (first ?? later)!)));
}

/** The source without comments and the contents of strings, so that words in prose and scripts for a browser are not code. */
function codeOf(file: string): string {
  return sources
    .get(file)!
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/^\s*\/\/.*$/gm, "")
    .replace(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g, '""');
}

test("every room imports only the rooms the table allows", () => {
  const broken = shipped.flatMap(file =>
    listImports(file)
      .map(target => [roomOf(file), roomOf(target), target] as const)
      .filter(([from, to]) => from !== to && !mayImport[from]?.includes(to))
      .map(([from, , target]) => `${file} (${from}) imports ${target}`),
  );
  assert.deepEqual(broken, []);
});

test("every room is in the table", () => {
  const unknown = [...new Set(files.map(roomOf))].filter(room => !(room in mayImport));
  assert.deepEqual(unknown, []);
});

test("no import cycles, types and late imports counted", () => {
  const finished = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    if (finished.has(file) || !sources.has(file)) return;
    assert.ok(!path.includes(file), `cycle: ${[...path.slice(path.indexOf(file)), file].join(" -> ")}`);
    for (const target of listImports(file)) visit(target, [...path, file]);
    finished.add(file);
  };
  for (const file of files) visit(file, []);
});

test("no drawers, and no private file used from outside its folder", () => {
  const drawers = files.filter(file => /(^|\/)(utils?|helpers?|common|misc|index)(\/|\.ts$)/.test(file));
  assert.deepEqual(drawers, []);
  const trespassing = files.flatMap(file =>
    listImports(file)
      .filter(target => /\/_[^/]*$/.test(target) && dirname(target) !== dirname(file))
      .map(target => `${file} uses ${target}`),
  );
  assert.deepEqual(trespassing, []);
});

test("time and chance come from base alone", () => {
  const pattern = /\bMath\.random\b|\bDate\.now\b|\bnew Date\(|\bperformance\.now\b|\bprocess\.hrtime\b/;
  assert.deepEqual(
    shipped.filter(file => roomOf(file) !== "base" && pattern.test(codeOf(file))),
    [],
  );
});

/** Files that open files by themselves, and why what stands there cannot be a pipe, a device or endless. */
const opensByItself: Readonly<Record<string, string>> = {
  "src/backends/cpu/build.ts": "/proc",
  "src/backends/cpu/pool.ts": "a template beside the program",
  "src/backends/cuda/load-program.ts": "a template beside the program",
  "src/backends/kernel-cache.ts": "writes drafts of drawn names",
  "src/base/files/files.ts": "it is how the others read",
  "src/base/files/folder-lock.ts": "makes a lock that must not be there; asks the system what it booted",
  "src/base/process-start.ts": "/proc",
  "src/base/threads/thread-seconds.ts": "/proc",
  "src/cli/program.ts": "the program's own package.json",
  "src/corpus/documents-writer.ts": "writes, in a folder that nobody else writes",
  "src/corpus/deduplication/fingerprint-part.ts": "reads back what it wrote, in a folder of its own",
  "src/corpus/deduplication/number-file.ts": "reads back what it wrote, in a folder of its own",
  "src/corpus/mixture/mix-corpus.ts": "writes, in a folder of its own",
  "src/corpus/sources/installed-prose.ts": "regular files of a listing",
  "src/export/exported-files.ts": "files that were just written",
  "src/hub/cached-file.ts": "a regular file that it made",
  "src/hub/pull.ts": "a regular file, of the size that is known",
  "src/machine/cores.ts": "/sys",
  "src/machine/energy.ts": "/sys",
  "src/machine/hardware.ts": "/proc and /sys",
  "src/machine/packages.ts": "package.json of an installed package",
  "src/tracking/tensorboard-log.ts": "makes a file that must not be there",
  "src/tracking/wandb-log.ts": "makes a file anew, in a folder of the run's own",
  "src/events/event-log.ts": "appends to a file that was read, or written whole, before",
};

/** Files that ask for what may not be there, and who tells what the system refuses else: a file above it, links in a circle, no right. */
const forgivesByItself: Readonly<Record<string, string>> = {
  "src/backends/kernel-cache.ts": "explainCacheFailure",
  "src/base/files/files.ts": "explainReadFailure",
  "src/base/files/folder-draft.ts": "explainWriteFailure",
  "src/corpus/documents.ts": "reading",
  "src/corpus/sources/local-files.ts": "tryReading",
};

test("throwIfNoEntry forgives nothing but a place where nothing is, so what else is refused is told, or lookAt is asked", () => {
  const asking = shipped.filter(file => /\bthrowIfNoEntry\b/.test(codeOf(file)));
  assert.deepEqual(asking.sort(), Object.keys(forgivesByItself).sort());
  for (const [file, teller] of Object.entries(forgivesByItself)) assert.ok(codeOf(file).includes(`${teller}(`), file);
});

test("files are read by base/files.ts, which waits for no pipe and has a limit", () => {
  assert.deepEqual(
    shipped.filter(file => /\b(readFileSync|openSync|createReadStream)\(/.test(codeOf(file))).sort(),
    Object.keys(opensByItself).sort(),
  );
});

test("only the command line prints and exits", () => {
  const pattern = /\bconsole\.|\bprocess\.(stdout|stderr)\b|\bprocess\.exit\b/;
  assert.deepEqual(
    shipped.filter(file => roomOf(file) !== "cli" && pattern.test(codeOf(file))),
    [],
  );
  // And of it one file writes, which makes text from outside fit for a terminal.
  assert.deepEqual(
    shipped.filter(file => /\bconsole\.|\.(stdout|stderr)\.write\b/.test(codeOf(file))),
    ["src/cli/terminal/output.ts"],
  );
});

test("no default exports, no any, and every file opens with what it owns", () => {
  assert.deepEqual(
    shipped.filter(file => /^export default/m.test(codeOf(file))),
    [],
  );
  assert.deepEqual(
    shipped.filter(file => /(:|<|\bas|\|)\s*any\b/.test(codeOf(file))),
    [],
  );
  assert.deepEqual(
    shipped.filter(file => !/^(#!.*\n)?\/\//.test(sources.get(file)!)),
    [],
  );
});

test(`no folder holds more than ${mostFilesOfAFolder} files besides their tests`, () => {
  const folders = [...new Set(shipped.map(file => dirname(file)))];
  assert.deepEqual(
    folders.filter(folder => shipped.filter(file => dirname(file) === folder).length > mostFilesOfAFolder),
    [],
  );
});

test(`no file is longer than ${longestFileLines} lines`, () => {
  assert.deepEqual(
    files.filter(file => sources.get(file)!.split("\n").length > longestFileLines),
    [],
  );
});
