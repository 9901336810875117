// The training state on disk: checkpoints/step-00000123/ with parameters.safetensors, optimizer.safetensors and, written last,
// checkpoint.json. A folder without its checkpoint.json was being written when the process died and is not a checkpoint.

import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { UserError } from "../base/errors.ts";
import { readJson, writeFileAtomically } from "../base/files.ts";
import type { Shape } from "../graph/tensor.ts";
import { readSafetensors, type StoredTensor, writeSafetensors } from "./safetensors.ts";

const countersSchema = z.strictObject({
  version: z.literal(1),
  /** Updates done. */
  step: z.number().int().nonnegative(),
  /** Training sequences consumed: where in the data's order the next micro-batch starts. */
  sequences: z.number().int().nonnegative(),
  /** Budget used, in seconds. */
  elapsedSeconds: z.number().nonnegative(),
  seed: z.number().int(),
  recipeHash: z.string(),
  datasetHash: z.string(),
});

export type Counters = z.infer<typeof countersSchema>;

export interface TrainingState {
  readonly counters: Counters;
  readonly parameters: readonly StoredTensor[];
  readonly moments: readonly StoredTensor[];
}

const checkpointsKept = 2;
const folderOf = (run: string, step: number) => join(run, "checkpoints", `step-${String(step).padStart(8, "0")}`);

/** Writes a checkpoint and removes all but the newest two. Returns its folder. */
export function saveCheckpoint(run: string, state: TrainingState): string {
  const folder = folderOf(run, state.counters.step);
  // An unfinished folder of the same step may be in the way; a finished one of the same step is replaced file by file.
  rmSync(join(folder, "checkpoint.json"), { force: true });
  writeSafetensors(join(folder, "parameters.safetensors"), state.parameters, { format: "pt" });
  writeSafetensors(join(folder, "optimizer.safetensors"), state.moments, { format: "pt" });
  writeFileAtomically(join(folder, "checkpoint.json"), `${JSON.stringify(state.counters, undefined, 2)}\n`);
  const whole = listCheckpoints(run);
  const kept = new Set(whole.slice(-checkpointsKept));
  for (const step of listFolders(run))
    if (!kept.has(step)) rmSync(folderOf(run, step), { recursive: true, force: true });
  return folder;
}

/** Steps with a whole checkpoint, oldest first. */
export function listCheckpoints(run: string): number[] {
  return listFolders(run).filter(step => existsSync(join(folderOf(run, step), "checkpoint.json")));
}

function listFolders(run: string): number[] {
  const folder = join(run, "checkpoints");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .flatMap(name => /^step-(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/** Where the newest whole checkpoint's parameters are, for those who only read the model. */
export function findParameters(run: string): string {
  return join(folderOf(run, newestCheckpoint(run)), "parameters.safetensors");
}

function newestCheckpoint(run: string): number {
  const step = listCheckpoints(run).at(-1);
  if (step === undefined) {
    throw new UserError("E_NO_CHECKPOINT", `${run}: no checkpoint`, "Give the folder of a run that has saved one.");
  }
  return step;
}

/** Reads the counters of the newest whole checkpoint. */
export function readCounters(run: string): Counters {
  const path = join(folderOf(run, newestCheckpoint(run)), "checkpoint.json");
  const parsed = countersSchema.safeParse(readJson(path, "checkpoint"));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new UserError(
    "E_CHECKPOINT_DAMAGED",
    `${path}: ${issue.path.join(".")}: ${issue.message}`,
    "Remove this checkpoint's folder and resume from the one before.",
  );
}

/** Reads the newest whole checkpoint. Every tensor of `shapes` must be in it. */
export function loadCheckpoint(
  run: string,
  shapes: { parameters: ReadonlyMap<string, Shape>; moments: ReadonlyMap<string, Shape> },
): TrainingState {
  const counters = readCounters(run);
  const folder = folderOf(run, counters.step);
  return {
    counters,
    parameters: [...readSafetensors(join(folder, "parameters.safetensors"), shapes.parameters).values()],
    moments: [...readSafetensors(join(folder, "optimizer.safetensors"), shapes.moments).values()],
  };
}
