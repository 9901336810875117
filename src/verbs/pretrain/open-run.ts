// A run opened: its folder locked, its dataset checked, its backend open, and all of them closed again whatever happens.

import { join } from "node:path";
import type { Backend } from "../../backends/backend.ts";
import { systemClock } from "../../base/clock.ts";
import { UserError } from "../../base/errors.ts";
import { checkOutput } from "../../base/files/folder-kind.ts";
import { lockFolder, lockFreeFolder } from "../../base/files/folder-lock.ts";
import { Dataset, type OnShard } from "../../dataset/dataset.ts";
import { readMemory } from "../../machine/hardware.ts";
import { findLeastSequences } from "../../objectives/objectives.ts";
import { checkLeastMemory } from "../../plan/least-memory.ts";
import { readTokenizer } from "../../tokenizer/read-tokenizer.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import type { BatchSource } from "../../train/batch-queue.ts";
import { checkFit, openBatches } from "../../train/batches.ts";
import type { Budget } from "../../train/budget.ts";
import { checkInitialModel, type InitialModel } from "../../train/initial-parameters.ts";
import { findLargestShare } from "../../train/ranks/share-update.ts";
import { overrideRecipe, type Recipe } from "../../train/recipe.ts";
import {
  abandonEmptyRun,
  beginRun,
  checkResumedRun,
  readRunDevice,
  refuseBegunRun,
  runFileNames,
} from "../../train/run-folder.ts";
import { type BackendChoice, backendNames, completeChoice, withBackend } from "../backend.ts";
import { createProgress, describeProgress } from "../prepare/stages/progress.ts";
import { adviseOnMemory, adviseResuming } from "./advice.ts";
import { fitMicroBatch } from "./micro-batch.ts";
import type { RunPlan } from "./run-plan.ts";

/** What computes a run, of each process where several train it together. */
export interface RunChoice extends BackendChoice {
  readonly ranks?: number | undefined;
  /** Whether these share out the update and its moments. */
  readonly sharesUpdate?: boolean | undefined;
  /** Told how far it is before the training begins: "checking the dataset: 43 %, 20s left". */
  readonly onProgress?: ((text: string) => void) | undefined;
}

/** A run with its dataset and backend open. */
export interface OpenRun {
  readonly backend: Backend;
  readonly dataset: Dataset;
  readonly recipe: Recipe;
  readonly budget: Budget;
  readonly source: BatchSource;
  readonly run: string;
  /** Whether its choices were made now. */
  readonly isNew: boolean;
  readonly fromStep?: number | undefined;
  readonly extend?: Budget | undefined;
  /** As of a plan. */
  readonly leftOut?: readonly string[] | undefined;
}

/**
 * Checks the dataset, opens what the run needs, hands it to `use` and closes it. A new run's folder is begun before. Nobody else
 * writes the run meanwhile: E_RUN_BUSY.
 */
export async function withRun<T>(
  { run: planned, takesFreeName, isNew, ...plan }: RunPlan,
  choice: RunChoice,
  use: (open: OpenRun) => Promise<T>,
): Promise<T> {
  if (isNew && takesFreeName !== true) {
    refuseBegunRun(planned);
    checkOutput(planned, "a run", runFileNames);
  }
  const lock = (takesFreeName === true ? lockFreeFolder : lockFolder)(planned, "pretrain", "run");
  try {
    return await withLockedRun({ ...plan, isNew, run: lock.folder }, choice, use);
  } catch (error) {
    throw adviseResuming(isNew ? error : adviseOnMemory(error), lock.folder);
  } finally {
    lock.release();
  }
}

