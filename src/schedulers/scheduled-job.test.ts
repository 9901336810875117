// Every writer's text, read by who reads it: bash, sh as Kubernetes calls it, and the schemas.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type IJob, Job } from "kubernetes-models/batch/v1/Job";
import { type IPodTemplateSpec, PodTemplateSpec } from "kubernetes-models/v1/PodTemplateSpec";
import { parse } from "yaml";
import { z } from "zod";
import { renderManifest } from "./kubernetes-job.ts";
import { renderLocalScript } from "./local-script.ts";
import { renderSbatchScript } from "./sbatch-script.ts";
import type { ScheduledJob, Word } from "./scheduled-job.ts";

const skip = process.platform === "win32";
const root = mkdtempSync(join(tmpdir(), "cram-schedulers-"));
after(() => rmSync(root, { recursive: true }));
const program = (name: string, text: string) =>
  writeFileSync(join(root, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
program("cram", 'for word in "$@"; do printf "%s\\0" "$word"; done; exit $CODE');
program("srun", 'shift 2; exec "$@"');
program(
  "mpirun",
  '[ "$1" = --allow-run-as-root ] && shift; while [ "$1" = --mca ]; do echo "$2 $3" >> mca; shift 3; done; echo "$2" > ranks; shift 4; exec "$@"',
);
program("scontrol", 'printf "%s\\0" scontrol "$@"');

const odd = [
  "a b",
  "it's",
  "$(HOME)",
  "$HOME",
  "a$$b",
  "`id`",
  '"',
  "\\",
  "#",
  "*",
  "a\nb",
  "",
  "größe",
  "%j",
  "-x",
  "~",
];
const begun = join(root, "it's $(begun)");
const job: ScheduledJob = {
  name: "cram-test",
  command: ["cram", ...odd, ["--shard=", "/4"]],
  resume: { begun, command: ["cram", "again", ...odd] },
  members: 4,
  ...{ nodes: 1, devices: 1, wantsGpu: false, threads: 2, memoryBytes: 2 ** 31 + 1, seconds: 5400 },
};

function run(shell: string, words: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const PATH = `${root}:${process.env.PATH}`;
  const { stdout, status } = spawnSync(shell, words, {
    cwd: root,
    env: { PATH, LC_ALL: "C.UTF-8", ...env },
    encoding: "utf8",
  });
  return { words: stdout.split("\0").slice(0, -1), status };
}

/** As the kubelet reads a command: a reference to a variable would be replaced. */
const expand = (word: string) => word.replace(/\$\$|\$\([\w.-]+\)/g, seen => (seen === "$$" ? "$" : "REPLACED"));

const runPod = (template: unknown, env: NodeJS.ProcessEnv) => {
  const [shell, ...words] = (template as IPodTemplateSpec).spec!.containers[0]!.command!.map(expand);
  return run(shell!, words, env).words;
};

const mpiJob = z.strictObject({
  apiVersion: z.literal("kubeflow.org/v2beta1"),
  kind: z.literal("MPIJob"),
  metadata: z.object({ name: z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/) }),
  spec: z.strictObject({
    slotsPerWorker: z.int32().optional(),
    sshAuthMountPath: z.string().optional(),
    mpiImplementation: z.enum(["OpenMPI", "Intel", "MPICH"]).optional(),
    launcherCreationPolicy: z.enum(["AtStartup", "WaitForWorkersReady"]).optional(),
    runPolicy: z
      .strictObject({
        cleanPodPolicy: z.enum(["None", "Running", "All"]).optional(),
        ttlSecondsAfterFinished: z.int32().optional(),
        activeDeadlineSeconds: z.int().optional(),
        backoffLimit: z.int32().nonnegative().optional(),
        suspend: z.boolean().optional(),
      })
      .optional(),
    mpiReplicaSpecs: z.record(
      z.enum(["Launcher", "Worker"]),
      z.strictObject({
        replicas: z.int32().positive().optional(),
        restartPolicy: z.enum(["Never", "OnFailure"]).optional(),
        template: z.unknown(),
      }),
    ),
  }),
});

test("a script of SLURM's runs every word as it was, goes on where something was begun, and queues what saved again", {
  skip,
}, () => {
  const script = join(root, "job.sh");
  writeFileSync(script, renderSbatchScript(job, { logs: "/logs/a b's %" }));
  const options = readFileSync(script, "utf8").match(/^#SBATCH .*/gm)!;
  assert.deepEqual(options.slice(1, 5), [
    "#SBATCH --array=1-4",
    "#SBATCH --cpus-per-task=2",
    "#SBATCH --mem=2049M",
    "#SBATCH --time=90",
  ]);
  assert.equal(options.at(-1), '#SBATCH --output="/logs/a b\'s %%/slurm-%A-%a.log"');
  assert.throws(() => renderSbatchScript(job, { logs: "a\\b" }), { code: "E_LAUNCHER" });
  const env = { SLURM_ARRAY_TASK_ID: "3", SLURM_JOB_ID: "17" };
  assert.deepEqual(run("bash", [script], env), { words: [...odd, "--shard=3/4"], status: 0 });
  const stopped = run("bash", [script], { ...env, CODE: "138" });
  assert.deepEqual([stopped.words.slice(-3), stopped.status], [["scontrol", "requeue", "17"], 138]);
  assert.equal(run("bash", [script], { ...env, CODE: "1" }).words.at(-1), "--shard=3/4");
  writeFileSync(begun, "");
  assert.deepEqual(run("bash", [script], env).words, ["again", ...odd]);
  rmSync(begun);
});

test("nodes, ranks and GPUs are asked for where there are several", () => {
  const wide = { ...job, members: undefined, nodes: 2, devices: 8, wantsGpu: true, seconds: undefined };
  const script = renderSbatchScript(wide);
  for (const option of ["--nodes=2", "--ntasks-per-node=8", "--gpus-per-task=1", "--mpi=pmix"])
    assert.ok(script.includes(option));
  assert.ok(!/--(array|time|output)/.test(script));
});

test("a script of this machine runs members beside each other, and fails where one does", { skip }, () => {
  const script = renderLocalScript({ ...job, join: ["cram", "joined"] });
  const { words, status } = run("bash", ["-c", script]);
  assert.equal(status, 0);
  const shards = words.filter(word => word.startsWith("--shard"));
  assert.deepEqual(shards.sort(), ["--shard=1/4", "--shard=2/4", "--shard=3/4", "--shard=4/4"]);
  assert.equal(words.at(-1), "joined");
  assert.deepEqual([run("bash", ["-c", script], { CODE: "7" }).status], [7]);
  const ranks = renderLocalScript({ ...job, members: undefined, devices: 3 });
  assert.deepEqual(run("bash", ["-c", ranks]).words.slice(0, -1), odd);
  assert.equal(readFileSync(join(root, "ranks"), "utf8"), "3\n");
});

test("a Job is one by Kubernetes' schema, and its pods run every word as it was", { skip }, () => {
  const text = renderManifest(job, { image: "cram:1", claim: "data" });
  const manifest = parse(text) as IJob;
  new Job(manifest).validate();
  assert.deepEqual(runPod(manifest.spec!.template, { JOB_COMPLETION_INDEX: "1" }), [...odd, "--shard=2/4"]);
  writeFileSync(begun, "");
  assert.deepEqual(runPod(manifest.spec!.template, {}), ["again", ...odd]);
  rmSync(begun);
  const plain = renderManifest({ ...job, command: ["cram", ...odd], resume: undefined }, { image: "x", claim: "y" });
  assert.deepEqual(runPod((parse(plain) as IJob).spec!.template, {}), odd);
});

test("several machines that train together are an MPIJob by its schema, whose launcher starts the ranks", {
  skip,
}, () => {
  const command: Word[] = ["cram", "pretrain", ...odd];
  const wide = { ...job, command, members: undefined, nodes: 3, devices: 8, wantsGpu: true };
  const manifest = parse(renderManifest(wide, { image: "cram:cuda", claim: "data" }));
  const { spec } = mpiJob.parse(manifest);
  assert.throws(() => mpiJob.parse({ ...manifest, spec: { ...manifest.spec, slots: 8 } }));
  const { Launcher, Worker } = spec.mpiReplicaSpecs;
  assert.deepEqual([spec.slotsPerWorker, Launcher!.replicas, Worker!.replicas], [8, 1, 3]);
  for (const { template } of [Launcher!, Worker!]) new PodTemplateSpec(template as IPodTemplateSpec).validate();
  const { resources } = (Worker!.template as IPodTemplateSpec).spec!.containers[0]!;
  assert.deepEqual(resources!.limits, { cpu: "16", memory: "2049Mi", "nvidia.com/gpu": 8 });
  assert.deepEqual(runPod(Launcher!.template, {}), ["pretrain", ...odd]);
  assert.equal(readFileSync(join(root, "ranks"), "utf8"), "24\n");
  const watched = ["time 3", "intvl 1", "probes 3"].map(each => `oob_tcp_keepalive_${each}\n`);
  assert.equal(readFileSync(join(root, "mca"), "utf8"), watched.join(""));
  program("mpirun", "trap 'echo asked; exit 3' USR1; kill -TERM $PPID; while :; do sleep 0.05; done");
  const [shell, ...words] = (Launcher!.template as IPodTemplateSpec).spec!.containers[0]!.command!.map(expand);
  const { stdout, status } = spawnSync(shell!, words, { cwd: root, env: { PATH: `${root}:${process.env.PATH}` } });
  assert.deepEqual([`${stdout}`, status], ["asked\n", 3]);
});
