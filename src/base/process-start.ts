// When a process began, as the system writes it: with the number it tells a process from a later one of the same number. And
// where such numbers mean the same: a container counts its own.

import { execFileSync } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";

/** Undefined where no such process runs; empty where one does and the system does not say since when. */
export function findProcessStart(pid: number): string | undefined {
  if (process.platform === "linux") {
    try {
      // After the name in brackets, which may hold anything: the state, and as the twentieth field the start in ticks since boot.
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return "ZX".includes(fields[0]!) ? undefined : fields[19]!;
    } catch {
      // No such process, or no /proc.
    }
  }
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return undefined;
  }
  if (process.platform === "linux" || process.platform === "win32") return "";
  try {
    const said = { LC_ALL: "C", TZ: "UTC", PATH: process.env.PATH };
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8", env: said }).trim();
  } catch {
    return "";
  }
}

export interface ProcessSpace {
  /** Names this start of the machine. */
  readonly boot: string;
  /** Names the processes that see each other. */
  readonly processes: string;
}

/** Where this process has its number; empty where the system does not tell. */
export function readProcessSpace(): ProcessSpace {
  const ask = (read: () => string) => {
    try {
      return read().trim();
    } catch {
      return "";
    }
  };
  return {
    boot: ask(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8")),
    processes: ask(() => readlinkSync("/proc/self/ns/pid")),
  };
}
