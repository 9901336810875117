// Every command and block of code on a page of the documentation is run, or stands in a table here with the reason why not: a new one
// that is neither makes this red. Commands run one behind the other in a process, on a little text and for a few steps.

import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { build, transform } from "esbuild";
import { type Block, listBlocks, listPages } from "./page-blocks.ts";

const root = join(import.meta.dirname, import.meta.dirname.includes(join("dist", "test")) ? "../.." : "..");
const project = mkdtempSync(join(tmpdir(), "cram-pages-"));
after(() => rmSync(project, { recursive: true, force: true }));

/** Pages whose lines of commands are run here, in their order, and the folder of the repository whose files they speak of. */
const runHere: Readonly<Record<string, string | undefined>> = {
  "docs/TUTORIAL.md": undefined,
  "docs/HOWTO.md": undefined,
  "docs/CLUSTER.md": undefined,
  "examples/classifier/README.md": "examples/classifier",
  "examples/languages/README.md": undefined,
  "examples/notebook/README.md": "examples/notebook",
  "examples/search-page/README.md": "examples/search-page",
  "examples/node-service/README.md": "examples/node-service",
};

/** Lines of those pages that are not run as they stand, by how they begin. */
const notRun: Readonly<Record<string, string>> = {
  "cram quickstart": "three minutes of training; its parts are commands of these pages",
  "cram dashboard runs": "does not end: dashboard-server.test.ts",
  "cram serve runs/mine": "does not end: serve.test.ts",
  "npm install onnxruntime-web @huggingface/tokenizers vite": "development dependencies that are here, but for vite",
  "npx vite build": "esbuild bundles the page below, as vite does, and its search is run",
  "npx vite preview": "does not end",
  "node service.mjs runs/mine 8080": "does not end: run below, on a free port",
  "curl --json": "asked below by fetch",
  "cram prepare  hf:": "needs the hub: hub-datasets.test.ts",
  "cram serve    runs/mine": "does not end: serve.test.ts",
  "cram scale ": "trains a ladder: scale.test.ts",
  "cram record ": "trains a record and its challenger: record.test.ts",
  "cram dashboard runs/": "does not end: dashboard-server.test.ts",
  "cram doctor": "measures the machine: doctor.test.ts",
  "cram inspect  --recipe crammed-bert --time": "times the paper's model; another is inspected here",
  "cram pretrain --data data/mine --backend cuda": "needs a GPU: cuda-device.test.ts",
  "cram pretrain --data data/mine --devices": "needs an mpirun: trained-ranks.test.ts runs its like where one is",
  "cram pretrain --resume runs/mine --devices": "needs an mpirun: trained-ranks.test.ts runs its like where one is",
  "docker build": "needs an engine of containers: dockerfile.test.ts reads what it builds",
};

/** Blocks that are run or held by another test, or run below in their own way, by page and how they begin; a test names the page. */
const runElsewhere: readonly { page: string; begins: string; by: string }[] = [
  { page: "docs/LIBRARY.md", begins: "import ", by: "test/library.test.ts" },
  { page: "docs/EXTEND.md", begins: "import ", by: "test/library.test.ts" },
  { page: "README.md", begins: "recipes/ ", by: "test/shown-sources.test.ts" },
  { page: "CONTRIBUTING.md", begins: "# src/", by: "test/shown-sources.test.ts" },
  { page: "CONTRIBUTING.md", begins: "+export const rte", by: "test/shown-sources.test.ts" },
  { page: "README.md", begins: "cram prepare  TEXT…", by: "test/pages.test.ts" },
  { page: "docs/EXTEND.md", begins: "// mine.mjs", by: "test/pages.test.ts" },
  { page: "docs/EXTEND.md", begins: "cram pretrain", by: "test/pages.test.ts" },
  { page: "docs/EXTEND.md", begins: "CRAM_EXTENSIONS=", by: "test/pages.test.ts" },
];

