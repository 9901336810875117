// Trials beside each other on one machine: workers of their own process, each with cores or a GPU of its own, where the system can hold
// it there. They take trials as any worker does; what becomes of these is read from the sweep's folder.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { UserError } from "../../../base/errors.ts";
import { countOf } from "../../../base/printable.ts";
import { listPerformanceCores } from "../../../machine/cores.ts";
import type { BackendChoice } from "../../../verbs/backend.ts";

export interface Jobs extends BackendChoice {
  readonly out: string;
  readonly count: number;
  readonly signal: AbortSignal;
}

/** The words that start a worker of the sweep in `out`. */
export function listWorkerWords(out: string, { backend, threads, device }: BackendChoice): string[] {
  const chosen = Object.entries({ "--backend": backend, "--threads": threads, "--device": device });
  const given = chosen.flatMap(([name, value]) => (value === undefined ? [] : [name, String(value)]));
  return [process.execPath, process.argv[1]!, "sweep", "--worker", out, ...given];
}

/** Threads of each trial beside others: one, unless it was said otherwise. UserError E_OPTION for more than there are cores. */
export function chooseJobThreads(jobs: number, { backend, threads }: BackendChoice): number | undefined {
  if (backend !== undefined && backend !== "cpu") return undefined;
  const each = threads ?? 1;
  const cores = listPerformanceCores().length;
  if (jobs * each <= cores) return each;
  throw new UserError(
    "E_OPTION",
    `--jobs ${jobs} with ${each === 1 ? "a thread" : `${each} threads`} each, and this process may use ${countOf(cores, "core")}`,
    `Give --jobs ${Math.max(1, Math.floor(cores / each))}, for trials that share a core are no comparison.`,
  );
}

/** Runs workers until there is nothing left to do for them. One that fails has said why; its trial is left to the others. */
export async function runJobs(jobs: Jobs): Promise<void> {
  const threads = chooseJobThreads(jobs.count, jobs);
  const canPin = threads !== undefined && hasTaskset();
  const cores = listPerformanceCores();
  const workers = Array.from({ length: jobs.count }, (_, job) => {
    const device = jobs.backend === "cuda" ? (jobs.device ?? job) : undefined;
    const words = listWorkerWords(jobs.out, { backend: jobs.backend, threads, device });
    const own = threads === undefined ? [] : cores.slice(job * threads, (job + 1) * threads);
    const [program, ...rest] = canPin ? ["taskset", "-c", own.join(","), ...words] : words;
    return spawn(program!, rest, { stdio: ["ignore", "ignore", "inherit"] });
  });
  const stop = () => {
    for (const worker of workers) worker.kill("SIGTERM");
  };
  jobs.signal.addEventListener("abort", stop, { once: true });
  try {
    await Promise.all(workers.map(waitForEnd));
  } finally {
    jobs.signal.removeEventListener("abort", stop);
  }
}

function hasTaskset(): boolean {
  if (process.platform !== "linux") return false;
  try {
    execFileSync("taskset", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const waitForEnd = (worker: ChildProcess) => new Promise<void>(resolve => worker.once("close", () => resolve()));
