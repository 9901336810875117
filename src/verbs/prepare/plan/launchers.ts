// A prepare on many machines, as the schedulers that they have take it: a script for Slurm's arrays, a manifest of an indexed Job of
// Kubernetes. Each machine reads its share; joining them is one more command, which is said.

import { stringify } from "yaml";
import { UserError } from "../../../base/errors.ts";
import { quoteCommand } from "../../../base/shell-words.ts";

export const launcherNames = ["slurm", "kubernetes"] as const;
export type LauncherName = (typeof launcherNames)[number];

export interface Launch {
  /** The words behind `cram prepare` that say what is prepared: sources, --out and the options of the dataset. */
  readonly words: readonly string[];
  readonly machines: number;
  /** Of each machine. */
  readonly threads: number;
  readonly memoryBytes: number;
  /** Of Kubernetes: the image with `cram` in it, and the claim of the volume that all share and work in. */
  readonly image?: string | undefined;
  readonly claim?: string | undefined;
}

/** The script or the manifest. UserErrors: E_OPTION for what a launcher needs or does not take. */
export function renderLaunch(launcher: LauncherName, launch: Launch): string {
  const { image, claim } = launch;
  if (launcher === "slurm") {
    const other = image !== undefined ? "--image" : claim !== undefined ? "--claim" : undefined;
    if (other === undefined) return renderSlurm(launch);
    throw new UserError("E_OPTION", `${other} beside --launcher slurm, which takes none`, "Leave it out.");
  }
  if (image === undefined || claim === undefined) {
    throw new UserError(
      "E_OPTION",
      "--launcher kubernetes without --image and --claim",
      "Name the image that has cram, and the claim of the volume that all machines share.",
    );
  }
  return renderKubernetes(launch, image, claim);
}

const mebibytes = (bytes: number) => Math.ceil(bytes / 2 ** 20);

function renderSlurm({ words, machines, threads, memoryBytes }: Launch): string {
  const command = quoteCommand("cram", "prepare", ...words);
  return `#!/bin/bash
#SBATCH --job-name=cram-prepare
#SBATCH --array=1-${machines}
#SBATCH --cpus-per-task=${threads}
#SBATCH --mem=${mebibytes(memoryBytes)}M
#SBATCH --requeue
# Submit it, and what joins the shares when all are read, from the folder that the paths are of:
#   job=$(sbatch --parsable prepare.sh)
#   sbatch --dependency=afterok:$job --array=1 --cpus-per-task=${threads} --mem=${mebibytes(memoryBytes)}M prepare.sh merge
# A task that is requeued goes on where it was stopped.
set -euo pipefail
if [ "\${1:-}" = merge ]; then
  exec ${command} --merge
fi
exec ${command} --shard "$SLURM_ARRAY_TASK_ID/${machines}"
`;
}

function renderKubernetes({ words, machines, threads, memoryBytes }: Launch, image: string, claim: string): string {
  const command = quoteCommand("cram", "prepare", ...words);
  const resources = { cpu: String(threads), memory: `${mebibytes(memoryBytes)}Mi` };
  const job = {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "cram-prepare" },
    spec: {
      completionMode: "Indexed",
      completions: machines,
      parallelism: machines,
      backoffLimit: 6 * machines,
      template: {
        spec: {
          restartPolicy: "OnFailure",
          containers: [
            {
              name: "prepare",
              image,
              workingDir: "/work",
              command: ["/bin/sh", "-c", `exec ${command} --shard $((JOB_COMPLETION_INDEX + 1))/${machines}`],
              resources: { requests: resources, limits: resources },
              volumeMounts: [{ name: "work", mountPath: "/work" }],
            },
          ],
          volumes: [{ name: "work", persistentVolumeClaim: { claimName: claim } }],
        },
      },
    },
  };
  const merge = `# kubectl apply -f this; kubectl wait --for=condition=complete job/cram-prepare; then, in the same volume:\n#   ${command} --merge\n`;
  return `${merge}${stringify(job, { aliasDuplicateObjects: false })}`;
}