/** Blocks that no test runs, by page and how they begin, and why. */
const listed: readonly { page: string; begins: string; why: string }[] = [
  {
    page: "README.md",
    begins: "npm install && npm run quickstart",
    why: "three minutes; its parts are commands of HOWTO",
  },
  { page: "README.md", begins: "reading: ", why: "what the command above it printed on one machine" },
  { page: "README.md", begins: "npm install && npm test", why: "this is a part of it" },
  {
    page: "README.md",
    begins: "cram pretrain --data data/mine --recipe crammed-bert --backend cuda",
    why: "needs a GPU: cuda-device.test.ts",
  },
  { page: "CONTRIBUTING.md", begins: "// test/conformance/mine.test.ts", why: "of a backend that is not there" },
  { page: "docs/ANALYSIS.md", begins: "bash bench/analysis/run.sh", why: "hours of training" },
];

const pages = listPages(root);
const blocks = pages.flatMap(page => listBlocks(root, page));
/** README's verbs in lines, each with a remark behind it. */
const overview = blocks.find(({ page, lines }) => page === "README.md" && lines[0]!.startsWith("cram prepare  TEXT…"))!;
const isCommands = ({ language }: Block) => ["sh", "indented"].includes(language);
const isNotRun = (line: string) => Object.keys(notRun).some(begins => line.startsWith(begins));
const tabled: readonly { page: string; begins: string }[] = [...runElsewhere, ...listed];
const isOf = (row: { page: string; begins: string }, { page, lines }: Block) =>
  row.page === page && lines[0]!.startsWith(row.begins);
const linesOf = (page: string) =>
  blocks
    .filter(block => block.page === page && isCommands(block))
    .flatMap(({ lines }) => lines.filter(line => line.trim() !== ""));

test("every block is run here or elsewhere, or stands in the table with its reason", () => {
  assert.ok(blocks.length > 40);
  const loose = blocks.filter(block => {
    if (block.page in runHere && (isCommands(block) || ["yaml", "json"].includes(block.language))) return false;
    return !tabled.some(row => isOf(row, block));
  });
  assert.deepEqual(
    loose.map(({ page, lines }) => `${page}: ${lines[0]}`),
    [],
  );
});

test("nothing stands in the tables that no page has", () => {
  for (const row of tabled)
    assert.ok(
      blocks.some(block => isOf(row, block)),
      `${row.page}: ${row.begins}`,
    );
  const lines = [...Object.keys(runHere).flatMap(linesOf), ...overview.lines];
  for (const begins of Object.keys(notRun))
    assert.ok(
      lines.some(line => line.startsWith(begins)),
      begins,
    );
  for (const { page, by } of runElsewhere) assert.ok(readFileSync(join(root, by), "utf8").includes(page), by);
});

test("what is not run, and why", async context => {
  const rows = [
    ...listed.map(({ page, begins, why }) => [`${page}: ${begins}`, why] as const),
    ...Object.entries(notRun),
  ];
  for (const [name, why] of rows) await context.test(name, { skip: why });
});

const splitWords = (line: string) =>
  (line.match(/"[^"]*"|'[^']*'|\S+/g) ?? []).map(word => word.replace(/^["']|["']$/g, ""));

const tiny = ["width=16", "layers=1", "heads=2", "feedForward=32", "vocabulary=128", "sequenceLength=16"].flatMap(
  pair => ["--set", `model.${pair}`],
);
/** `tiny` without what a line sets itself: a sweep refuses a path that stands twice. */
const tinyBeside = (words: readonly string[]) =>
  tiny
    .filter(word => word.includes("=") && !words.some(own => own.split("=")[0] === word.split("=")[0]))
    .flatMap(pair => ["--set", pair]);
const few = [
  ...["train.microBatchSequences=4", "schedule.batchSequences=4", "train.validations=1", "data.validationSequences=4"],
]
  .flatMap(pair => ["--set", pair])
  .concat("--budget", "4steps");
