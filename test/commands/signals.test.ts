// Every signal that asks a program to end, at every stage of a run: what was trained is saved, what was not begun leaves no
// folder, and the exit code is 128 and the signal's number.

import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { quoteCommand } from "../../src/base/shell-words.ts";
import { listCheckpoints } from "../../src/checkpoint/state.ts";
import { readEvents } from "../../src/events/event-reader.ts";

const main = join(import.meta.dirname, "../../src/cli/main.js");
const folder = mkdtempSync(join(tmpdir(), "cram-signals-"));
after(() => rmSync(folder, { recursive: true }));

const small = [
  ...["--recipe", "quickstart", "--set", "model.width=32", "--set", "model.layers=1", "--set", "model.heads=2"],
  ...["--set", "model.feedForward=64", "--set", "model.vocabulary=64", "--set", "model.sequenceLength=32"],
  ...["--set", "train.microBatchSequences=8", "--set", "schedule.batchSequences=8", "--budget", "1000000steps"],
];
/** With one number of threads for all, because each has kernels of its own; a machine of two or four takes another by itself. */
const pretrain = (out: string) => ["pretrain", "--data", "data", ...small, "--threads", "3", "--out", out, "--json"];

before(() => {
  const line = JSON.stringify({ text: "the red fox sleeps in its den. ".repeat(20) });
  writeFileSync(
    join(folder, "text.jsonl"),
    Array.from({ length: 40 }, (_, i) => line.replace("red", `red${i}`)).join("\n"),
  );
  const words = ["prepare", "text.jsonl", "--out", "data", "--vocabulary", "64", "--sequence-length", "32"];
  const { status, stderr } = spawnSync(process.execPath, [main, ...words, "--hold-out", "0.2"], { cwd: folder });
  assert.equal(status, 0, String(stderr));
});

interface Stopped {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
  readonly seconds: number;
}

/** Runs until `isReady` says so of the output, then does `stop`, and waits for the end. */
async function runUntil(
  words: readonly string[],
  isReady: (stdout: string) => boolean,
  stop: (child: ChildProcess) => Promise<void> | void,
  environment: Readonly<Record<string, string>> = {},
): Promise<Stopped> {
  const env = { ...process.env, ...environment };
  const child = spawn(process.execPath, [main, ...words], {
    cwd: folder,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const closed = once(child, "close");
  let [stdout, stderr] = ["", ""];
  child.stderr.on("data", chunk => {
    stderr += chunk;
  });
  const start = await new Promise<number>((resolve, reject) => {
    child.stdout.on("data", chunk => {
      stdout += chunk;
      if (isReady(stdout)) resolve(performance.now());
    });
    closed.then(() => reject(new Error(`ended by itself: ${stderr}`)));
    const look = () => {
      if (isReady("")) resolve(performance.now());
      else if (child.exitCode === null && child.signalCode === null) setTimeout(look, 20);
    };
    look();
  });
  await stop(child);
  const [code, signal] = await closed;
  return { code, signal, stderr, seconds: (performance.now() - start) / 1000 };
}

const isTraining = (stdout: string) => stdout.includes('"step":5,');

for (const signal of ["SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2"] as const) {
  test(`${signal} while training, three times at once: saved once, and the exit code says which`, async () => {
    const run = `training-${signal}`;
    const ended = await runUntil(pretrain(run), isTraining, async child => {
      for (let i = 0; i < 3; i++) {
        child.kill(signal);
        await pause(20);
      }
    });
    const { stderr } = ended;
    // The last press may meet a process that is on its way out and takes no signals any more; a shell says the same of both.
    const code = ended.signal === null ? ended.code : 128 + constants.signals[ended.signal];
    assert.equal(code, 128 + constants.signals[signal], stderr);
    assert.match(stderr, /saved; a second .* gives up at once/);
    assert.doesNotMatch(stderr, /Debugger/);
    const last = readEvents(join(folder, run, "events.jsonl")).at(-1)!;
    assert.deepEqual([last.kind, "reason" in last && last.reason], ["end", "interrupted"]);
    assert.deepEqual(listCheckpoints(join(folder, run)), [last.step]);
  });
}

test("who resumes goes on with the threads that the run began with", async () => {
  const run = "three-threads";
  const stop = (child: ChildProcess) => void child.kill("SIGTERM");
  await runUntil(pretrain(run), isTraining, stop);
  await runUntil(["pretrain", "--resume", run, "--json"], stdout => stdout.includes('"kind":"step"'), stop);
  const events = readEvents(join(folder, run, "events.jsonl"));
  const devices = events.flatMap(event => (event.kind === "start" ? [/\d+ threads/.exec(event.device)?.[0]] : []));
  assert.deepEqual(devices, ["3 threads", "3 threads"]);
});

test("SIGHUP where no terminal is left changes nothing, as nohup asks", async () => {
  const lastStep = () => readEvents(join(folder, "hang-up/events.jsonl")).at(-1)!.step;
  const { code } = await runUntil(pretrain("hang-up"), isTraining, async child => {
    const before = lastStep();
    child.kill("SIGHUP");
    // Of a process that it ended there would be no step more.
    while (child.exitCode === null && child.signalCode === null && lastStep() < before + 100) await pause(20);
    child.kill("SIGTERM");
  });
  assert.equal(code, 143);
});

const hasScript = /util-linux/.test(String(spawnSync("script", ["--version"]).stdout));

test("a terminal that is closed: saved, and the exit code is that of SIGHUP", { skip: !hasScript }, async () => {
  // The shell outlives the terminal, which tells it alone, to pass that on and to write down how the run ended.
  const words = pretrain("closed").filter(word => word !== "--json");
  const command = quoteCommand(process.execPath, main, ...words);
  const terminal = spawn(
    "script",
    ["-qec", `${command} & trap "kill -HUP $!" HUP; wait $!; wait $!; echo $? > ended`, "/dev/null"],
    {
      cwd: folder,
      env: { ...process.env, SHELL: "/bin/sh" },
      stdio: ["pipe", "pipe", "ignore"],
    },
  );
  terminal.stdout.resume();
  const until = async (holds: () => boolean) => {
    for (let i = 0; i < 1500 && !holds(); i++) await pause(20);
    assert.ok(holds());
  };
  const text = (name: string) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), "utf8") : "");
  await until(() => text("closed/events.jsonl").includes('"step":5,'));
  terminal.kill("SIGKILL");
  await until(() => text("ended").endsWith("\n"));
  assert.equal(text("ended"), "129\n");
  const last = readEvents(join(folder, "closed/events.jsonl")).at(-1)!;
  assert.deepEqual([last.kind, "reason" in last && last.reason], ["end", "interrupted"]);
  assert.deepEqual(listCheckpoints(join(folder, "closed")), [last.step]);
});

