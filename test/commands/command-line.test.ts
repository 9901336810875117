// The command line as a person uses it: text to dataset to run to filled masks, interrupted and resumed, and what it says when
// something is wrong. Every case starts the real program in an empty folder.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { RandomSequence, streams } from "../../src/base/random.ts";
import type { TrainingEvent } from "../../src/events/event.ts";
import { startWarmProgram } from "../warm-program.ts";

const main = join(import.meta.dirname, "../../src/cli/main.js");
const pressing = join(import.meta.dirname, "../press-ctrl-c.js");
const folder = mkdtempSync(join(tmpdir(), "cram-command-"));
const program = startWarmProgram(folder);
after(() => {
  program.close();
  rmSync(folder, { recursive: true });
});

const cram = (...words: string[]) => program.run(...words);

async function succeed(...words: string[]): Promise<string> {
  const { status, stdout, stderr } = await cram(...words);
  assert.equal(status, 0, stderr);
  return stdout;
}

/** Sentences in which the colour decides the animal, so that there is something to learn. */
function writeText(): void {
  const random = new RandomSequence(1, streams.sampling, 0);
  const pairs = [
    ["red", "fox"],
    ["grey", "wolf"],
    ["brown", "bear"],
    ["green", "frog"],
  ] as const;
  const lines = Array.from({ length: 600 }, () => {
    const sentence = () => {
      const [colour, animal] = pairs[random.below(pairs.length)]!;
      return `the ${colour} ${animal} sleeps in its den.`;
    };
    return JSON.stringify({ text: Array.from({ length: 4 + random.below(6) }, sentence).join(" ") });
  });
  mkdirSync(join(folder, "text"));
  writeFileSync(join(folder, "text/animals.jsonl.gz"), gzipSync(lines.join("\n")));
  writeFileSync(join(folder, "text/note.md"), "# a note\n\nthe red fox sleeps in its den.\n");
}

const small = [
  ...["--set", "model.width=32", "--set", "model.layers=1", "--set", "model.heads=2", "--set", "model.feedForward=64"],
  ...["--set", "model.vocabulary=128", "--set", "model.sequenceLength=32", "--set", "train.microBatchSequences=8"],
  ...["--set", "schedule.batchSequences=8", "--set", "train.validations=2", "--recipe", "quickstart"],
];

const prepared = ["--recipe", "quickstart", "--vocabulary", "128", "--sequence-length", "32", "--hold-out", "0.1"];

before(async () => {
  writeText();
  await succeed("prepare", "text", "--out", "data", ...prepared);
});

test("prepare says what it read, and does nothing when nothing changed", async () => {
  const options = [...prepared, "--json"];
  const again = JSON.parse(await succeed("prepare", "text", "--out", "data", ...options));
  assert.equal(again.upToDate, true);
  const other = JSON.parse(await succeed("prepare", "text", "--out", "data-2", ...options, "--seed", "1"));
  assert.equal(other.upToDate, false);
  assert.equal(other.funnel.read.documents, 601);
  const { read, kept, dropped } = other.funnel;
  assert.equal(read.documents, kept.documents + dropped.duplicate.documents);
  assert.ok(other.manifest.training.sequences > 8 * other.manifest.validation.sequences);
});

test("a run learns, and fills the mask that the text decides", async () => {
  const lines = await succeed(
    "pretrain",
    "--data",
    "data",
    "--out",
    "learns",
    "--budget",
    "600steps",
    "--json",
    ...small,
  );
  const events = lines
    .trim()
    .split("\n")
    .map(line => JSON.parse(line) as TrainingEvent);
  const losses = events.flatMap(event => (event.kind === "validation" ? [event.loss] : []));
  const start = events.find(event => event.kind === "start")!;
  assert.ok(losses[0]! > 3.5 && losses.at(-1)! < start.unigramEntropy! - 1, losses.join(" "));
  assert.ok(["recipe.json", "tokenizer.json", "events.jsonl"].every(name => existsSync(join(folder, "learns", name))));
  const filled = await succeed(
    "fill",
    "learns",
    "the red [MASK] sleeps in its den.",
    "the grey [MASK] sleeps.",
    "--json",
  );
  const [first, second] = filled
    .trim()
    .split("\n")
    .map(line => JSON.parse(line));
  assert.equal(first.masks[0].candidates[0].token, "fox");
  assert.equal(second.masks[0].candidates[0].token, "wolf");
  const sum = first.masks[0].candidates.reduce(
    (total: number, { probability }: { probability: number }) => total + probability,
    0,
  );
  assert.ok(sum > 0.5 && sum <= 1 + 1e-6);
});

