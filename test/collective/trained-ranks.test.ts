// Ranks that this machine's mpirun starts, against one process: a run that is interrupted by Ctrl-C and goes on with another number of
// ranks, over a batch ramp, clipping, Muon and layers left out, has the losses of the run that one process trains from its start to its end.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { readEvents } from "../../src/events/event-reader.ts";

const main = join(import.meta.dirname, "../../src/cli/main.js");
const holding = pathToFileURL(join(import.meta.dirname, "hold-ranks.js")).href;
const folder = mkdtempSync(join(tmpdir(), "cram-trained-ranks-"));
after(() => rmSync(folder, { recursive: true }));

/** One of those that are installed: in what they differ, mpi.test.ts shows. */
const command = ["mpirun.mpich", "mpirun.openmpi", "mpirun"].find(name => spawnSync(name, ["--version"]).status === 0);

const steps = 28;
const settings = [
  ...["model.width=16", "model.layers=1", "model.heads=2", "model.feedForward=32", "model.vocabulary=56"],
  ...["model.sequenceLength=16", "schedule.batchSequences=7", "schedule.batchRamp=0.6", "train.microBatchSequences=2"],
  ...["train.layerDrop=0.4", "optimizer.clip=0.5", "train.validations=2"],
].flatMap(setting => ["--set", setting]);
const begin = (out: string) => [
  ...["--data", "data", "--recipe", "quickstart", "--backend", "reference", ...settings],
  ...["--budget", `${steps}steps`, "--out", out],
];

/**
 * Trains until `lastStep`, where Ctrl-C is pressed, or another signal sent, or to the budget's end. Returns the exit code, when nobody writes
 * to the process's outputs any more.
 */
async function train(
  words: readonly string[],
  lastStep: number,
  environment: NodeJS.ProcessEnv,
  signal: NodeJS.Signals = "SIGINT",
): Promise<number | null> {
  const moment = `"kind":"step","step":${lastStep},`;
  const held = mkdtempSync(join(folder, "held-"));
  // Nobody passes on that the starter was killed.
  const options = signal === "SIGINT" ? ["--import", holding] : [];
  const child = spawn(process.execPath, [...options, main, "pretrain", ...words, "--json"], {
    ...{ cwd: folder, env: { ...environment, HOLD_AT: moment, HOLD_FOLDER: held } },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", chunk => {
    stderr += chunk;
  });
  let stdout = "";
  let isPressed = false;
  child.stdout.on("data", chunk => {
    stdout += chunk;
    if (isPressed || !stdout.includes(moment)) return;
    isPressed = true;
    child.kill(signal);
  });
  const [code] = (await once(child, "close")) as [number | null];
  // What is not of Cram is MPI's, of a rank that came apart.
  assert.doesNotMatch(stderr, /E_[A-Z]+|rank \d|signal \d|EXIT CODE/);
  return code;
}

const readLosses = (run: string) =>
  readEvents(join(folder, run, "events.jsonl")).flatMap(event => (event.kind === "step" ? [event] : []));

before(() => {
  const lines = Array.from({ length: 40 }, (_, i) => ({ text: `the red${i} fox sleeps in its den. `.repeat(20) }));
  writeFileSync(join(folder, "text.jsonl"), lines.map(line => JSON.stringify(line)).join("\n"));
  const words = ["prepare", "text.jsonl", "--out", "data", "--vocabulary", "56", "--sequence-length", "16"];
  const { status, stderr } = spawnSync(process.execPath, [main, ...words, "--hold-out", "0.1"], { cwd: folder });
  assert.equal(status, 0, String(stderr));
});

/** What --devices finds on PATH. */
const path = join(folder, "path");
const environment = { ...process.env, PATH: `${path}${delimiter}${process.env.PATH}` };

before(() => {
  mkdirSync(path);
  writeFileSync(join(path, "mpirun"), `#!/bin/sh\nexec ${command} "$@"\n`);
  chmodSync(join(path, "mpirun"), 0o755);
});

const skip = command === undefined ? "no mpirun is installed" : false;
test("two ranks, then three that share out the update, then one train what one process trains", { skip }, async () => {
  assert.equal(await train(begin("one"), 0, process.env), 0);
  assert.equal(await train([...begin("ranks"), "--devices", "2"], 3, environment), 130);
  const first = readLosses("ranks").length;
  const shared = ["--resume", "ranks", "--devices", "3", "--shard-optimizer"];
  assert.equal(await train(shared, first + 3, environment), 130);
  const second = readLosses("ranks").length;
  assert.equal(await train(["--resume", "ranks"], 0, environment), 0);
  assert.ok(first >= 3 && first < steps && second >= first + 3, `interrupted behind ${first} and ${second}`);
  const own = readLosses("ranks");
  const alone = readLosses("one");
  assert.equal(own.length, alone.length);
  own.forEach(({ loss, gradientNorm, batchSequences }, i) => {
    const expected = alone[i]!;
    assert.equal(batchSequences, expected.batchSequences);
    const isNear = (value: number, other: number) => Math.abs(value - other) <= 2e-5 * Math.abs(other);
    assert.ok(isNear(loss, expected.loss), `step ${i + 1}: ${loss}, alone ${expected.loss}`);
    assert.ok(isNear(gradientNorm!, expected.gradientNorm!), `step ${i + 1}: ${gradientNorm}`);
  });
});

test("ranks whose starter was killed save and end", { skip, timeout: 120_000 }, async () => {
  const words = [...begin("orphans"), "--devices", "2", "--budget", "1000000steps"];
  assert.equal(await train(words, 3, environment, "SIGKILL"), null);
  const last = readEvents(join(folder, "orphans", "events.jsonl")).at(-1)!;
  assert.equal(last.kind === "end" && last.reason, "interrupted");
});
