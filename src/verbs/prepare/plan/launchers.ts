// A prepare on many machines, as the schedulers that they have take it: an array in which each member reads its share, and one more command
// that joins them.

import { UserError } from "../../../base/errors.ts";
import { renderManifest } from "../../../schedulers/kubernetes-job.ts";
import { renderSbatchScript } from "../../../schedulers/sbatch-script.ts";
import type { ScheduledJob } from "../../../schedulers/scheduled-job.ts";
import type { LauncherName } from "./launcher-names.ts";

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
export function renderLaunch(launcher: LauncherName, { words, machines, image, claim, ...amounts }: Launch): string {
  const command = ["cram", "prepare", ...words];
  const job: ScheduledJob = {
    name: "cram-prepare",
    command: [...command, "--shard", ["", `/${machines}`]],
    join: [...command, "--merge"],
    members: machines,
    ...{ nodes: 1, devices: 1, wantsGpu: false },
    ...amounts,
  };
  if (launcher === "slurm") {
    const other = image !== undefined ? "--image" : claim !== undefined ? "--claim" : undefined;
    if (other === undefined) return renderSbatchScript(job, { file: "prepare.sh" });
    throw new UserError("E_OPTION", `${other} beside --launcher slurm, which takes none`, "Leave it out.");
  }
  if (image !== undefined && claim !== undefined) return renderManifest(job, { image, claim });
  throw new UserError(
    "E_OPTION",
    "--launcher kubernetes without --image and --claim",
    "Name the image that has cram, and the claim of the volume that all machines share.",
  );
}