test("a run is repeated from its own recipe.json, to the same bytes", async () => {
  const repeat = ["--budget", "20steps", "--data", "data"];
  await succeed("pretrain", ...repeat, "--out", "once", "--tensorboard", ...small);
  await succeed("pretrain", "--data", "data", "--recipe", "once/recipe.json", "--out", "twice");
  assert.deepEqual(readParameters("once"), readParameters("twice"));
  const boards = (run: string) => readdirSync(join(folder, run)).filter(name => name.includes("tfevents"));
  assert.deepEqual(boards("twice"), []);
  assert.match(readFileSync(join(folder, "once", boards("once")[0]!), "latin1"), /loss/);
});

test("an MLflow server gets the run, and one that is not there costs a warning and nothing else", async () => {
  const asked: { path: string; body: Record<string, unknown> }[] = [];
  const answers: Readonly<Record<string, object>> = {
    "experiments/get-by-name?experiment_name=cramming": { experiment: { experiment_id: "7" } },
    "runs/create": { run: { info: { run_id: "abc" } } },
  };
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const part of request) text += part;
    const path = request.url!.replace("/api/2.0/mlflow/", "");
    asked.push({ path, body: JSON.parse(text || "{}") });
    response.end(JSON.stringify(answers[path] ?? {}));
  });
  await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
  const uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const train = async (...words: string[]) => {
    const child = spawn(process.execPath, [main, "pretrain", ...words, "--mlflow", uri], { cwd: folder });
    let said = "";
    child.stderr.on("data", chunk => (said += chunk));
    child.stdout.resume();
    assert.equal(await new Promise(resolve => child.on("close", resolve)), 0, said);
    return said;
  };
  try {
    const said = await train("--data", "data", "--out", "shown", "--budget", "5steps", ...small);
    assert.equal(said, "");
  } finally {
    server.close().closeAllConnections();
  }
  assert.deepEqual([asked[0]!.path, asked[1]!.path, asked[1]!.body.run_name], [...Object.keys(answers), "shown"]);
  assert.deepEqual(asked.at(-1)!.body.status, "FINISHED");
  const sent = asked.filter(({ path }) => path === "runs/log-batch").map(({ body }) => body);
  const params = sent.flatMap(body => (body.params ?? []) as object[]);
  assert.ok(params.some(param => JSON.stringify(param) === '{"key":"model.width","value":"32"}'));
  const metrics = sent.flatMap(body => (body.metrics ?? []) as { key: string; step: number }[]);
  assert.deepEqual(
    metrics.filter(({ key }) => key === "loss/training").map(({ step }) => step),
    [1, 2, 3, 4, 5],
  );
  // The server is gone now.
  const said = await train("--data", "data", "--out", "unseen", "--budget", "5steps", ...small);
  assert.match(
    said,
    /MLflow at http:.*: ECONNREFUSED; training goes on, it is tried again\n.*--resume unseen --mlflow http/,
  );
  assert.deepEqual(readParameters("unseen"), readParameters("shown"));
});

function readParameters(run: string): Buffer {
  const checkpoints = join(folder, run, "checkpoints");
  return readFileSync(join(checkpoints, readdirSync(checkpoints).sort().at(-1)!, "parameters.safetensors"));
}

