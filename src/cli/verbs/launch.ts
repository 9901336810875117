// cram launch: a command of the house's as a script for SLURM, a manifest for Kubernetes, or processes of this machine.

import { Argument, type Command } from "commander";
import { UserError } from "../../base/errors.ts";
import { renderSbatchScript } from "../../schedulers/sbatch-script.ts";
import { applyManifest, runScript, submitSbatch } from "../../schedulers/submit.ts";
import { parseBudget } from "../../train/budget.ts";
import { mostThreads } from "../../verbs/given-values.ts";
import {
  type LaunchOptions,
  planLaunch,
  renderLaunched,
  type SchedulerName,
  schedulerNames,
} from "../../verbs/launch.ts";
import { parseBytes, parseCount } from "../numbers.ts";
import { print, printWarning } from "../terminal/output.ts";
import { stopOnSignals } from "../terminal/signals.ts";

interface LaunchFlags {
  readonly nodes?: string;
  readonly devices?: string;
  readonly array?: string;
  readonly threads?: string;
  readonly memory?: string;
  readonly time?: string;
  readonly image?: string;
  readonly claim?: string;
  readonly name?: string;
  readonly submit?: boolean;
  readonly json?: boolean;
}

export function addLaunch(command: Command): void {
  command
    .addArgument(new Argument("<scheduler>", "what places the processes").choices(schedulerNames))
    .argument("<command...>", "behind --: a command without cram, as pretrain --data data/mine --out runs/mine")
    .option("--nodes <number>", "machines that train together; default: 1")
    .option("--devices <number>", "ranks of each machine: GPUs with --backend cuda; default: 1")
    .option("--array <number>", "members that share a prepare, an evaluation or a sweep")
    .option("--threads <number>", "cores of each process; default: as the command says, or 1")
    .option("--memory <bytes>", "of each machine, as in 64GiB")
    .option("--time <time>", "of an attempt, as in 4h; before it ends the work is saved, and the next attempt goes on")
    .option("--image <name>", "of kubernetes: the image that has cram")
    .option("--claim <name>", "of kubernetes: the claim of the volume that all pods share, in which paths are")
    .option("--name <name>", "what the scheduler's lists call it; default: cram and the verb")
    .option("--submit", "hand it to sbatch, kubectl or this machine's shell, instead of printing it")
    .option("--json", "print one JSON object and nothing else")
    .addHelpText(
      "after",
      `
It prints a script for sbatch (slurm), a manifest for kubectl (kubernetes: an indexed Job, and with several --nodes an MPIJob of Kubeflow's),
or a script for bash (local). What was stopped, by a time limit, by preemption or by a lost machine, is queued again and goes on
where it was saved. Members of an array need a disk that all see: none does what another did or does. What a cluster wants beside
it, as a partition, sbatch reads from SBATCH_PARTITION and the like.

Examples:
  cram launch slurm --time 4h --threads 8 -- pretrain --data data/mine --budget 24h --out runs/mine > train.sbatch
  cram launch slurm --devices 8 --submit -- pretrain --data data/mine --backend cuda --budget 24h --out runs/mine
  cram launch slurm --array 8 --submit -- evaluate runs/mine --glue-dir data/glue
  cram launch slurm --array 16 --memory 8GiB --submit -- prepare crawl/ --out data/crawl
  cram launch kubernetes --nodes 4 --devices 8 --image cram:cuda --claim data -- pretrain --data d --backend cuda --out runs/m > job.yaml
  cram launch local --array 4 --submit -- sweep --worker sweeps/rates

docs/CLUSTER.md goes from one GPU to many machines.`,
    )
    .action(launch);
}

async function launch(scheduler: SchedulerName, words: string[], flags: LaunchFlags): Promise<void> {
  const options = readFlags(scheduler, words, flags);
  const job = planLaunch(options);
  const text = renderLaunched(job, options);
  const json = flags.json === true;
  if (flags.submit !== true) return print(json ? JSON.stringify({ scheduler, text }) : text.trimEnd());
  if (scheduler === "local") {
    const announcement = "stopping; each process saves what it has, and says what goes on with it";
    const work = (signal: AbortSignal) => runScript(text, signal);
    const code = await stopOnSignals({ announcement, unfinished: undefined, warn: printWarning, work });
    process.exitCode ??= code;
  } else if (scheduler === "kubernetes") {
    const said = applyManifest(text);
    print(json ? JSON.stringify({ scheduler, said }) : said);
  } else {
    const number = submitSbatch(text);
    const joining =
      job.join &&
      submitSbatch(renderSbatchScript({ ...job, command: job.join, join: undefined, members: undefined }), number);
    if (json) return print(JSON.stringify({ scheduler, job: number, join: joining }));
    const behind = joining === undefined ? "" : `, and behind it job ${joining}, which joins what its members make`;
    print(`submitted: job ${number}${behind}; squeue shows it, scancel ${number} stops it`);
  }
}

function readFlags(scheduler: SchedulerName, words: readonly string[], flags: LaunchFlags): LaunchOptions {
  const read = (option: string, text: string | undefined, most?: number) =>
    text === undefined ? undefined : parseCount(option, text, 1, most);
  const { name, image, claim, memory, time } = flags;
  return {
    ...{ scheduler, words, name, image, claim },
    // A cluster's machines see the folders of this one; an image has its own program.
    program: scheduler === "kubernetes" ? ["cram"] : [process.execPath, process.argv[1]!],
    nodes: read("--nodes", flags.nodes, 100_000),
    devices: read("--devices", flags.devices, 1024),
    array: read("--array", flags.array, 100_000),
    threads: read("--threads", flags.threads, mostThreads),
    memoryBytes: memory === undefined ? undefined : parseBytes("--memory", memory),
    seconds: time === undefined ? undefined : parseSeconds(time),
  };
}

/** UserErrors E_BUDGET, and E_OPTION for steps. */
function parseSeconds(time: string): number {
  const advice = 'Write it as "30m" or "4h".';
  const budget = parseBudget(time, "--time", advice);
  if (budget.kind === "seconds") return budget.seconds;
  throw new UserError("E_OPTION", `--time ${time}: steps are no time`, advice);
}
