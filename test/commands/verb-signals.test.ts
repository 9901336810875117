// A signal to verbs that work for long: what can be saved is, what stood there stands, and nothing half made has a name. Training has
// a test of its own; every signal at every stage is the fault campaign's.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { readEvents } from "../../src/events/event-reader.ts";
import { prepare } from "../../src/library.ts";

const main = join(import.meta.dirname, "../../src/cli/main.js");
const pressing = join(import.meta.dirname, "../press-ctrl-c.js");
const folder = mkdtempSync(join(tmpdir(), "cram-verb-signals-"));
const at = (...names: string[]) => join(folder, ...names);

/** A hub that names a file and never sends its end. */
const server = createServer(({ url }, response: ServerResponse) => {
  response.setHeader("Content-Type", "application/json");
  if (/\/api\/models\/.*\/tree/.test(url!)) {
    const file = { type: "file", oid: "1".repeat(40), size: 1000, path: "model.safetensors" };
    response.end(JSON.stringify([file]));
  } else if (/\/api\//.test(url!)) response.end(JSON.stringify({ sha: "2".repeat(40), id: "a/b" }));
  else response.writeHead(200, { "Content-Length": 1000 }).write("half");
});

before(async () => {
  await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
  const line = (i: number) =>
    JSON.stringify({ text: `${i} old boats sleep near the river wall and a green frog sings` });
  writeFileSync(at("text.jsonl"), Array.from({ length: 60 }, (_, i) => `${line(i)}\n`).join(""));
  await prepare({ texts: [at("text.jsonl")], out: at("data"), vocabulary: 84, sequenceLength: 16, holdOut: 0.2 });
  const sweep = { recipe: "quickstart", set: small, budget: "1000000steps", seeds: [0] };
  writeFileSync(at("sweep.json"), JSON.stringify(sweep));
  mkdirSync(at("records/tiny"), { recursive: true });
  const track = {
    title: "tiny",
    budget: "1000000steps",
    backend: "reference",
    seeds: [0, 1],
    text: "frogs",
    passages: 4,
  };
  writeFileSync(at("records/tiny/track.json"), JSON.stringify(track));
  writeFileSync(at("held-out.jsonl"), JSON.stringify({ text: "old boats sleep near the river wall ".repeat(8) }));
});
after(() => {
  server.close().closeAllConnections();
  rmSync(folder, { recursive: true });
});

const small = [
  ...["width=16", "layers=1", "heads=2", "feedForward=32", "sequenceLength=16", "vocabulary=84"].map(
    pair => `model.${pair}`,
  ),
  ...["schedule.batchSequences=4", "train.microBatchSequences=4"],
];
const smallWords = small.flatMap(pair => ["--set", pair]);

/** Of the trials in a folder, wherever they lie in it. */
const readTrials = (out: string) =>
  (existsSync(at(out)) ? readdirSync(at(out), { recursive: true, encoding: "utf8" }) : [])
    .filter(path => path.endsWith("run/events.jsonl"))
    .map(path => readEvents(at(out, path)));
const isTraining = (out: string) => readTrials(out).some(events => events.length > 2);
/** In a backend that waits for nothing. */
const checkTrial = (out: string) =>
  assert.deepEqual(
    readTrials(out).map(events => events.at(-1)?.kind),
    ["end"],
  );
const endless = (name: string) => {
  mkdirSync(at(name));
  const words = Array.from({ length: 300_000 }, (_, i) => `word${i % 5000}`).join(" ");
  for (let i = 0; i < 4; i++) writeFileSync(at(name, `${i}.txt`), `${i} ${words}`);
  return name;
};

interface Stopped {
  readonly verb: string;
  readonly words: () => readonly string[];
  readonly signal: NodeJS.Signals;
  /** Whether it works on what the signal is to interrupt. */
  readonly isReady: () => boolean;
  readonly check: () => void;
  /** What it tells a person, of work that is made of several trainings. */
  readonly says?: RegExp;
}

const stopped: readonly Stopped[] = [
  {
    ...{ verb: "sweep", signal: "SIGUSR2" },
    words: () => ["sweep", "sweep.json", "--data", "data", "--out", "sweep", "--backend", "reference"],
    isReady: () => isTraining("sweep"),
    check: () => checkTrial("sweep"),
    says: /^1 of 1 trial is not done; go on with: the same command$/m,
  },
  {
    ...{ verb: "scale", signal: "SIGINT" },
    words: () => [
      ...["scale", "--recipe", "quickstart", ...smallWords, "--data", "data", "--out", "ladder"],
      ...["--sizes", "8x1,16x1", "--budgets", "1000000steps", "--backend", "reference"],
    ],
    isReady: () => isTraining("ladder"),
    check: () => checkTrial("ladder"),
    says: /^2 of 2 trainings are not done; go on with: the same command$/m,
  },
  {
    ...{ verb: "record", signal: "SIGINT" },
    words: () => [
      ...["record", "tiny", "--recipe", "quickstart", ...smallWords, "--data", "data", "--held-out", "held-out.jsonl"],
      ...["--out", "challenge"],
    ],
    isReady: () => isTraining("challenge"),
    check: () => checkTrial("challenge"),
    says: /^2 of 2 trainings are not done; go on with: the same command$/m,
  },
  {
    ...{ verb: "pull", signal: "SIGTERM" },
    words: () => [
      "pull",
      "a/b",
      "--out",
      "pulled",
      "--endpoint",
      `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ],
    isReady: () => existsSync(at("pulled")) && readdirSync(at("pulled")).some(name => name.endsWith(".writing")),
    check: () =>
      assert.deepEqual(
        readdirSync(at("pulled")).filter(name => !name.startsWith(".cram-")),
        [],
      ),
  },
  {
    ...{ verb: "prepare over a data set", signal: "SIGINT" },
    words: () => ["prepare", endless("long"), "--out", "data", "--vocabulary", "84", "--sequence-length", "16"],
    isReady: () => existsSync(at("data/.cram-work")),
    check: () => assert.ok(existsSync(at("data/manifest.json"))),
  },
];

for (const { verb, words, signal, isReady, check, says } of stopped) {
  test(`${signal} to ${verb}`, async () => {
    const child = spawn(process.execPath, [main, ...words()], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", part => (stdout += part));
    child.stderr.setEncoding("utf8").on("data", part => (stderr += part));
    const closed = once(child, "close");
    while (child.exitCode === null && !isReady()) await new Promise(resolve => setTimeout(resolve, 10));
    child.kill(signal);
    const [code, by] = (await closed) as [number | null, NodeJS.Signals | null];
    assert.equal(by === null ? code : 128 + constants.signals[by], 128 + constants.signals[signal], stderr);
    assert.doesNotMatch(stderr, /bug|\n {4}at /);
    if (says !== undefined) assert.match(stdout, says);
    check();
  });
}

test("Ctrl-C before a step of a run that is resumed says that nothing more of it is trained", () => {
  const cram = (words: readonly string[], environment = {}) =>
    spawnSync(process.execPath, ["--import", pathToFileURL(pressing).href, main, "pretrain", ...words], {
      ...{ cwd: folder, encoding: "utf8", env: { ...process.env, ...environment } },
    });
  const begun = ["--data", "data", ...smallWords, "--budget", "1000000steps", "--out", "run", "--backend", "reference"];
  const first = cram(["--recipe", "quickstart", ...begun], { CTRL_C_AT: "validation loss" });
  assert.match(first.stdout, /^interrupted; continue with: cram pretrain --resume run$/m, first.stderr);
  const events = readEvents(at("run/events.jsonl"));
  const again = cram(["--resume", "run"], { CTRL_C_AT: "recipe quickstart" });
  assert.equal(again.status, 130, again.stderr);
  assert.match(
    again.stderr,
    /^stopped before a step: nothing more of run is trained; the same command goes on with it$/m,
  );
  assert.deepEqual(readEvents(at("run/events.jsonl")), events);
});
