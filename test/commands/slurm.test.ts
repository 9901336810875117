// A sweep with a preemption, a job of two tasks and a prepare by SLURM's own daemons on this machine, where they are installed and may be
// run (Debian: slurm-wlm, as root).

import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { renderSbatchScript } from "../../src/schedulers/sbatch-script.ts";
import { submitSbatch } from "../../src/schedulers/submit.ts";
import { prepare } from "../../src/verbs/prepare/prepare.ts";
import { findFreePort } from "../free-port.ts";

// sbatch gives its version only where it finds a cluster, and the cluster of these tests is yet to be started.
const isThere = ["slurmctld", "slurmd", "sbatch"].every(name => spawnSync(name, ["-V"]).error === undefined);
const skip = !isThere ? "SLURM is not installed" : process.getuid?.() !== 0 ? "its daemons run as root" : false;

const folder = mkdtempSync(join(tmpdir(), "cram-slurm-"));
const daemons: ChildProcess[] = [];
after(async () => {
  for (const daemon of daemons) daemon.kill();
  await Promise.all(daemons.map(({ exitCode, pid }) => exitCode ?? waitUntilGone(pid!)));
  rmSync(folder, { recursive: true, force: true });
});

async function waitUntilGone(pid: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await setTimeout(50);
  }
}

let started: Promise<NodeJS.ProcessEnv> | undefined;
const startSlurm = () => (started ??= startDaemons());

async function startDaemons(): Promise<NodeJS.ProcessEnv> {
  const host = hostname().split(".")[0]!;
  const at = (name: string) => join(folder, name);
  for (const name of ["state", "spool"]) mkdirSync(at(name));
  const settings = {
    ClusterName: "test",
    SlurmctldHost: `${host}(127.0.0.1)`,
    SlurmctldPort: await findFreePort(),
    SlurmdPort: await findFreePort(),
    AuthType: "auth/none",
    CredType: "cred/none",
    SlurmUser: "root",
    StateSaveLocation: at("state"),
    SlurmdSpoolDir: at("spool"),
    SlurmctldPidFile: at("slurmctld.pid"),
    SlurmdPidFile: at("slurmd.pid"),
    ProctrackType: "proctrack/linuxproc",
    TaskPlugin: "task/none",
    MpiDefault: "none",
    ReturnToService: 2,
    SchedulerType: "sched/builtin",
    SelectType: "select/cons_tres",
    SelectTypeParameters: "CR_CPU",
    // What is requeued is looked at again at once, and two tasks fit on any machine.
    SchedulerParameters: "builtin_interval=1,sched_interval=1,sched_min_interval=0",
    SlurmdParameters: "config_overrides",
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  const cpus = Math.max(2, Number(execFileSync("nproc", ["--all"], { encoding: "utf8" })));
  const node = `NodeName=${host} NodeAddr=127.0.0.1 CPUs=${cpus} State=UNKNOWN`;
  const partition = `PartitionName=all Nodes=${host} Default=YES State=UP`;
  writeFileSync(at("slurm.conf"), `${[...lines, node, partition].join("\n")}\n`);
  process.env.SLURM_CONF = at("slurm.conf");
  const env = { ...process.env };
  daemons.push(spawn("slurmctld", ["-D"], { env, stdio: "ignore" }));
  daemons.push(spawn("slurmd", ["-D", "-N", host], { env, stdio: "ignore" }));
  for (let tries = 0; tries < 300; tries++) {
    const { stdout } = spawnSync("sinfo", ["--noheader", "--format=%T"], { env, encoding: "utf8" });
    if (stdout.trim() === "idle") return env;
    await setTimeout(100);
  }
  throw new Error("SLURM's daemons did not come up");
}

async function waitFor(what: string, isThere: () => boolean): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (isThere()) return;
    await setTimeout(100);
  }
  throw new Error(`waited in vain for ${what}`);
}

/**
 * Until it has ended. What was requeued begins after two seconds: SLURM keeps it back for two minutes, until its last attempt is surely
 * gone.
 */
async function waitForJob(env: NodeJS.ProcessEnv, job: string): Promise<void> {
  let looks = 0;
  for (let tries = 0; tries < 600; tries++) {
    const { stdout } = spawnSync("squeue", ["--noheader", "--format=%i %T", "--job", job], { env, encoding: "utf8" });
    if (stdout.trim() === "") return;
    const pending = [...stdout.matchAll(/^(\S+) PENDING$/gm)];
    looks = pending.length > 0 ? looks + 1 : 0;
    for (const [, id] of looks < 20 ? [] : pending) {
      spawnSync("scontrol", ["update", `JobId=${id}`, "StartTime=now"], { env });
    }
    await setTimeout(100);
  }
}

