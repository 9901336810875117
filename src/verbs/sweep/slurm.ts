// Workers of a sweep as an array of SLURM's: each member is `cram sweep --worker`, takes trials as long as there are any, and one that is
// queued again goes on where it was stopped.

import { join, resolve } from "node:path";
import { writeFileAtomically } from "../../base/files/files.ts";
import { renderSbatchScript } from "../../schedulers/sbatch-script.ts";
import { submitSbatch } from "../../schedulers/submit.ts";

export interface SlurmWorkers {
  /** The sweep's folder, on a disk that all machines see. */
  readonly out: string;
  readonly workers: number;
  /** Of each worker. */
  readonly threads: number;
  /** The words that start a worker. */
  readonly command: readonly string[];
  /** Whether each worker asks for a GPU. */
  readonly wantsGpu: boolean;
}

export const slurmScript = "sweep.sbatch";

/** Submits the array, whose script stays in the sweep's folder, and returns the job's number. UserError E_LAUNCHER. */
export function submitWorkers({ out, workers, ...job }: SlurmWorkers): string {
  const script = renderSbatchScript(
    { name: "cram-sweep", members: workers, nodes: 1, devices: 1, ...job },
    { logs: resolve(out) },
  );
  writeFileAtomically(join(out, slurmScript), script);
  return submitSbatch(script);
}
