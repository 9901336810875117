// What a thread has had of the processors: on a machine that has little to give, seconds of the clock say nothing of a thread.

import { readFileSync, readlinkSync } from "node:fs";

/** Of /proc, whatever the machine's clock is. */
const ticksPerSecond = 100;

/** The system's name of the thread that asks; undefined where it has none. */
export function nameOwnThread(): string | undefined {
  try {
    return readlinkSync("/proc/thread-self");
  } catch {
    return undefined;
  }
}

/** Processor seconds of a thread since it began; where it has no name those of the whole process, which are more. */
export function readThreadSeconds(thread: string | undefined): number {
  if (thread !== undefined) {
    try {
      // Behind the name in brackets, which may hold anything: the user's and the system's ticks are the 12th and 13th field.
      const stat = readFileSync(`/proc/${thread}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
    } catch {
      // It has just ended.
    }
  }
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
