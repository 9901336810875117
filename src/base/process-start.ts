// When a process began, as the system writes it: with the number it tells a process from a later one of the same number.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

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
