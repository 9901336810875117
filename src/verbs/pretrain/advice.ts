// What a person can do after a training that ended early: the command that goes on, or that begins anew with other values.

import { join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { quoteOwnCommand } from "../../base/shell-words.ts";
import { checkpointFolder, listCheckpoints } from "../../checkpoint/state.ts";
import type { Recipe } from "../../train/recipe.ts";
import { hasBegun, readRunData } from "../../train/run-folder.ts";

/** A disk that did not take what was trained: the same command again would find a run that was begun. */
export function adviseResuming(error: unknown, run: string): unknown {
  return hasBegun(run) ? adviseOnDisk(error, quoteOwnCommand("pretrain", "--resume", run)) : error;
}

/** Of who trains several runs and goes on with each of them: `cram pretrain --resume` of one would not go on with the others. */
export function adviseRepeating(error: unknown): unknown {
  return adviseOnDisk(error, "the same command");
}

function adviseOnDisk(error: unknown, goingOn: string): unknown {
  if (!(error instanceof UserError)) return error;
  const { code, message, advice } = error;
  if (code !== "E_DISK_FULL" && code !== "E_NOT_WRITABLE") return error;
  // Kernels are not in the run, and their own advice says where else they could be.
  const ofCache = advice.includes("CRAM_CACHE") ? advice.replace(/\.$/, "") : undefined;
  const first = ofCache ?? (code === "E_DISK_FULL" ? "Free some space" : "See that it can be written");
  return new UserError(code, message, `${first}, and go on with: ${goingOn}`, { cause: error });
}

/** A run that is resumed keeps the sizes of its recipe. */
export function adviseOnMemory(error: unknown): unknown {
  if (!(error instanceof UserError) || (error.code !== "E_MEMORY" && error.code !== "E_CUDA_MEMORY")) return error;
  const advice = "The run keeps its sizes: end other programs, or resume it where there is more memory.";
  return new UserError(error.code, error.message, advice, { cause: error });
}

/**
 * A resumed run repeats its bits and diverges again: what can be changed is what a new one begins with. Only the parameters of a
 * checkpoint that a finite step followed are known to compute anything; `lastGood` is the last of these steps.
 */
export function adviseNewRun(error: unknown, run: string, { optimizer }: Recipe, lastGood: number): unknown {
  if (!(error instanceof UserError) || error.code !== "E_DIVERGED") return error;
  const setting = `optimizer.learningRate=${optimizer.learningRate / 2}`;
  const begin = ["pretrain", "--data", readRunData(run), "--recipe", join(run, "recipe.json")];
  const sound = listCheckpoints(run).findLast(step => step < lastGood);
  const from = sound === undefined ? [] : ["--init-from", checkpointFolder(run, sound)];
  return new UserError(
    "E_DIVERGED",
    error.message,
    `Resuming would repeat it. Begin a new run with a lower learning rate, or with optimizer.clip: ${quoteOwnCommand(...begin, ...from, "--set", setting)}`,
  );
}
