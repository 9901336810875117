// Any command of the house's as a job for a scheduler: what it needs is read from its own words where they say it, and an attempt that is
// made again goes on where the one before was stopped.

import { UserError } from "../base/errors.ts";
import { renderManifest } from "../schedulers/kubernetes-job.ts";
import { renderLocalScript } from "../schedulers/local-script.ts";
import { renderSbatchScript } from "../schedulers/sbatch-script.ts";
import type { ScheduledJob, Word } from "../schedulers/scheduled-job.ts";

export const schedulerNames = ["slurm", "kubernetes", "local"] as const;
export type SchedulerName = (typeof schedulerNames)[number];

export interface LaunchOptions {
  readonly scheduler: SchedulerName;
  /** The command, without the program. */
  readonly words: readonly string[];
  /** What starts cram where the job runs. */
  readonly program: readonly string[];
  readonly name?: string | undefined;
  /** Machines that train together. Default 1. */
  readonly nodes?: number | undefined;
  /** Ranks of each machine: GPUs with --backend cuda. Default 1. */
  readonly devices?: number | undefined;
  /** Members of an array, which share the work. Default: none. */
  readonly array?: number | undefined;
  /** Cores of each process. Default: as the command says, or 1. */
  readonly threads?: number | undefined;
  /** Of each machine. */
  readonly memoryBytes?: number | undefined;
  /** Of an attempt. */
  readonly seconds?: number | undefined;
  /** Of Kubernetes. */
  readonly image?: string | undefined;
  readonly claim?: string | undefined;
}

/** A verb that ends by itself: whether it trains in ranks, and whether members of an array share its work. */
const launched: Readonly<Record<string, { readonly ranks?: true; readonly shares?: true }>> = {
  prepare: { shares: true },
  pretrain: { ranks: true },
  evaluate: { shares: true },
  sweep: { shares: true },
  scale: {},
  record: {},
  embed: {},
  export: {},
};
const takesThreads = ["prepare", "pretrain", "evaluate", "sweep", "record", "scale", "embed"];

/** UserErrors E_OPTION for a command that no scheduler could run again, and for what its verb or the scheduler would ignore. */
export function planLaunch(options: LaunchOptions): ScheduledJob {
  const { words, program, nodes = 1, devices = 1, array, memoryBytes, seconds } = options;
  // Who has a command at hand puts it there whole.
  const [verb = "", ...given] = words[0] === "cram" ? words.slice(1) : words;
  const kind = Object.hasOwn(launched, verb) ? launched[verb]! : undefined;
  if (kind === undefined) {
    throw refuse(
      `launch of ${verb || "nothing"}`,
      `Put -- and one of these behind it: ${Object.keys(launched).join(", ")}.`,
    );
  }
  const name = options.name ?? `cram-${verb}`;
  if (!/^[a-z]([-a-z0-9]{0,48}[a-z0-9])?$/.test(name)) {
    throw refuse(`--name ${name}: no name of a job`, "Use up to 50 small letters, digits and hyphens, a letter first.");
  }
  if (kind.ranks === undefined && nodes * devices > 1) {
    throw refuse(`--nodes or --devices with ${verb}, which runs in one process`, "Leave them out, or give --array.");
  }
  if (kind.shares === undefined && array !== undefined) {
    throw refuse(`--array with ${verb}, whose work nobody shares`, "Leave it out; cram sweep trains several models.");
  }
  refuseIgnored(options);
  const wantsGpu = findValue(given, "--backend") === "cuda";
  const { threads, words: counted } = chooseThreads(verb, given, wantsGpu, options.threads);
  const command = [...program, verb, ...counted];
  return {
    ...{ name, nodes, devices, wantsGpu, threads, memoryBytes, seconds, members: array },
    ...describeWork(verb, command, given, array),
  };
}