/** Nothing to be compiled. */
const plain = ["--backend", "reference"];

/** What makes a command short: the last of an option that is given twice counts. */
function shorten(words: readonly string[]): string[] {
  const [verb, ...given] = words as [string, ...string[]];
  // Printed instead of handed to a scheduler.
  if (verb === "launch") return words.filter(word => word !== "--submit");
  const rest = given.map((word, i) => (given[i - 1] === "--extend" ? "4steps" : word));
  if (verb === "prepare")
    return [
      verb,
      ...rest,
      // A tokenizer that is given has its own.
      ...(words.includes("--tokenizer") ? [] : ["--vocabulary", words.includes("bpe") ? "300" : "128"]),
      "--sequence-length",
      words.includes("bpe") ? "32" : "16",
      "--hold-out",
      "0.2",
    ];
  if (verb === "plan") return [verb, ...rest, ...tiny, "--device", "a6000"];
  if (verb === "pretrain" && !rest.includes("--resume"))
    return [
      verb,
      ...rest,
      ...tiny,
      ...(words.includes("data/code") ? ["--set", "model.vocabulary=300", "--set", "model.sequenceLength=32"] : []),
      ...few,
      ...plain,
    ];
  if (verb === "evaluate") {
    const kept = rest.includes("--keep-models") ? [] : ["--keep-models"];
    const one = rest.includes("--glue-dir") ? ["--tasks", "sst2"] : [];
    return [verb, ...rest, ...kept, ...one, "--seeds", "1", "--set", "maxLength=16", "--set", "epochs=1", ...plain];
  }
  // One file of them all is enough.
  if (verb === "export" && !rest.includes("--types")) return [verb, ...rest, "--types", "f32", ...plain];
  if (verb === "inspect") return [verb, ...rest, ...tiny];
  if (verb === "sweep" && rest.includes("--recipe"))
    return [verb, ...rest, ...tinyBeside(rest), ...few, "--seeds", "1", ...plain];
  if (verb === "sweep" && !rest.includes("--plan")) return [verb, ...rest, ...plain];
  return ["pretrain", "fill", "embed", "search", "export"].includes(verb) ? [verb, ...rest, ...plain] : [verb, ...rest];
}

/** Lines of `cram` and the folders that they are run in. */
type Lines = readonly { readonly folder: string; readonly line: string }[];

/** Runs them in one process, in their order; the first that fails is the last. */
function runCommands(lines: Lines, environment: Readonly<Record<string, string>> = {}): void {
  const commands = lines.map(({ folder, line }) => ({ folder, line, words: shorten(splitWords(line).slice(1)) }));
  const program = pathToFileURL(join(root, "dist/src/cli/program.js")).href;
  const runner = join(project, "runner.mjs");
  writeFileSync(
    runner,
    `const { runCommand } = await import(${JSON.stringify(program)});
for (const { folder, line, words } of JSON.parse(process.argv[2])) {
  process.chdir(folder);
  await runCommand(words);
  if (process.exitCode) { console.error("it failed: " + line); break; }
}`,
  );
  const { status, stdout, stderr } = spawnSync(process.execPath, [runner, JSON.stringify(commands)], {
    encoding: "utf8",
    env: { ...process.env, ...environment },
  });
  assert.equal(status, 0, `${stderr}\n${stdout.slice(-2000)}`);
}

/** A page's sweep at the size of its runs, with one seed; those of bytes have the sizes of theirs. */
function shortenSweep(text: string): string {
  const settings = [...tiny, ...few].filter(word => word.includes("="));
  const { variations, ...sweep } = JSON.parse(text) as { variations: Record<string, { readonly data?: string }> };
  const ofBytes = { set: ["model.vocabulary=300", "model.sequenceLength=32"] };
  const sized = Object.entries(variations).map(([name, own]) => [
    name,
    own.data === "data/bytes" ? { ...own, ...ofBytes } : own,
  ]);
  return JSON.stringify({
    ...{ ...sweep, variations: Object.fromEntries(sized) },
    ...{ seeds: [0], budget: "4steps", set: settings },
  });
}

