// A signal to verbs that work for long: what can be saved is, what stood there stands, and nothing half made has a name. Training has
// a test of its own; every signal at every stage is the fault campaign's.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readEvents } from "../../src/events/event-reader.ts";
import { prepare } from "../../src/library.ts";

const main = join(import.meta.dirname, "../../src/cli/main.js");
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
  const sizes = ["width=16", "layers=1", "heads=2", "feedForward=32", "sequenceLength=16", "vocabulary=84"];
  const set = [...sizes.map(pair => `model.${pair}`), "schedule.batchSequences=4", "train.microBatchSequences=4"];
  const sweep = { recipe: "quickstart", set, budget: "1000000steps", seeds: [0] };
  writeFileSync(at("sweep.json"), JSON.stringify(sweep));
});
after(() => {
  server.close().closeAllConnections();
  rmSync(folder, { recursive: true });
});

const trialEvents = () => at("sweep/trials/base/seed-0/run/events.jsonl");
const countTrained = () => (existsSync(trialEvents()) ? readEvents(trialEvents()).length : 0);
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
}

const stopped: readonly Stopped[] = [
  {
    ...{ verb: "sweep", signal: "SIGUSR2" },
    words: () => ["sweep", "sweep.json", "--data", "data", "--out", "sweep", "--backend", "reference"],
    isReady: () => countTrained() > 2,
    // In a backend that waits for nothing.
    check: () => assert.equal(readEvents(trialEvents()).at(-1)?.kind, "end"),
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

for (const { verb, words, signal, isReady, check } of stopped) {
  test(`${signal} to ${verb}`, async () => {
    const child = spawn(process.execPath, [main, ...words()], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", part => (stderr += part));
    const closed = once(child, "close");
    while (child.exitCode === null && !isReady()) await new Promise(resolve => setTimeout(resolve, 10));
    child.kill(signal);
    const [code, by] = (await closed) as [number | null, NodeJS.Signals | null];
    assert.equal(by === null ? code : 128 + constants.signals[by], 128 + constants.signals[signal], stderr);
    assert.doesNotMatch(stderr, /bug|\n {4}at /);
    check();
  });
}