/** What is run by an attempt, and by a later one. */
function describeWork(
  verb: string,
  command: readonly string[],
  given: readonly string[],
  array: number | undefined,
): Pick<ScheduledJob, "command" | "resume" | "join"> {
  if (verb === "pretrain") return describeTraining(command, given);
  if (verb === "sweep" && findValue(given, "--worker") === undefined && findValue(given, "--out") === undefined) {
    throw refuse("a sweep without --out or --worker", "Name its folder: all members and attempts work on it.");
  }
  if (array === undefined) return { command };
  if (verb === "evaluate" && findValue(given, "--submission") !== undefined) {
    throw refuse(
      "an array with --submission, which every member would write",
      "Give the same command with it, by itself, in the end.",
    );
  }
  if (verb === "prepare") {
    const share: Word[] = ["--shard", ["", `/${array}`]];
    return { command: [...command, ...share], join: [...command, "--merge"] };
  }
  return { command };
}

function describeTraining(
  command: readonly string[],
  given: readonly string[],
): Pick<ScheduledJob, "command" | "resume"> {
  const once = ["--extend", "--from-step"].find(option => findValue(given, option) !== undefined);
  if (once !== undefined)
    throw refuse(`${once} in a job, which every attempt would repeat`, "Do it by hand first, and launch --resume.");
  if (findValue(given, "--resume") !== undefined) return { command };
  const run = findValue(given, "--out");
  if (run === undefined)
    throw refuse("pretrain without --out", "Name the run's folder: a later attempt goes on in it.");
  const beginning = ["--recipe", "--set", "--budget", "--out", "--init-from", "--micro-batch"];
  const kept = dropOptions(command, beginning);
  return { command, resume: { begun: `${run}/recipe.json`, command: [...kept, "--resume", run] } };
}

/** Cores of each process, and the command with them where it computes on the cpu and says nothing of it. */
function chooseThreads(verb: string, given: readonly string[], wantsGpu: boolean, asked: number | undefined) {
  const own = findValue(given, "--threads");
  if (own !== undefined && asked !== undefined && Number(own) !== asked) {
    throw refuse(`--threads ${asked} beside the command's own --threads ${own}`, "Give it once.");
  }
  const threads = asked ?? (Number(own) || 1);
  const says = own !== undefined || wantsGpu || !takesThreads.includes(verb);
  return { threads, words: says ? given : [...given, "--threads", String(threads)] };
}

function refuseIgnored({ scheduler, nodes, memoryBytes, seconds, image, claim }: LaunchOptions): void {
  const given = { "--nodes": nodes, "--memory": memoryBytes, "--time": seconds, "--image": image, "--claim": claim };
  const taken = {
    slurm: ["--nodes", "--memory", "--time"],
    kubernetes: Object.keys(given),
    local: [] as string[],
  }[scheduler];
  const ignored = Object.entries(given).find(([option, value]) => value !== undefined && !taken.includes(option));
  if (ignored !== undefined) throw refuse(`${ignored[0]} changes nothing with launch ${scheduler}`, "Leave it out.");
  if (scheduler !== "kubernetes" || (image !== undefined && claim !== undefined)) return;
  throw refuse(
    "launch kubernetes without --image and --claim",
    "Name the image that has cram, and the claim of the volume that all pods share.",
  );
}

/** The script or the manifest. */
export function renderLaunched(job: ScheduledJob, { scheduler, image, claim }: LaunchOptions): string {
  if (scheduler === "slurm") return renderSbatchScript(job);
  if (scheduler === "local") return renderLocalScript(job);
  return renderManifest(job, { image: image!, claim: claim! });
}

/** What an option of a command's says the last time; undefined where it is not given. */
function findValue(words: readonly string[], option: string): string | undefined {
  const at = words.findLastIndex(word => word === option || word.startsWith(`${option}=`));
  const word = words[at];
  return word === option ? words[at + 1] : word?.slice(option.length + 1);
}

/** The words without some options and their values. */
export function dropOptions(words: readonly string[], options: readonly string[]): string[] {
  return words.filter(
    (word, i) => !options.some(name => word === name || word.startsWith(`${name}=`) || words[i - 1] === name),
  );
}

const refuse = (what: string, advice: string) => new UserError("E_OPTION", what, advice);