/** Programs of the examples, for a few steps and with nothing to be compiled. */
const shorter: readonly (readonly [string, string])[] = [
  ['"60steps"', '"4steps", backend: "reference"'],
  ["Sequences=16", "Sequences=4"],
  ["length: 400", "length: 100"],
  ["openModel(run)", 'openModel(run, { backend: "reference" })'],
  ['{ task: "moods" }', '{ task: "moods", backend: "reference" }'],
  ['sleeps in den"], { top: 3 })', 'sleeps in den"], { top: 3, backend: "reference" })'],
];

function shortenProgram(path: string): void {
  const source = readFileSync(path, "utf8");
  writeFileSync(
    path,
    shorter.reduce((text, [from, to]) => text.replaceAll(from, to), source),
  );
}

/** A folder in which a page's commands find what they speak of. */
function makeFolder(name: string, from: string | undefined): string {
  const folder = join(project, name);
  mkdirSync(folder);
  if (from !== undefined) cpSync(join(root, from), folder, { recursive: true });
  symlinkSync(join(project, "node_modules"), join(folder, "node_modules"));
  const animals = ["red fox", "grey wolf", "brown bear", "green frog"];
  const documents = Array.from(
    { length: 120 },
    (_, i) =>
      `${i}: the ${animals[i % 4]} sleeps in its den ${i}, and the ${animals[(i + 1) % 4]} hunts by the river ${7 * i}.`,
  );
  for (const program of readdirSync(folder).filter(each => each.endsWith(".mjs")))
    shortenProgram(join(folder, program));
  for (const texts of ["my-texts", "german", "code"]) {
    mkdirSync(join(folder, texts));
    writeFileSync(join(folder, texts, "animals.jsonl"), documents.map(text => JSON.stringify({ text })).join("\n"));
  }
  for (const titles of ["titles.txt", "documents.txt"])
    writeFileSync(join(folder, titles), animals.map(animal => `the ${animal} sleeps`).join("\n"));
  cpSync(join(root, "examples/classifier/moods.csv"), join(folder, "moods.csv"));
  return folder;
}

/** SST-2 as GLUE's files have it. */
function makeGlue(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const rows = Array.from({ length: 20 }, (_, i) => `a ${["dull", "fine"][i % 2]} film ${i}\t${i % 2}`);
  for (const split of ["train", "dev"])
    writeFileSync(join(folder, `${split}.tsv`), ["sentence\tlabel", ...rows].join("\n"));
}

/** The optimizer of docs/EXTEND.md and the recipe that takes it, each in the file that the page names. */
async function writeExtension(folder: string): Promise<void> {
  const [typed, recipe] = blocks.filter(({ page, language }) => page === "docs/EXTEND.md" && language !== "indented");
  const source = typed!.lines.join("\n").split("const sawtooth")[0]!.replace("const ownLion", "export const ownLion");
  const { code } = await transform(source, { loader: "ts" });
  writeFileSync(join(folder, "own-lion.mjs"), code);
  writeFileSync(join(folder, "mine.mjs"), recipe!.lines.join("\n"));
}

before(() => {
  const modules = join(project, "node_modules");
  mkdirSync(modules);
  for (const entry of readdirSync(join(root, "node_modules"))) {
    if (!entry.startsWith(".package")) symlinkSync(join(root, "node_modules", entry), join(modules, entry));
  }
  symlinkSync(root, join(modules, "cramming"));
});

const cramLines = (page: string) => linesOf(page).filter(line => line.startsWith("cram ") && !isNotRun(line));

