// The training state on disk: checkpoints/step-00000123/ with parameters.safetensors, optimizer.safetensors and checkpoint.json,
// which has their hashes. A checkpoint is written into a draft folder that gets its name when it is whole; only then are older
// ones removed. Every reader compares the hashes, and says which other checkpoint is whole when they differ.

import { existsSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { UserError } from "../base/errors.ts";
import { hashFile, isPresent, listFolder, syncFolder, writeFileAtomically } from "../base/files/files.ts";
import { removeLeftovers } from "../base/files/leftovers.ts";
import { explainWriteFailure } from "../base/files/write-failure.ts";
import { quoteOwnCommand, quoteWord } from "../base/shell-words.ts";
import type { Shape, TensorType } from "../graph/tensor.ts";
import { type CheckpointFile, type Counters, formatCheckpointFile, readCheckpointFile } from "./checkpoint-file.ts";

import { type HeldTensor, readSafetensors, type StoredTensor, saveSafetensors } from "./safetensors.ts";

export interface TrainingState {
  readonly counters: Counters;
  readonly parameters: readonly StoredTensor[];
  readonly moments: readonly StoredTensor[];
}

/** A state to be saved, wherever it stands. */
interface HeldState {
  readonly counters: Counters;
  readonly parameters: readonly HeldTensor[];
  readonly moments: readonly HeldTensor[];
}

const checkpointsKept = 2;
const kindOfFolder = "folder of checkpoints";
/** The folder of a run's checkpoint, whether there is one or not. */
export const checkpointFolder = (run: string, step: number): string =>
  join(run, "checkpoints", `step-${String(step).padStart(8, "0")}`);
/** Written and not yet whole; or whole once, and to be removed when another checkpoint is. */
const draftEnding = ".writing";
const asideEnding = ".replaced";

/**
 * Writes a checkpoint; then removes all but the newest two and those that `keeps` keeps, and those of later steps, which this training has
 * left. Returns its folder. UserErrors: E_NOT_FINITE for a state with a value that is no number, E_DISK_FULL, E_NOT_WRITABLE; the
 * checkpoints before are then as they were.
 */
export async function saveCheckpoint(run: string, { counters, parameters, moments }: HeldState): Promise<string> {
  const folder = checkpointFolder(run, counters.step);
  const draft = `${folder}${draftEnding}`;
  try {
    rmSync(draft, { recursive: true, force: true });
    const hashes = {
      parametersHash: await saveSafetensors(join(draft, "parameters.safetensors"), parameters, { format: "pt" }),
      optimizerHash: await saveSafetensors(join(draft, "optimizer.safetensors"), moments, { format: "pt" }),
    };
    writeFileAtomically(join(draft, "checkpoint.json"), formatCheckpointFile(counters, hashes));
    if (existsSync(folder)) setAside(folder);
    renameSync(draft, folder);
    syncFolder(dirname(folder));
  } catch (error) {
    removeLeftovers(draft);
    throw explainWriteFailure(error, folder);
  }
  removeOthers(run, counters.step);
  return folder;
}

/** What stays: the newest two, the newest that was the best when it was saved, and all that an interval began with. */
function removeOthers(run: string, newest: number): void {
  const steps = listCheckpoints(run).filter(step => step <= newest);
  const reasons = new Map(steps.map(step => [step, readReasons(run, step)] as const));
  const best = steps.findLast(step => reasons.get(step)!.includes("best"));
  const kept = steps
    .filter(
      (step, i) => i >= steps.length - checkpointsKept || step === best || reasons.get(step)!.includes("interval"),
    )
    .map(step => basename(checkpointFolder(run, step)));
  const folder = join(run, "checkpoints");
  for (const { name } of listFolder(folder, kindOfFolder)) {
    if (name.startsWith("step-") && !kept.includes(name)) removeLeftovers(join(folder, name));
  }
}

/** None of a checkpoint whose file was changed: it is kept for as long as any. */
function readReasons(run: string, step: number): NonNullable<Counters["keeps"]> {
  try {
    return readFile(run, step).keeps ?? [];
  } catch (error) {
    if (error instanceof UserError) return [];
    throw error;
  }
}

function setAside(folder: string): void {
  const aside = `${folder}${asideEnding}`;
  rmSync(aside, { recursive: true, force: true });
  renameSync(folder, aside);
}

/** Goes back to a checkpoint: later ones count no more, and are removed when the next one is saved. */
export function setAsideLaterCheckpoints(run: string, step: number): void {
  for (const later of listCheckpoints(run)) if (later > step) setAside(checkpointFolder(run, later));
}

/** Steps with a checkpoint, oldest first. A folder without its checkpoint.json is none. UserErrors: E_FILE_UNREADABLE. */
export function listCheckpoints(run: string): number[] {
  return listFolder(join(run, "checkpoints"), kindOfFolder)
    .flatMap(({ name }) => /^step-(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .filter(step => isPresent(join(checkpointFolder(run, step), "checkpoint.json"), "checkpoint"))
    .sort((a, b) => a - b);
}

/** The run, where a path leads to a run or to one of its checkpoints. */
export function findRun(path: string): string {
  return stepOf(path) === undefined ? path : dirname(dirname(path));
}

/** The step of the checkpoint that a path leads to; undefined for a run, which stands for its newest. */
function stepOf(path: string): number | undefined {
  const step = /^step-(\d{8,})$/.exec(basename(path))?.[1];
  return step !== undefined && basename(dirname(path)) === "checkpoints" ? Number(step) : undefined;
}

/** The newest checkpoint of a run, or the one that the path leads to. */
function findCheckpoint(path: string): { readonly run: string; readonly step: number } {
  const run = findRun(path);
  const step = stepOf(path) ?? listCheckpoints(run).at(-1);
  if (step !== undefined && existsSync(join(checkpointFolder(run, step), "checkpoint.json"))) return { run, step };
  const steps = listCheckpoints(run).join(", ");
  throw new UserError(
    "E_NO_CHECKPOINT",
    `${path}: no checkpoint${steps === "" ? "" : ` here; the run has those of step ${steps}`}`,
    "Give the folder of a run that has saved one.",
  );
}

/** What checkpoint.json says of a run's newest checkpoint, or of the one that the path leads to. */
export function readCounters(path: string): Counters {
  const { run, step } = findCheckpoint(path);
  return offerOther(run, step, () => readFile(run, step));
}

export interface SavedParameters {
  readonly counters: Counters;
  /** Values stay in the file until they are read. */
  readonly parameters: readonly StoredTensor[];
  /** What a person should know, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * The parameters of a run's newest checkpoint, or of the one that the path leads to; every one of `shapes` must be in it. Reads
 * the file once to compare its hash. UserErrors: E_NO_CHECKPOINT; E_CHECKPOINT_DAMAGED, E_CHECKPOINT_TENSOR, E_NOT_FINITE, which
 * say what other checkpoint is whole; E_TOKENIZER_OTHER.
 */
export function loadParameters(path: string, shapes: ReadonlyMap<string, Shape>): SavedParameters {
  const { run, step } = findCheckpoint(path);
  const counters = offerOther(run, step, () => readFile(run, step));
  checkTokenizer(run, counters);
  const parameters = offerOther(run, step, () => readTensors(run, step, "parameters", shapes));
  const unhashed = `${checkpointFolder(run, step)} was saved by an earlier version, without hashes: damage would not be seen`;
  return { counters, parameters, notes: counters.version === 1 ? [unhashed] : [] };
}

/** Some of the optimizer's states, of the same checkpoint that loadParameters opens. Errors: as there. */
export function loadMoments(path: string, shapes: ReadonlyMap<string, Shape>): readonly StoredTensor[] {
  const { run, step } = findCheckpoint(path);
  return offerOther(run, step, () => readTensors(run, step, "optimizer", shapes));
}

/** What a training has of each kind, by name; parameters are f32. */
export interface StoredTypes {
  readonly parameters: ReadonlyMap<string, Shape>;
  readonly moments: ReadonlyMap<string, TensorType>;
}

/** The whole state of a checkpoint: of the newest one, unless a step is given. Errors: those of loadParameters. */
export function loadCheckpoint(
  run: string,
  { parameters: shapes, moments: types }: StoredTypes,
  fromStep?: number,
): TrainingState {
  const path = fromStep === undefined ? run : checkpointFolder(run, fromStep);
  const { counters, parameters } = loadParameters(path, shapes);
  const expected = new Map([...types].map(([name, { shape }]) => [name, shape] as const));
  const bytes = new Set([...types.keys()].filter(name => types.get(name)!.dtype === "u8"));
  const read = () => readTensors(run, counters.step, "optimizer", expected, bytes);
  const moments = offerOther(run, counters.step, read);
  return { counters, parameters, moments };
}

const readFile = (run: string, step: number) =>
  readCheckpointFile(join(checkpointFolder(run, step), "checkpoint.json"), step);

/** Compares the file with its hash; without one, as earlier versions saved it, looks whether every value is a number. */
function readTensors(
  run: string,
  step: number,
  part: "parameters" | "optimizer",
  shapes?: ReadonlyMap<string, Shape>,
  bytes?: ReadonlySet<string>,
): StoredTensor[] {
  const file = readFile(run, step);
  const path = join(checkpointFolder(run, step), `${part}.safetensors`);
  if (file.version === 2 && hashFile(path, "checkpoint") !== file[`${part}Hash`]) {
    throw new UserError(
      "E_CHECKPOINT_DAMAGED",
      `${path}: its content is not what was saved; the SHA-256 in checkpoint.json is another`,
      "",
    );
  }
  const tensors = [...readSafetensors(path, shapes, bytes).values()];
  if (file.version === 1) for (const tensor of tensors) tensor.read();
  return tensors;
}

function checkTokenizer(run: string, file: CheckpointFile): void {
  if (file.version === 1 || file.tokenizerHash === undefined) return;
  const path = join(run, "tokenizer.json");
  if (hashFile(path, "tokenizer.json") === file.tokenizerHash) return;
  throw new UserError(
    "E_TOKENIZER_OTHER",
    `${path}: not the tokenizer that the run was trained with; it was changed after training`,
    "Put the run's own back: a copy of it is in the dataset, if it is still there.",
  );
}

const faults = ["E_CHECKPOINT_DAMAGED", "E_CHECKPOINT_TENSOR", "E_NOT_FINITE", "E_FILE_MISSING", "E_FILE_UNREADABLE"];

/** Opens a checkpoint; where it is damaged, the error says which other one is whole and how to go on with it. */
function offerOther<T>(run: string, step: number, open: () => T): T {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof UserError) || !faults.includes(error.code)) throw error;
    const other = listCheckpoints(run).findLast(each => each !== step && isWhole(run, each));
    const advice =
      other === undefined
        ? "No other checkpoint of this run is whole. Put back a copy, or train again."
        : `The checkpoint of step ${other} is whole: ${quoteOwnCommand("pretrain", "--resume", run, "--from-step", String(other))} ` +
          `goes on from it; other commands take ${quoteWord(checkpointFolder(run, other))} in place of the run.`;
    // A checkpoint.json that stands there says that the other files did.
    const code = error.code === "E_FILE_MISSING" ? "E_CHECKPOINT_DAMAGED" : (error.code as `E_${string}`);
    throw new UserError(code, error.message, advice, { cause: error });
  }
}

function isWhole(run: string, step: number): boolean {
  try {
    for (const part of ["parameters", "optimizer"] as const) readTensors(run, step, part);
    return true;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}
