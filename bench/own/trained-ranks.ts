// Ranks that train, as a person starts them: by mpirun on this machine or over two, or by --devices. What each of them printed, which
// processes they are, and when all of them were gone.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../src/base/clock.ts";

/** What all processes of one start have in their environment. */
const tagName = "CRAM_BENCH_TAG";
const secondsBetweenLooks = 0.05;

export interface Printed {
  /** Undefined of what nobody says whose it is. */
  readonly rank: number | undefined;
  readonly text: string;
}

export interface TrainedRanks {
  /** Of mpirun, or of the command that starts the ranks itself. */
  readonly processId: number;
  /** Events that rank 0 printed so far. */
  readonly events: readonly { readonly kind: string; readonly [name: string]: unknown }[];
  /** Lines of the error output. */
  readonly errors: readonly Printed[];
  findProcess(rank: number): number;
  /** When an event of a kind has been printed so often, or the ranks have ended. */
  waitFor(kind: string, count: number): Promise<void>;
  /** The exit code when every process of them is gone, or undefined after so many seconds: then those that are left are killed. */
  waitForEnd(seconds: number): Promise<number | undefined>;
}

/** The event of a line; none of a line that its rank did not live to end. */
function parseWhole(text: string): readonly { kind: string }[] {
  try {
    return [JSON.parse(text)];
  } catch {
    return [];
  }
}

let count = 0;

/** Starts a command in a process group of its own, as a shell does. */
export function startTrainedRanks(words: readonly string[], environment: NodeJS.ProcessEnv, cwd: string): TrainedRanks {
  const tag = `${process.pid}-${count++}`;
  const child = spawn(words[0]!, words.slice(1), {
    ...{ cwd, detached: true, stdio: ["ignore", "pipe", "pipe"] as ["ignore", "pipe", "pipe"] },
    env: { ...process.env, ...environment, [tagName]: tag },
  });
  const events: { kind: string }[] = [];
  const errors: Printed[] = [];
  readLines(child.stdout, line => {
    const { rank, text } = readTag(line);
    if (text.startsWith('{"kind":')) events.push(...parseWhole(text));
    // MPICH's mpirun speaks there, too.
    else if (text !== "") errors.push({ rank, text });
  });
  readLines(child.stderr, line => {
    const printed = readTag(line);
    if (printed.text !== "") errors.push(printed);
  });
  const killRest = () => {
    for (const { processId } of listProcesses(tag)) process.kill(processId, "SIGKILL");
  };
  // Nobody else ends what has a process group of its own.
  process.once("exit", killRest);
  let code: number | undefined;
  let hasEnded = false;
  const ended = once(child, "exit").then(([own]) => {
    hasEnded = true;
    code = own ?? 128;
  });
  return {
    ...{ processId: child.pid!, events, errors },
    findProcess: rank => {
      const found = listProcesses(tag).find(
        ({ environment }) => (environment.OMPI_COMM_WORLD_RANK ?? environment.PMI_RANK) === String(rank),
      );
      if (found === undefined) throw new Error(`there is no rank ${rank}`);
      return found.processId;
    },
    waitFor: async (kind, count) => {
      while (!hasEnded && events.filter(event => event.kind === kind).length < count) {
        await sleep(1000 * secondsBetweenLooks);
      }
    },
    waitForEnd: async seconds => {
      const last = systemClock.seconds() + seconds;
      while (!hasEnded || listProcesses(tag).length > 0) {
        if (systemClock.seconds() > last) {
          killRest();
          return undefined;
        }
        await sleep(1000 * secondsBetweenLooks);
      }
      await ended;
      process.off("exit", killRest);
      return code;
    },
  };
}

function readLines(stream: NodeJS.ReadableStream, take: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    const lines = (rest + text).split(/\r?\n/);
    rest = lines.pop()!;
    lines.forEach(take);
  });
  stream.on("end", () => take(rest));
}

/** Open MPI's "[1,0]<stderr>:", which may come again in the middle of a line, and MPICH's "[0] ". */
function readTag(line: string): Printed {
  const tags = /\[\d+,(\d+)\]<std\w+>:|^\[(\d+)\] /g;
  const [, openMpi, mpich] = tags.exec(line) ?? [];
  const rank = openMpi ?? mpich;
  return { rank: rank === undefined ? undefined : Number(rank), text: line.replaceAll(tags, "") };
}

/** Live processes with this tag: those that have ended and that nobody waited for have no environment any more. */
function listProcesses(tag: string) {
  return readdirSync("/proc")
    .filter(name => /^\d+$/.test(name))
    .flatMap(name => {
      const environment = readEnvironment(name);
      return environment?.[tagName] === tag ? [{ processId: Number(name), environment }] : [];
    });
}

function readEnvironment(processId: string): Record<string, string> | undefined {
  try {
    const words = readFileSync(join("/proc", processId, "environ"), "latin1").split("\0");
    return Object.fromEntries(words.map(word => [word.split("=", 1)[0]!, word.slice(word.indexOf("=") + 1)]));
  } catch {
    return undefined;
  }
}
