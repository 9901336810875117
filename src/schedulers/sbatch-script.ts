// A job as a script of SLURM's. What is stopped goes on: preempted work is queued again by SLURM; before a time limit the ranks get SIGUSR1,
// save, and end with its number, and the script queues the job again.

import { constants } from "node:os";
import { UserError } from "../base/errors.ts";
import { quoteCommand } from "../base/shell-words.ts";
import { countMebibytes, type ScheduledJob } from "./scheduled-job.ts";
import { renderAttempt } from "./shell-command.ts";

/** Before a time limit, for the step under way and the checkpoint. */
const secondsToSave = 120;

export interface SbatchPlace {
  /** The folder of the logs; without it SLURM's own choice, where the script is submitted. */
  readonly logs?: string | undefined;
  /** What the script is called where it says how it is submitted. */
  readonly file?: string | undefined;
}

/**
 * The script. What a cluster wants beside it, as a partition, sbatch reads from SBATCH_PARTITION and the like. UserError E_LAUNCHER for a
 * folder of logs that SLURM cannot name.
 */
export function renderSbatchScript(job: ScheduledJob, { logs, file = "job.sh" }: SbatchPlace = {}): string {
  const { name, members, nodes, devices, wantsGpu, threads, memoryBytes, seconds } = job;
  const log = members === undefined ? "slurm-%j.log" : "slurm-%A-%a.log";
  const isOfRanks = nodes * devices > 1;
  const options = [
    `--job-name=${name}`,
    members !== undefined && `--array=1-${members}`,
    nodes > 1 && `--nodes=${nodes}`,
    isOfRanks && `--ntasks-per-node=${devices}`,
    `--cpus-per-task=${threads}`,
    wantsGpu && "--gpus-per-task=1",
    memoryBytes !== undefined && `--mem=${countMebibytes(memoryBytes)}M`,
    seconds !== undefined && `--time=${Math.ceil(seconds / 60)}`,
    `--signal=USR1@${secondsToSave}`,
    "--requeue",
    "--open-mode=append",
    logs !== undefined && `--output=${quotePath(logs, log)}`,
  ];
  // srun does not take the cores of a task from the job. Ranks find each other by PMIx, and end each other where one is lost; a task that
  // has saved before the others ends none of them, or their exit code would be that of who was ended, and nothing would go on.
  const step = ["srun", "--kill-on-bad-exit=0", `--cpus-per-task=${threads}`, ...(isOfRanks ? ["--mpi=pmix"] : [])];
  return `#!/bin/bash
${options.flatMap(option => (option === false ? [] : [`#SBATCH ${option}`])).join("\n")}
${job.join === undefined ? "" : renderJoin(job, job.join, file)}${renderAttempt(job, "SLURM_ARRAY_TASK_ID", step)}
status=$?
# Saved before the time limit: the next attempt goes on.
[ $status != ${128 + constants.signals.SIGUSR1} ] || scontrol requeue "$SLURM_JOB_ID"
exit $status
`;
}

function renderJoin({ threads, memoryBytes }: ScheduledJob, join: readonly string[], file: string): string {
  const memory = memoryBytes === undefined ? "" : ` --mem=${countMebibytes(memoryBytes)}M`;
  return `# Submit it, and what joins the shares when all are read, from the folder that the paths are of:
#   job=$(sbatch --parsable ${file})
#   sbatch --dependency=afterok:$job --array=1 --cpus-per-task=${threads}${memory} ${file} join
if [ "\${1:-}" = join ]; then
  exec ${quoteCommand(...join)}
fi
`;
}

/** A path in a #SBATCH line, which is read by SLURM and not by a shell; in its folder % would begin a pattern. */
function quotePath(folder: string, pattern: string): string {
  if (!/[\\\n\r]/.test(folder)) return `"${folder.replaceAll("%", "%%").replaceAll('"', '\\"')}/${pattern}"`;
  throw new UserError(
    "E_LAUNCHER",
    `${JSON.stringify(folder)}: SLURM can write no log into a folder with a backslash or a line break in its path`,
    "Choose another --out.",
  );
}