async function withLockedRun<T>(
  { run, recipe: planned, budget, data, isNew, fromStep, extend, initFrom, fitsMemory, verify, leftOut }: RunPlan,
  choice: RunChoice,
  use: (open: OpenRun) => Promise<T>,
): Promise<T> {
  const dataset = new Dataset(data);
  try {
    // Before all of the dataset is read.
    if (isNew) checkFit(dataset.manifest, planned);
    const initial = initFrom === undefined ? undefined : await openInitialModel(initFrom, planned, dataset);
    const progress = createProgress("checking the dataset", systemClock);
    const onShard: OnShard = (done, total) => choice.onProgress?.(describeProgress(progress(done / total)));
    if (verify === true) dataset.verify(onShard);
    else dataset.verifyChanged(onShard);
    // Before what would advise on a choice, for a run has made its own.
    if (!isNew) checkResumedRun(run, planned, dataset.manifest.hash);
    // Before the backend is opened, because it says at once what does not fit.
    const batches = openBatches(dataset, planned);
    const device = completeChoice(isNew ? choice : continueOn(run, choice));
    return await withBackend(device, planned.train.precision, backend => {
      const fewest = [`train.microBatchSequences=${findLeastSequences(planned)}`];
      const least = fitsMemory === true ? overrideRecipe(planned, fewest) : planned;
      // A GPU has what is free; a system makes room, but not more than it has.
      const share = choice.sharesUpdate === true ? findLargestShare(planned, choice.ranks!) : undefined;
      checkLeastMemory(least, backend.name === "cuda" ? backend.availableBytes!() : readMemory().totalBytes, share);
      const recipe = fitsMemory === true ? fitMicroBatch(planned, backend, share) : planned;
      const source = recipe === planned ? batches : openBatches(dataset, recipe);
      if (!isNew) {
        checkDatasetTokenizer(run, dataset.tokenizer);
        return use({ backend, dataset, recipe, budget, source, run, isNew, fromStep, extend });
      }
      const { threads, device: number } = device;
      const began = {
        backend: device.backend,
        ...(threads !== undefined && { threads }),
        ...(number !== undefined && { device: number }),
        ...(choice.ranks !== undefined && { ranks: choice.ranks }),
      };
      beginRun(run, { recipe, data, datasetHash: source.datasetHash, initial, device: began });
      // A run in which nothing happened would be in the way of the same command.
      return use({ backend, dataset, recipe, budget, source, run, isNew, leftOut }).catch(error => {
        abandonEmptyRun(run);
        throw error;
      });
    });
  } finally {
    dataset.close();
  }
}

/**
 * A run goes on where it began, unless the choice says otherwise: on another device or other threads its bits are others. In another number
 * of processes each has other threads anyway.
 */
function continueOn(run: string, { backend: asked, threads, device, signal, ranks }: RunChoice): BackendChoice {
  const own = readRunDevice(run);
  const backend = asked ?? backendNames.find(name => name === own.backend);
  return {
    backend,
    threads: threads ?? (backend === "cpu" && own.ranks === ranks ? own.threads : undefined),
    device: device ?? (backend === "cuda" ? own.device : undefined),
    signal,
  };
}

/** UserError E_TOKENIZER_OTHER where a run's tokenizer is not its dataset's: it was changed after the run began. */
function checkDatasetTokenizer(run: string, expected: Tokenizer): void {
  const path = join(run, "tokenizer.json");
  if (readTokenizer(path).hash === expected.hash) return;
  throw new UserError(
    "E_TOKENIZER_OTHER",
    `${path}: not the tokenizer of the run's dataset; it was changed after the run began`,
    "Put the dataset's own tokenizer.json there.",
  );
}

/** Errors: those of opening a model, E_INIT_SHAPE and E_TOKENIZER_OTHER where it is not one the run can begin with. */
async function openInitialModel(path: string, { model: shape }: Recipe, { tokenizer }: Dataset): Promise<InitialModel> {
  // Read where a training begins with a model: most do not.
  const { openPretrainedModel } = await import("../../pretrained/pretrained-model.ts");
  const model = { path, ...(await openPretrainedModel(path)) };
  checkInitialModel(model, shape, tokenizer.vocabulary);
  return model;
}