test("the commands of the pages, in their order, and the programs of the examples", async () => {
  const tutorial = makeFolder("tutorial", undefined);
  const howto = makeFolder("howto", undefined);
  const [recipe] = blocks.filter(({ page, language }) => page === "docs/HOWTO.md" && language === "yaml");
  writeFileSync(join(howto, "mine.yaml"), recipe!.lines.join("\n"));
  const sweeps = blocks.filter(({ page, language }) => page === "docs/HOWTO.md" && language === "json");
  const [short, tokenizers] = sweeps.map(({ lines }) => shortenSweep(lines.join("\n"))) as [string, string];
  writeFileSync(join(howto, "seeds.json"), short);
  writeFileSync(join(howto, "tokenizers.json"), tokenizers);
  writeFileSync(
    join(howto, "held-out.jsonl"),
    JSON.stringify({ text: "the brown fox hunts by its river ".repeat(10) }),
  );
  const readme = makeFolder("readme", undefined);
  writeFileSync(join(readme, "rates.json"), short);
  symlinkSync(join(howto, "runs/one"), join(readme, "other"));
  cpSync(join(readme, "my-texts"), join(readme, "crawl"), { recursive: true });
  cpSync(join(readme, "titles.txt"), join(readme, "texts.txt"));
  makeGlue(join(readme, "data/glue/SST-2"));
  const languages = makeFolder("languages", undefined);
  const cluster = makeFolder("cluster", undefined);
  const extend = makeFolder("extend", undefined);
  for (const folder of [cluster, extend]) symlinkSync(join(howto, "data"), join(folder, "data"));
  symlinkSync(join(howto, "runs"), join(cluster, "runs"));
  await writeExtension(extend);
  // The examples go on with the run of HOWTO.
  const example = (name: string) => {
    const folder = makeFolder(name, `examples/${name}`);
    symlinkSync(join(howto, "runs"), join(folder, "runs"));
    return folder;
  };
  const classifier = example("classifier");
  const page = example("search-page");
  const service = example("node-service");
  const notebook = makeFolder("notebook", "examples/notebook");
  const linesIn = (folder: string, name: string) => cramLines(name).map(line => ({ folder, line }));
  runCommands([
    ...linesIn(tutorial, "docs/TUTORIAL.md"),
    // The page trains into one folder twice, as two readers would.
    ...linesIn(howto, "docs/HOWTO.md").map(({ folder, line }) => ({
      folder,
      line: line.replace("mine.yaml --out runs/mine", "mine.yaml --out runs/samples"),
    })),
    ...overview.lines
      .filter(line => !isNotRun(line))
      .map(line => line.replace(/^(cram \w+) +/, "$1 ").replace(/ {2,}.*$/, ""))
      .map(line => ({ folder: readme, line: line.replace("TEXT…", "my-texts").replace("runs/other", "other") })),
    ...linesIn(languages, "examples/languages/README.md"),
    ...linesIn(page, "examples/search-page/README.md"),
    ...linesIn(classifier, "examples/classifier/README.md"),
    ...linesIn(cluster, "docs/CLUSTER.md").map(({ folder, line }) => ({ folder, line: line.replace(/ > \S+$/, "") })),
    ...linesIn(extend, "docs/EXTEND.md"),
  ]);
  // In a process that has not loaded the program by itself.
  const [first, ...rest] = linesOf("docs/EXTEND.md").filter(line => line.startsWith("CRAM_EXTENSIONS="));
  const [, extensions] = /^CRAM_EXTENSIONS=(\S+) /.exec(first!)!;
  const extended = [first!, ...rest].map(line => ({ folder: extend, line: line.replace(/^\S+ /, "") }));
  runCommands(extended, { CRAM_EXTENSIONS: join(extend, extensions!) });
  assert.match(readFileSync(join(tutorial, "seeds.html"), "utf8"), /over seeds, by tokens/);
  assert.match(readFileSync(join(howto, "compare.tex"), "utf8"), /\\toprule/);
  assert.match(readFileSync(join(howto, "seeds.tex"), "utf8"), /mask 15/);

  const [script] = linesOf("examples/classifier/README.md").filter(line => line.startsWith("node "));
  assert.match(
    node(classifier, splitWords(script!).slice(1)),
    /^the red fox sleeps: (?:calm|awake) \d+ %, (?:calm|awake) \d+ %\n$/,
  );
  assert.match(node(notebook, ["notebook.mjs"]), /open rates\.html/);
  await bundlePage(page);
  assert.match(readFileSync(join(page, "bundle/page.js"), "utf8"), /last_hidden_state/);
  writeFileSync(join(page, "ask.mjs"), ask);
  const found = JSON.parse(node(page, ["ask.mjs"])) as { text: string; score: number }[];
  // A document is nearest to itself, with the vector that the command wrote.
  assert.equal(found[0]!.text, "the green frog sleeps");
  assert.ok(found[0]!.score > 0.999 && found[1]!.score < found[0]!.score, JSON.stringify(found));
  await checkService(service);
});