for (const signal of ["SIGINT", "SIGTERM", "SIGUSR1"] as const) {
  test(`${signal} to the whole group while kernels compile: no run is left, and nothing is called a bug`, async () => {
    const compiler = join(folder, "slow-cc");
    writeFileSync(
      compiler,
      '#!/bin/sh\n[ "$1" = --version ] && exec echo slow 1\necho > "$CRAM_CACHE/compiles"\nexec sleep 60\n',
    );
    chmodSync(compiler, 0o755);
    const cache = mkdtempSync(join(folder, "cache-"));
    const { code, stderr, seconds } = await runUntil(
      pretrain(`compiling-${signal}`),
      // What every training needs is compiled before the run is there, and a signal then ends the process as the system does.
      () => existsSync(join(cache, "compiles")) && existsSync(join(folder, `compiling-${signal}`)),
      child => void process.kill(-child.pid!, signal),
      { CC: compiler, CRAM_CACHE: cache },
    );
    assert.equal(code, 128 + constants.signals[signal], stderr);
    assert.doesNotMatch(stderr, /bug|Error/);
    assert.match(stderr, /stopping/);
    assert.match(stderr, /nothing is trained, and no run is left; the same command begins one/);
    assert.doesNotMatch(stderr, /is ended and saved|saved as/);
    // A compiler that is waited for takes sixty.
    assert.ok(seconds < 20, `${seconds} s`);
    assert.ok(!existsSync(join(folder, `compiling-${signal}`)));
  });
}

test("any verb ends at once where nothing can be saved", async () => {
  const stopped = await runUntil(
    ["dashboard", ".", "--port", "0", "--json"],
    stdout => stdout.includes("url"),
    child => void child.kill("SIGUSR1"),
  );
  assert.equal(stopped.code, 138, stopped.stderr);
  assert.doesNotMatch(stopped.stderr, /Debugger/);
});