test("Ctrl-C saves, exits with 130, and the resumed run ends with the bytes of an uninterrupted one", async () => {
  const words = ["pretrain", "--data", "data", "--budget", "400steps", ...small];
  await succeed(...words, "--out", "whole");
  const { status, stderr } = spawnSync(
    process.execPath,
    ["--import", pathToFileURL(pressing).href, main, ...words, "--out", "stopped", "--json"],
    { cwd: folder, encoding: "utf8", env: { ...process.env, CTRL_C_AT: '"kind":"step","step":21,' } },
  );
  assert.equal(status, 130, stderr);
  const resumed = await succeed("pretrain", "--resume", "stopped");
  assert.match(resumed, /resumed at step/);
  assert.deepEqual(readParameters("stopped"), readParameters("whole"));
  const events = readFileSync(join(folder, "stopped/events.jsonl"), "utf8").trim().split("\n");
  const numbers = events
    .map(line => JSON.parse(line) as TrainingEvent)
    .flatMap(event => (event.kind === "step" ? [event.step] : []));
  assert.deepEqual(
    numbers,
    Array.from({ length: 400 }, (_, i) => i + 1),
  );
});

test("plain output has no escape codes, and shows a masked row and the line to beat", async () => {
  const text = await succeed("pretrain", "--data", "data", "--out", "plain", "--budget", "5steps", ...small);
  assert.ok(!text.includes("\u001b"));
  assert.match(text, /masked: .*<mask>/);
  assert.match(text, /the line to beat: [\d.]+ nats/);
  assert.match(text, /next: cram fill plain/);
});

const mistakes: readonly [name: string, words: string[], pattern: RegExp][] = [
  [
    "a recipe key that does not exist",
    ["pretrain", "--data", "data", "--set", "model.widht=3"],
    /E_RECIPE_KEY.*widht[\s\S]*model\.width/,
  ],
  [
    "a value of the wrong kind",
    ["pretrain", "--data", "data", "--set", "model.width=wide"],
    /E_RECIPE_VALUE.*model\.width/,
  ],
  [
    "Muon's rate under AdamW",
    ["pretrain", "--data", "data", "--set", "optimizer.muonLearningRate=1"],
    /E_RECIPE_KEY.*changes nothing under adamw/,
  ],
  [
    "a recipe that does not exist",
    ["pretrain", "--data", "data", "--recipe", "quickstrat"],
    /E_RECIPE_NAME[\s\S]*quickstart/,
  ],
  ["a budget that cannot be read", ["pretrain", "--data", "data", "--budget", "soon"], /E_BUDGET.*soon/],
  ["no dataset", ["pretrain"], /E_OPTION[\s\S]*--data/],
  [
    "a folder without a dataset",
    ["pretrain", "--data", "text"],
    /E_FILE_MISSING text: no dataset here[\s\S]*--out text/,
  ],
  ["a dataset in a run's place", ["fill", "data", "[MASK]"], /E_FILE_MISSING data: no model here[\s\S]*--data data/],
  [
    "a run in a dataset's place",
    ["pretrain", "--data", "learns"],
    /E_FILE_MISSING learns: no dataset here[\s\S]*It is a run/,
  ],
  [
    "no model to begin with",
    ["pretrain", "--data", "data", "--init-from", "text", ...small],
    /E_FILE_MISSING text: no model/,
  ],
  [
    "an export into a file",
    ["export", "learns", "--out", "text/note.md"],
    /E_NOT_WRITABLE text\/note\.md: a file stands/,
  ],
  [
    "a model that does not fit the data",
    ["pretrain", "--data", "data", "--recipe", "quickstart"],
    /E_DATA_LENGTH.*32[\s\S]*model\.sequenceLength=32/,
  ],
  ["a run that does not exist", ["pretrain", "--resume", "nowhere"], /E_FILE_MISSING.*nowhere/],
  [
    "a run that is resumed with another recipe",
    ["pretrain", "--resume", "learns", "--set", "model.width=64"],
    /E_OPTION.*--set/,
  ],
  [
    "a run in a folder that has one",
    ["pretrain", "--data", "data", "--out", "learns", ...small],
    /E_RUN_EXISTS.*learns/,
  ],
  ["a text without a mask", ["fill", "learns", "the red fox"], /E_NO_MASK/],
  ["a text too long for the model", ["fill", "learns", `${"the red fox ".repeat(20)}[MASK]`], /E_TEXT_LENGTH/],
  ["text that does not exist", ["prepare", "nothing.txt", "--out", "x"], /E_FILE_MISSING.*nothing\.txt/],
  ["a binary file named as text", ["prepare", "picture.txt", "--out", "x"], /E_BINARY.*picture\.txt/],
  ["a gzip cut short", ["prepare", "cut.jsonl.gz", "--out", "x"], /E_GZIP_CUT.*cut\.jsonl\.gz/],
  ["bytes that are not UTF-8", ["prepare", "latin.txt", "--out", "x"], /E_UTF8.*latin\.txt.* 3 /],
  ["an empty folder", ["prepare", "empty", "--out", "x"], /E_NO_TEXT.*empty/],
  ["too little text", ["prepare", "text/note.md", "--out", "x"], /E_TOO_LITTLE_TEXT/],
  [
    "bf16 on the reference backend",
    ["inspect", "--backend", "reference", "--set", "train.precision=bf16"],
    /E_OPTION.*float64/,
  ],
  ["threads that are no number", ["prepare", "text", "--out", "x", "--threads", "many"], /E_OPTION.*--threads many/],
  [
    "threads of a backend that has none",
    ["fill", "learns", "a [MASK]", "--backend", "reference", "--threads", "2"],
    /E_OPTION.*--threads changes nothing/,
  ],
  ["an option that does not exist", ["pretrain", "--dta", "data"], /unknown option.*--dta[\s\S]*--data/],
];