/** As vite does: an import of a file with ?url is its address on the page. */
async function bundlePage(folder: string): Promise<void> {
  await build({
    absWorkingDir: folder,
    entryPoints: ["page.mjs"],
    outdir: "bundle",
    bundle: true,
    format: "esm",
    logLevel: "silent",
    loader: { ".wasm": "file" },
    plugins: [
      {
        name: "addresses",
        setup: ({ onResolve, resolve }) =>
          onResolve({ filter: /\?url$/ }, ({ path, importer, kind, resolveDir }) =>
            resolve(path.replace(/\?url$/, ""), { importer, kind, resolveDir }),
          ),
      },
    ],
  });
}

function node(folder: string, words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { cwd: folder, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout;
}

async function checkService(folder: string): Promise<void> {
  const child: ChildProcess = spawn(process.execPath, ["service.mjs", "runs/mine", "0"], { cwd: folder });
  try {
    const url = await new Promise<string>((resolve, reject) => {
      child.stdout!.on("data", said => resolve(/http:\S+/.exec(String(said))![0]));
      child.once("exit", code => reject(new Error(`the service ended with ${code}`)));
    });
    const post = async (path: string, texts: unknown) => {
      const response = await fetch(`${url}${path}`, { method: "POST", body: JSON.stringify({ texts }) });
      return [response.status, await response.json()] as const;
    };
    const [status, answer] = await post("/fill", ["the red [MASK] sleeps."]);
    const [filled] = answer as { masks: { candidates: unknown[] }[] }[];
    assert.deepEqual([status, filled!.masks[0]!.candidates.length], [200, 3]);
    assert.equal((await post("/fill", "no list"))[0], 400);
    assert.equal((await post("/nowhere", []))[0], 404);
  } finally {
    child.kill();
  }
}

/** The search of the page, without the page. */
const ask = `import { readFileSync } from "node:fs";
import * as runtime from "onnxruntime-web";
import { openSearch } from "./search.mjs";
const read = path => readFileSync(path, "utf8");
const lines = read("public/vectors.jsonl").trim().split("\\n").map(line => JSON.parse(line));
const search = await openSearch(
  { tokenizer: JSON.parse(read("public/model/tokenizer.json")), onnx: readFileSync("public/model/onnx/model.onnx"), longest: JSON.parse(read("public/model/config.json")).max_position_embeddings },
  lines,
  runtime,
);
console.log(JSON.stringify(await search.find(read("documents.txt").split("\\n")[3], 2)));
`;

test("every link of the documentation leads somewhere, and the site has every page", async () => {
  const { renderSite } = (await import(pathToFileURL(join(root, "scripts/make-site.mjs")).href)) as {
    renderSite: () => { files: ReadonlyMap<string, string>; faults: readonly string[] };
  };
  const { files, faults } = renderSite();
  assert.deepEqual(faults, []);
  assert.equal(new Set(files.keys()).size, files.size);
  for (const place of ["index.html", "docs/TUTORIAL.html", "examples/search-page/index.html"])
    assert.ok(files.has(place), place);
});
