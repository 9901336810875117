// Workers of a sweep as an array of SLURM's: each task is `cram sweep --worker`, takes trials as long as there are any, and a task that is
// requeued goes on where it was stopped.

import { execFileSync } from "node:child_process";
import { join, resolve } from "node:path";
import { UserError } from "../../base/errors.ts";
import { writeFileAtomically } from "../../base/files/files.ts";
import { quoteCommand } from "../../base/shell-words.ts";

export interface SlurmArray {
  /** The sweep's folder, on a disk that all machines see. */
  readonly out: string;
  readonly tasks: number;
  /** Of each task. */
  readonly threads: number;
  /** The words that start a worker. */
  readonly worker: readonly string[];
  /** Whether each task asks for a GPU. */
  readonly wantsGpu: boolean;
}

export const slurmScript = "sweep.sbatch";

/**
 * Submits the array by `sbatch`, whose script stays in the sweep's folder, and returns the job's number. What the cluster wants beside it,
 * as a partition or a time, sbatch reads from SBATCH_PARTITION, SBATCH_TIMELIMIT and the like. UserError E_LAUNCHER.
 */
export function submitArray(array: SlurmArray): string {
  const script = join(array.out, slurmScript);
  writeFileAtomically(script, renderArray(array));
  try {
    const said = execFileSync("sbatch", ["--parsable", script], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    return said.trim().split(";")[0]!;
  } catch (cause) {
    const { code, stderr } = cause as { code?: string; stderr?: string };
    if (code === "ENOENT") {
      const advice = "Run it where SLURM is, or leave --launcher out; --jobs N runs trials beside each other here.";
      throw new UserError("E_LAUNCHER", "there is no sbatch here", advice, { cause });
    }
    const seen = stderr?.trim().split("\n")[0] ?? String(cause);
    throw new UserError(
      "E_LAUNCHER",
      `sbatch ${script}: ${seen}`,
      "See with sinfo that SLURM answers; the script stays there, to be changed and submitted by hand.",
      { cause },
    );
  }
}

function renderArray({ out, tasks, threads, worker, wantsGpu }: SlurmArray): string {
  const log = join(resolve(out), "slurm-%A-%a.log");
  return `#!/bin/bash
#SBATCH --job-name=cram-sweep
#SBATCH --array=1-${tasks}
#SBATCH --cpus-per-task=${threads}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=${log}
${wantsGpu ? "#SBATCH --gpus-per-task=1\n" : ""}# Ends the trial under way with a checkpoint before the time limit does.
#SBATCH --signal=TERM@60
exec ${quoteCommand(...worker)}
`;
}
