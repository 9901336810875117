// How many threads compute unless somebody says otherwise: one for each performance core that this process may use. Threads of
// one core share its arithmetic, slower cores hold up the fast ones, and what a batch system or a container allots is no more
// than it says.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

export interface CoreSources {
  readonly platform?: NodeJS.Platform;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Where /proc and /sys are. */
  readonly root?: string;
  /** Processors that the system lets this process run on. */
  readonly available?: number;
}

let counted: number | undefined;

/** Performance cores, at least 1: SLURM_CPUS_PER_TASK where it says fewer or more, within what the process may use. */
export function countPerformanceCores(sources?: CoreSources): number {
  if (sources !== undefined) return countCores(sources);
  counted ??= countCores({});
  return counted;
}

function countCores({
  platform = process.platform,
  environment = process.env,
  root = "/",
  available = availableParallelism(),
}: CoreSources): number {
  const allotted = Number(environment.SLURM_CPUS_PER_TASK);
  const limit = Math.min(available, readQuota(root) ?? available);
  if (Number.isInteger(allotted) && allotted > 0) return Math.max(1, Math.min(allotted, limit));
  const cores = platform === "darwin" ? askDarwin() : platform === "linux" ? listLinuxCores(root)?.length : undefined;
  return Math.max(1, Math.min(cores ?? limit, limit));
}

const readText = (...path: string[]): string | undefined => {
  try {
    return readFileSync(join(...path), "utf8").trim();
  } catch {
    return undefined;
  }
};

/** Whole processors that a container's quota is worth; undefined without one. */
function readQuota(root: string): number | undefined {
  const [quota, period] = (
    readText(root, "sys/fs/cgroup/cpu.max") ??
    `${readText(root, "sys/fs/cgroup/cpu/cpu.cfs_quota_us")} ${readText(root, "sys/fs/cgroup/cpu/cpu.cfs_period_us")}`
  )
    .split(/\s+/)
    .map(Number);
  return quota! > 0 && period! > 0 ? Math.max(1, Math.floor(quota! / period!)) : undefined;
}

/** Numbers of processors to hold work on, one of each performance core; where the system does not say, as many as there are cores. */
export function listPerformanceCores(): number[] {
  const count = countPerformanceCores();
  const listed = process.platform === "linux" ? listLinuxCores("/") : undefined;
  return listed === undefined ? Array.from({ length: count }, (_, i) => i) : listed.slice(0, count);
}

/** Of the allowed processors that are as fast as the fastest one of each core; undefined where the system does not say. */
function listLinuxCores(root: string): number[] | undefined {
  const allowed = /^Cpus_allowed_list:\s*(\S+)/m.exec(readText(root, "proc/self/status") ?? "")?.[1];
  if (allowed === undefined) return undefined;
  const folder = "sys/devices/system/cpu";
  const processors = listNumbers(allowed).map(number => {
    const of = (...name: string[]) => readText(root, folder, `cpu${number}`, ...name);
    return {
      number,
      core: of("topology/thread_siblings_list") ?? String(number),
      speed: Number(of("cpu_capacity") ?? of("cpufreq/cpuinfo_max_freq") ?? 0),
    };
  });
  const fastest = Math.max(...processors.map(({ speed }) => speed));
  // Favoured cores of one kind differ by some per cent, other kinds by a fifth and more.
  const fast = processors.filter(({ speed }) => speed >= 0.85 * fastest);
  return fast.filter(({ core }, i) => fast.findIndex(other => other.core === core) === i).map(({ number }) => number);
}

/** "0-3,8" as numbers. */
function listNumbers(text: string): number[] {
  return text.split(",").flatMap(part => {
    const [first, last = first] = part.split("-").map(Number);
    return Array.from({ length: last! - first! + 1 }, (_, i) => first! + i);
  });
}

function askDarwin(): number | undefined {
  try {
    const cores = Number(execFileSync("sysctl", ["-n", "hw.perflevel0.physicalcpu"], { encoding: "utf8" }));
    return cores > 0 ? cores : undefined;
  } catch {
    // Processors of one kind have no levels.
    return undefined;
  }
}
