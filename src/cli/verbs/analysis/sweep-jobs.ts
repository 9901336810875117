// Trials beside each other on one machine: workers of their own process, each with cores or a GPU of its own, where the system can hold
// it there. They take trials as any worker does; what becomes of these is read from the sweep's folder.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { UserError } from "../../../base/errors.ts";
import { countOf } from "../../../base/printable.ts";
import { listPerformanceCores } from "../../../machine/cores.ts";
import type { BackendChoice } from "../../../verbs/backend.ts";
import { printError, printWarning } from "../../terminal/output.ts";

export interface Jobs extends BackendChoice {
  readonly out: string;
  readonly count: number;
  readonly json: boolean;
  readonly signal: AbortSignal;
  /** Names of what was said before they began, to which theirs are added. */
  readonly said: Set<string>;
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

/**
 * Runs workers until there is nothing left to do for them. One that fails has said why, unless another said the same; of one that a signal
 * ended it is said here. Its trial is left to the others.
 */
export async function runJobs(jobs: Jobs): Promise<void> {
  const threads = chooseJobThreads(jobs.count, jobs);
  const canPin = threads !== undefined && hasTaskset();
  const cores = listPerformanceCores();
  const workers = Array.from({ length: jobs.count }, (_, job) => {
    const device = jobs.backend === "cuda" ? (jobs.device ?? job) : undefined;
    const words = listWorkerWords(jobs.out, { backend: jobs.backend, threads, device });
    const own = threads === undefined ? [] : cores.slice(job * threads, (job + 1) * threads);
    const [program, ...rest] = canPin ? ["taskset", "-c", own.join(","), ...words] : words;
    const asked = jobs.json ? [...rest, "--json"] : rest;
    return spawn(program!, asked, { stdio: ["ignore", "ignore", "pipe"] });
  });
  const stop = () => {
    for (const worker of workers) worker.kill("SIGTERM");
  };
  jobs.signal.addEventListener("abort", stop, { once: true });
  try {
    const tell = (text: string) => {
      if (!jobs.signal.aborted) printWarning(text);
    };
    await Promise.all(
      workers.map((worker, job) =>
        Promise.all([
          passErrors(worker.stderr, jobs.said),
          waitForEnd(worker, `worker ${job + 1} of ${jobs.count}`, tell),
        ]),
      ),
    );
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

/** Of the machine: every worker meets them, and each may say them of other files. */
const machineCode = /^E_(DISK_FULL|NOT_WRITABLE|MEMORY|THREADS|CACHE|COMPILER(_ABSENT)?|CUDA_[A-Z]+)$/;

/** Two errors of one name say the same. A fault of the machine is named by its code, any other one by all that it says. */
export const nameError = (code: string, message: string): string =>
  machineCode.test(code) ? code : `${code} ${message.split("\n", 1)[0]}`;

/** By what a line of a worker is known when another says it, too; undefined of one that goes on with the line before. */
function readName(line: string): string | undefined {
  if (/^\{"kind":"(error|warning)",.*\}$/.test(line)) {
    const { code, message } = JSON.parse(line) as { readonly code?: string; readonly message: string };
    return code === undefined ? message : nameError(code, message);
  }
  const [, code, message] = /^(E_[A-Z\d_]+) (.*)/.exec(line) ?? [];
  if (code !== undefined) return nameError(code, message!);
  return line.startsWith("  ") ? undefined : line;
}

/** What a worker says comes out as it is, but for what was said before, by whomever. */
export async function passErrors(stderr: Readable, said: Set<string>, show = printError): Promise<void> {
  let isSaid = false;
  for await (const line of createInterface({ input: stderr })) {
    const name = readName(line);
    if (name !== undefined) {
      isSaid = said.has(name);
      said.add(name);
    }
    if (!isSaid) show(line);
  }
}

/** Tells of a worker that a signal ended: it could not say so itself. */
export const waitForEnd = (worker: ChildProcess, name: string, tell: (text: string) => void) =>
  new Promise<void>(resolve =>
    worker.once("close", (_, signal) => {
      const reason = signal === "SIGKILL" ? ", as a system does that has no memory left" : "";
      if (signal !== null)
        tell(`${name} was ended by ${signal}${reason}: its trial goes on by the others, or here when they are done`);
      resolve();
    }),
  );
