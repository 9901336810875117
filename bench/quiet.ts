// What other programs do to the processors while we time, on a machine that is shared: seen in /proc, where there is one.

import { readFileSync } from "node:fs";
import { systemClock } from "../src/base/clock.ts";

const sampleMilliseconds = 150;
/** Processors' worth of work by others that counts as quiet. */
const quietShare = 0.1;
/** The system counts processor time in hundredths of a second, for each processor; less than a few say nothing. */
const tickSeconds = 0.01;
const blurSeconds = 4 * tickSeconds;

export const pause = (milliseconds: number): Promise<void> => new Promise(resolve => setTimeout(resolve, milliseconds));

/** Begins to watch; the result says whether others worked since then, beside these processes. */
export function watchOthers(processes: readonly number[]): () => boolean {
  const readOthers = () => readBusySeconds() - processes.reduce((total, id) => total + readProcessSeconds(id), 0);
  const start = systemClock.seconds();
  const before = readOthers();
  return () => readOthers() - before > blurSeconds + quietShare * (systemClock.seconds() - start);
}

/** Returns when others rest, or at `end` of the system's clock. */
export async function waitForQuiet(end: number): Promise<void> {
  while (systemClock.seconds() < end) {
    const disturbed = watchOthers([process.pid]);
    await pause(sampleMilliseconds);
    if (!disturbed()) return;
  }
}

function readFields(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n")[0]!.split(/\s+/);
  } catch {
    return [];
  }
}

/** Seconds all processors together have worked since the machine started: all but idle and waiting for disks. */
function readBusySeconds(): number {
  const [, user, nice, system, , , interrupts, soft, stolen] = readFields("/proc/stat").map(Number);
  return (
    [user, nice, system, interrupts, soft, stolen].reduce((total, ticks) => total! + (ticks ?? 0), 0)! * tickSeconds
  );
}

/** Seconds of processors a process has used; the name before the fields may hold spaces, so they are counted from its end. */
function readProcessSeconds(id: number): number {
  const line = readFields(`/proc/${id}/stat`).join(" ");
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) || 0) + (Number(fields[12]) || 0)) * tickSeconds;
}
