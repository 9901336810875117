// The real program, started in a folder: what it printed, how it ended and how long it took.

import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ending>;
  /** Standard output so far. */
  readonly printed: () => string;
}

export interface StartOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Shell commands before it: "ulimit -f 100". */
  readonly first?: string;
  /** After so many seconds it is killed: a hang. */
  readonly seconds?: number;
}

const main = join(import.meta.dirname, "../../src/cli/main.js");
const patienceSeconds = 120;

export function startCram(words: readonly string[], options: StartOptions): Started {
  const { cwd, env = {}, first, seconds = patienceSeconds } = options;
  const program = [process.execPath, main, ...words];
  const [command, ...rest] = first === undefined ? program : ["sh", "-c", `${first} && exec "$@"`, "sh", ...program];
  const start = systemClock.seconds();
  const child = spawn(command!, rest, { cwd, env: { ...process.env, NO_COLOR: "1", ...env } });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString("utf8")));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString("utf8")));
  const timer = setTimeout(() => child.kill("SIGKILL"), 1000 * seconds);
  const ended = new Promise<Ending>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr, seconds: systemClock.seconds() - start });
    });
  });
  return { child, ended, printed: () => stdout };
}

export const runCram = (words: readonly string[], options: StartOptions): Promise<Ending> =>
  startCram(words, options).ended;

/** Runs it to the end, which must be a good one. */
export async function succeed(words: readonly string[], options: StartOptions): Promise<Ending> {
  const ending = await runCram(words, options);
  if (ending.code !== 0) throw new Error(`cram ${words.join(" ")}: ${describeEnding(ending)}`);
  return ending;
}

export function describeEnding({ code, signal, stderr, seconds }: Ending): string {
  const said = stderr.trim().split("\n").slice(0, 3).join(" / ").slice(0, 400);
  return `${signal ?? `exit ${code}`} after ${seconds.toFixed(1)} s${said === "" ? "" : `: ${said}`}`;
}

/** What is wrong with an ending whatever the accident: a bug, a stack, a hang. Undefined where nothing is. */
export function findBug({ code, signal, stderr, seconds }: Ending): string | undefined {
  if (signal === "SIGKILL" && seconds > patienceSeconds - 1) return "it hung";
  if (code === 2 || /This is a bug|\n {4}at |Node\.js v\d/.test(stderr)) return "a stack or a bug";
  if (signal === "SIGSEGV" || signal === "SIGBUS" || signal === "SIGABRT") return `it died of ${signal}`;
  return undefined;
}
