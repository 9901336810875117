// The mpirun of this machine, which starts ranks that share it. It has a session of its own: it would end its ranks within a second of a
// terminal's Ctrl-C, so signals go to whoever started it, who asks the ranks to save.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { UserError } from "../../base/errors.ts";
import type { MpiName } from "./mpi-library.ts";

/** Ranks of this machine alone, which needs no ssh; on which core each runs, the system decides. */
const words: Readonly<Record<MpiName, readonly string[]>> = {
  "Open MPI": ["--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "--quiet", "--mca", "plm", "isolated"],
  MPICH: [],
};

/** Which mpirun PATH has. UserError E_MPI_ABSENT where there is none. */
export function findMpirun(): MpiName {
  const { stdout, error } = spawnSync("mpirun", ["--version"], { encoding: "utf8" });
  // Open MPI's calls itself after its runtime where it is started as mpirun.openmpi.
  if (error === undefined) return /Open MPI|OpenRTE/.test(stdout) ? "Open MPI" : "MPICH";
  throw new UserError(
    "E_MPI_ABSENT",
    "there is no mpirun here, which starts ranks",
    "apt-get install openmpi-bin, on macOS brew install open-mpi, or leave --devices out.",
    { cause: error },
  );
}

/**
 * Starts this command in so many ranks, and returns mpirun's exit code: that of a rank that failed. The signal asks the ranks to end; if this
 * process ends before them, they are ended at once.
 */
export async function runRanks(
  mpirun: MpiName,
  count: number,
  command: readonly string[],
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<number> {
  const stdio = ["ignore", "inherit", "inherit"] as const;
  const child = spawn("mpirun", [...words[mpirun], "-np", String(count), ...command], {
    ...{ env: environment, detached: true },
    stdio: [...stdio],
  });
  const ask = () => child.kill("SIGUSR1");
  const end = () => child.kill("SIGTERM");
  signal.addEventListener("abort", ask, { once: true });
  process.once("exit", end);
  const [code] = (await once(child, "close")) as [number | null];
  process.off("exit", end);
  return code ?? 1;
}