test("an array of workers trains all trials once, and the table is that of one worker", { skip }, async () => {
  const env = await startSlurm();
  const text = join(folder, "texts.jsonl");
  const line = (i: number) =>
    JSON.stringify({ text: `${i} old boats sleep near the river wall and a green frog sings` });
  writeFileSync(text, Array.from({ length: 60 }, (_, i) => `${line(i)}\n`).join(""));
  const data = join(folder, "data");
  await prepare({ texts: [text], out: data, vocabulary: 84, sequenceLength: 16, holdOut: 0.2 });
  const sizes = ["width=16", "layers=1", "heads=2", "feedForward=32", "sequenceLength=16", "vocabulary=84"];
  const asked = {
    ...{
      recipe: "quickstart",
      budget: "2steps",
      seeds: [0, 1],
      variations: { slow: ["optimizer.learningRate=0.0001"] },
    },
    set: [...sizes.map(pair => `model.${pair}`), "schedule.batchSequences=4", "train.microBatchSequences=4"],
  };
  writeFileSync(join(folder, "sweep.json"), JSON.stringify(asked));
  const cram = (...words: string[]) => {
    const main = join(import.meta.dirname, "../../src/cli/main.js");
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...words], {
      cwd: folder,
      env,
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const common = ["--data", "data", "--backend", "reference"];
  assert.match(
    cram("sweep", "sweep.json", "--out", "array", "--launcher", "slurm", "--jobs", "2", ...common),
    /job 1, 2 workers/,
  );
  const list = () => readdirSync(join(folder, "array"), { recursive: true, encoding: "utf8" });
  await waitFor("a trial under way", () => list().some(path => /^trials.*cram-lock$/.test(path)));
  execFileSync("scontrol", ["requeue", "1_1"], { env });
  await waitForJob(env, "1");
  const logs = readdirSync(join(folder, "array")).filter(name => name.endsWith(".log"));
  assert.deepEqual(logs.sort(), ["slurm-1-1.log", "slurm-1-2.log"]);
  assert.match(readFileSync(join(folder, "array/slurm-1-1.log"), "utf8"), /CANCELLED AT .* DUE TO JOB REQUEUE/);
  const said = logs.flatMap(
    name => readFileSync(join(folder, "array", name), "utf8").match(/^\S+, seed \d+: \d/gm) ?? [],
  );
  assert.deepEqual(said.map(one => one.slice(0, -3)).sort(), [
    "base, seed 0",
    "base, seed 1",
    "slow, seed 0",
    "slow, seed 1",
  ]);
  cram("sweep", "sweep.json", "--out", "alone", ...common);
  const readTable = (name: string) => readFileSync(join(folder, name, "table.md"), "utf8");
  assert.equal(readTable("array"), readTable("alone"));
});

test("two tasks get the signal before a time limit, save, and go on when they are queued again", { skip }, async () => {
  const env = await startSlurm();
  const logs = join(folder, '"two" tasks, it\'s 50 %');
  mkdirSync(logs);
  const begun = join(logs, "begun");
  const first =
    // The first has saved while the other still does.
    'trap "sleep $((SLURM_PROCID * 2)); echo saved; exit 138" USR1; echo "rank $PMIX_RANK of $SLURM_NTASKS"; while :; do sleep 0.1; done';
  const job = submitSbatch(
    renderSbatchScript(
      {
        ...{ name: "cram-test", nodes: 1, devices: 2, threads: 1, wantsGpu: false, seconds: 3600 },
        command: ["bash", "-c", first],
        resume: { begun, command: ["bash", "-c", 'echo "$1 $SLURM_PROCID"', "bash", "goes on: $(x)"] },
      },
      { logs },
    ),
  );
  const log = join(logs, `slurm-${job}.log`);
  const said = () => (existsSync(log) ? readFileSync(log, "utf8") : "");
  await waitFor("two tasks", () => [0, 1].every(rank => said().includes(`rank ${rank} of 2`)));
  writeFileSync(begun, "");
  // As SLURM does before the time limit: to the tasks, not to the script.
  execFileSync("scancel", ["--signal=USR1", job], { env });
  await waitForJob(env, job);
  assert.deepEqual(
    said()
      .match(/^(saved|goes on: .*)$/gm)!
      .sort(),
    ["goes on: $(x) 0", "goes on: $(x) 1", "saved", "saved"],
  );
});

test("an array reads its shares, and what joins them waits for all: the dataset of one machine", { skip }, async () => {
  const env = await startSlurm();
  const own = join(folder, "shares");
  mkdirSync(join(own, "texts"), { recursive: true });
  const line = (i: number) =>
    JSON.stringify({ text: `${i} old boats sleep near the river wall and a green frog sings` });
  for (const file of [0, 1, 2]) {
    // Padding makes each file a portion.
    const lines = Array.from({ length: 30 }, (_, i) => line(30 * file + i));
    writeFileSync(join(own, "texts", `${file}.jsonl`), `${lines.join("\n")}\n${" ".repeat(4.5 * 2 ** 20)}\n`);
  }
  const main = join(import.meta.dirname, "../../src/cli/main.js");
  writeFileSync(join(own, "cram"), `#!/bin/sh\nexec ${process.execPath} ${main} "$@"\n`, { mode: 0o755 });
  const options = ["--vocabulary", "84", "--sequence-length", "16", "--hold-out", "0.2", "--threads", "1"];
  const words = ["prepare", "texts", ...options];
  const run = (program: string, ...more: string[]) => {
    const { status, stdout, stderr } = spawnSync(program, more, {
      ...{ cwd: own, encoding: "utf8" },
      env: { ...env, PATH: `${own}:${env.PATH}` },
    });
    assert.equal(status, 0, stderr);
    return stdout.trim();
  };
  const script = run("cram", ...words, "--out", "data", "--memory", "64MiB", "--launcher", "slurm", "--machines", "2");
  writeFileSync(join(own, "prepare.sh"), `${script.replace(/^#SBATCH --mem=.*$/m, "#SBATCH --mem=0")}\n`);
  run("sbatch", "--test-only", "prepare.sh");
  const job = run("sbatch", "--parsable", "prepare.sh");
  const joining = run("sbatch", "--parsable", `--dependency=afterok:${job}`, "--array=1", "prepare.sh", "join");
  await waitForJob(env, joining);
  run("cram", ...words, "--out", "alone");
  const names = readdirSync(join(own, "alone"), { recursive: true, encoding: "utf8" }).filter(name =>
    name.includes("."),
  );
  assert.ok(names.length >= 6);
  for (const name of names) {
    assert.ok(readFileSync(join(own, "data", name)).equals(readFileSync(join(own, "alone", name))), name);
  }
});