test("what is wrong is said with its code, its place and what to do, and ends with 1", async t => {
  mkdirSync(join(folder, "empty"));
  writeFileSync(join(folder, "picture.txt"), Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 1]));
  writeFileSync(join(folder, "latin.txt"), Buffer.from([0x63, 0x61, 0x66, 0xe9, 0x20, 0x61]));
  const gzip = readFileSync(join(folder, "text/animals.jsonl.gz"));
  writeFileSync(join(folder, "cut.jsonl.gz"), gzip.subarray(0, gzip.length - 100));
  for (const [name, words, pattern] of mistakes) {
    await t.test(name, async () => {
      const { status, stderr } = await cram(...words);
      assert.equal(status, 1, stderr);
      assert.match(stderr, pattern);
      assert.doesNotMatch(stderr, /\n\s+at /);
    });
  }
});

test("a reader that leaves does not end the run", async () => {
  const words = ["pretrain", "--data", "data", "--out", "unread", "--budget", "40steps", "--json", ...small];
  const child = spawn(process.execPath, [main, ...words], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  child.stdout.once("data", () => child.stdout.destroy());
  assert.equal(await new Promise(resolve => child.on("exit", resolve)), 0);
  assert.match(readFileSync(join(folder, "unread/events.jsonl"), "utf8"), /"kind":"end","step":40/);
});

test("without a C compiler, the package to install is named", async () => {
  const { status, stderr } = spawnSync(process.execPath, [main, "inspect"], {
    cwd: folder,
    encoding: "utf8",
    env: { PATH: folder, CRAM_CACHE: join(folder, "cache") },
  });
  assert.equal(status, 1, stderr);
  assert.match(stderr, /E_COMPILER_ABSENT[\s\S]*apt-get install gcc/);
});

test("of one there are not several, in what is planned, refused and read", async () => {
  writeFileSync(join(folder, "one.txt"), "a fox sleeps in its den. ");
  const one = ["prepare", "one.txt", "--out", "data/one", "--threads", "1"];
  const planned = await succeed(...one, "--plan");
  assert.match(planned, /1 shard of [\s\S]*1 portion for 1 thread\n[\s\S]*1 document, /);
  const { stderr } = await cram(...one);
  assert.match(stderr, /E_TOO_LITTLE_TEXT .*1 document gives 0 sequences of/);
});
