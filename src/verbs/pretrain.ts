// From a dataset and a recipe to a run, or an interrupted run to its end. The command line and the library listen to the same
// events; every one is in events.jsonl before they see it.

import { join } from "node:path";
import type { Backend } from "../backends/backend.ts";
import { leaveOutStops, systemClock } from "../base/clock.ts";
import { UserError } from "../base/errors.ts";
import { hashFile } from "../base/files/files.ts";
import { checkOutput } from "../base/files/folder-kind.ts";
import { lockFolder, lockFreeFolder } from "../base/files/folder-lock.ts";
import { setAsideLaterCheckpoints } from "../checkpoint/state.ts";
import { Dataset } from "../dataset/dataset.ts";
import { createRepetitionWatch, describeFit } from "../plan/data-fit.ts";
import { openPretrainedModel } from "../pretrained/pretrained-model.ts";
import { readTokenizer } from "../tokenizer/read-tokenizer.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { checkTrackingUri, type RunStatus } from "../tracking/mlflow-client.ts";
import { MlflowLog } from "../tracking/mlflow-log.ts";
import { TensorboardLog } from "../tracking/tensorboard-log.ts";
import { openBatches } from "../train/batches.ts";
import { extendBudget, parseBudget } from "../train/budget.ts";
import { defineTraining } from "../train/definition.ts";
import { type EndEvent, EventLog, type TrainingEvent } from "../train/events.ts";
import { checkInitialModel, type InitialModel, readInitialParameters } from "../train/initial-parameters.ts";
import { type BatchSource, pretrain as runTraining } from "../train/pretrain.ts";
import type { Recipe } from "../train/recipe.ts";
import {
  abandonEmptyRun,
  beginRun,
  checkResumedRun,
  extendRun,
  hashRecipe,
  loadRunState,
  readRunBudget,
  readRunData,
  readRunDevice,
  readRunRecipe,
  refuseBegunRun,
  runFileNames,
} from "../train/run-folder.ts";
import { openEngine } from "../train/step.ts";
import { type BackendChoice, backendNames, completeChoice, withBackend } from "./backend.ts";
import { fitMicroBatch } from "./micro-batch.ts";
import { adviseNewRun, adviseResuming } from "./next-pretrain.ts";
import { chooseRecipe, type RecipeChoice } from "./recipe.ts";

/** What pretrain uses where nothing names a recipe: the paper's. */
export const fallbackRecipe = "crammed-bert";

/** A run that is to be begun, or to be continued as it was begun. */
export interface RunPlan {
  readonly run: string;
  /** Whether -2, -3, … is put behind the folder's name where something stands there. */
  readonly takesFreeName?: boolean | undefined;
  readonly recipe: Recipe;
  readonly data: string;
  readonly isNew: boolean;
  /** The step of the checkpoint to go back to; without one a run goes on from its newest. */
  readonly fromStep?: number | undefined;
  /** What is added to its budget. */
  readonly extend?: string | undefined;
  /** The folder of the model it begins with; without one parameters are drawn. */
  readonly initFrom?: string | undefined;
  /** Whether the micro-batch is to be the largest that the backend's memory holds, instead of the recipe's. */
  readonly fitsMemory?: boolean | undefined;
}

export interface NewRun extends Partial<RecipeChoice> {
  /** A dataset that `prepare` made. */
  readonly data: string;
  /** The run's folder; default: runs/ and the recipe with the date. */
  readonly out?: string | undefined;
  /** A run, an export, or a model of Hugging Face's or the reference's, to go on training from. */
  readonly initFrom?: string | undefined;
  /** Sequences of one pass through the model in place of the recipe's, or auto: as many as the memory holds. */
  readonly microBatch?: number | "auto" | undefined;
}

export interface ResumedRun {
  /** The folder of an interrupted run. Its recipe and its data are its own. */
  readonly resume: string;
  /** Where the run's dataset is now; default: where it was. */
  readonly data?: string | undefined;
  /** The step of an older checkpoint to go back to: what came after it is trained anew. Default: the newest checkpoint. */
  readonly fromStep?: number | undefined;
  /** Added to the run's budget, finished or not: "2h" or "500steps". The schedules are those of the whole from there on. */
  readonly extend?: string | undefined;
}

export function planNewRun({
  data,
  out,
  recipe = fallbackRecipe,
  set = [],
  budget,
  initFrom,
  microBatch,
}: NewRun): RunPlan {
  const sized = typeof microBatch === "number" ? [...set, `train.microBatchSequences=${microBatch}`] : set;
  const chosen = chooseRecipe({ recipe, set: sized, budget });
  const stamp = systemClock.date().toISOString().slice(0, 16).replace("T", "-").replace(":", "");
  return {
    run: out ?? join("runs", `${nameFolder(chosen.name)}-${stamp}`),
    takesFreeName: out === undefined,
    recipe: chosen,
    data,
    isNew: true,
    initFrom,
    fitsMemory: microBatch === "auto",
  };
}

/** A recipe's name as one of a folder in runs/, and of none elsewhere. */
function nameFolder(recipe: string): string {
  const name = recipe.replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[.-]+/, "");
  return name.slice(0, 100) || "run";
}

/** UserError E_FILE_MISSING where no run was begun. */
export function planResumedRun({ resume, data, fromStep, extend }: ResumedRun): RunPlan {
  const recipe = readRunRecipe(resume);
  // Refused before anything is opened.
  if (extend !== undefined) extendBudget(parseBudget(recipe.train.budget), parseBudget(extend));
  return { run: resume, recipe, data: data ?? readRunData(resume), isNew: false, fromStep, extend };
}

/** A run with its dataset and backend open. */
export interface OpenRun {
  readonly backend: Backend;
  readonly dataset: Dataset;
  readonly recipe: Recipe;
  readonly source: BatchSource;
  readonly run: string;
  readonly fromStep?: number | undefined;
  readonly extend?: string | undefined;
}

/**
 * Checks the dataset, opens what the run needs, hands it to `use` and closes it. A new run's folder is begun before. Nobody else
 * writes the run meanwhile: E_RUN_BUSY.
 */
export async function withRun<T>(
  { run: planned, takesFreeName, isNew, ...plan }: RunPlan,
  choice: BackendChoice,
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
    throw adviseResuming(error, lock.folder);
  } finally {
    lock.release();
  }
}

async function withLockedRun<T>(
  { run, recipe: planned, data, isNew, fromStep, extend, initFrom, fitsMemory }: RunPlan,
  choice: BackendChoice,
  use: (open: OpenRun) => Promise<T>,
): Promise<T> {
  const dataset = new Dataset(data);
  try {
    dataset.verify();
    // Before the backend is opened, because it says at once what does not fit.
    const batches = openBatches(dataset, planned);
    const initial = initFrom === undefined ? undefined : await openInitialModel(initFrom, planned, dataset);
    const device = completeChoice(isNew ? choice : continueOn(run, choice));
    return await withBackend(device, planned.train.precision, backend => {
      const recipe = fitsMemory === true ? fitMicroBatch(planned, backend) : planned;
      const source = recipe === planned ? batches : openBatches(dataset, recipe);
      if (!isNew) {
        checkResumedRun(run, recipe, source.datasetHash);
        checkDatasetTokenizer(run, dataset.tokenizer);
        return use({ backend, dataset, recipe, source, run, fromStep, extend });
      }
      const { threads } = device;
      const began = { backend: device.backend, ...(threads !== undefined && { threads }) };
      beginRun(run, { recipe, data, datasetHash: source.datasetHash, initial, device: began });
      // A run in which nothing happened would be in the way of the same command.
      return use({ backend, dataset, recipe, source, run }).catch(error => {
        abandonEmptyRun(run);
        throw error;
      });
    });
  } finally {
    dataset.close();
  }
}

/** A run goes on where it began, unless the choice says otherwise: on another device or other threads its bits are others. */
function continueOn(run: string, { backend: asked, threads, signal }: BackendChoice): BackendChoice {
  const own = readRunDevice(run);
  const backend = asked ?? backendNames.find(name => name === own.backend);
  return { backend, threads: threads ?? (backend === "cpu" ? own.threads : undefined), signal };
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
  const model = { path, ...(await openPretrainedModel(path)) };
  checkInitialModel(model, shape, tokenizer.vocabulary);
  return model;
}

export interface LogChoice {
  /** Writes event files for TensorBoard into the run's folder, too. Default false. */
  readonly tensorboard?: boolean | undefined;
  /**
   * Sends parameters and curves to an MLflow tracking server, too. Training never waits for it. `experiment` is the
   * one that the run is in already, or "cramming", unless given; who asks is read from MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.
   */
  readonly mlflow?: { readonly uri: string; readonly experiment?: string | undefined } | undefined;
  /** Called with what does not end the training: a server that cannot be reached, a recipe that does not suit the data. */
  readonly onWarning?: ((text: string) => void) | undefined;
}

/** Compiles, and gives the events of the training from the newest checkpoint to the budget's end or the signal. */
export async function openTraining(
  { backend, dataset, recipe, source, run, fromStep, extend }: OpenRun,
  { tensorboard = false, mlflow, onWarning }: LogChoice,
): Promise<(signal: AbortSignal) => AsyncGenerator<TrainingEvent, void>> {
  const definition = defineTraining(recipe, readInitialParameters(run, recipe.model));
  const resumeFrom = loadRunState(run, recipe, definition, source.datasetHash, fromStep);
  const tokenizerHash = hashFile(join(run, "tokenizer.json"), "run's tokenizer");
  const { manifest } = dataset;
  if (resumeFrom === undefined) for (const text of describeFit(manifest, recipe)) onWarning?.(text);
  const watchRepetition = createRepetitionWatch(manifest.training.sequences, recipe);
  const earlierPeak = await backend.measurePeak?.();
  const engine = await openEngine(backend, definition);
  // Other load makes a measurement too low, never too high.
  const laterPeak = await backend.measurePeak?.();
  const peakFlops = earlierPeak && laterPeak && Math.max(earlierPeak, laterPeak);
  return async function* (signal) {
    if (extend !== undefined) extendRun(run, recipe, resumeFrom?.counters.step ?? 0, extend);
    if (fromStep !== undefined) setAsideLaterCheckpoints(run, fromStep);
    const { step: lastStep, unwrittenEvents } = resumeFrom?.counters ?? {};
    const log = new EventLog(join(run, "events.jsonl"), lastStep, unwrittenEvents);
    const shown = { run, clock: systemClock, tokensPerSequence: recipe.model.sequenceLength };
    const board = tensorboard ? new TensorboardLog(shown) : undefined;
    const server =
      mlflow &&
      new MlflowLog(
        { ...mlflow, environment: process.env },
        {
          ...shown,
          params: new Map(listValues(recipe)),
          elapsedSeconds: resumeFrom?.counters.elapsedSeconds ?? 0,
          warn: text => onWarning?.(text),
        },
      );
    let status: RunStatus = "KILLED";
    const clock = leaveOutStops();
    const { stoppedSeconds, settle } = clock;
    const hashes = { recipeHash: hashRecipe(recipe), tokenizerHash };
    const budget = readRunBudget(run, recipe);
    const options = { engine, source, recipe, ...hashes, budget, clock, stoppedSeconds, settle, run, resumeFrom };
    // A log that cannot be written ends the training, but only after what was trained is saved.
    const stop = new AbortController();
    let failure: unknown;
    const store = (event: TrainingEvent) => {
      try {
        log.append(event);
        board?.append(event);
      } catch (error) {
        failure ??= error;
        stop.abort();
      }
    };
    try {
      for await (const event of runTraining({
        ...options,
        listUnwrittenEvents: () => log.listUnwritten(),
        peakFlops,
        signal: AbortSignal.any([signal, stop.signal]),
      })) {
        store(event);
        const repetition = event.kind === "step" ? watchRepetition(event) : undefined;
        if (repetition !== undefined) onWarning?.(repetition);
        if (failure !== undefined && event.kind === "end") throw failure;
        if (event.kind === "end" && event.reason === "budget") status = "FINISHED";
        yield event;
      }
    } catch (error) {
      status = "FAILED";
      throw adviseNewRun(error, run, recipe);
    } finally {
      clock.close();
      log.close();
      board?.close();
      await server?.close(status);
    }
  };
}

/** "model.width" and its value, for every value of a recipe. */
function* listValues(value: unknown, path = ""): Generator<[string, string]> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    yield [path, typeof value === "string" ? value : JSON.stringify(value)];
    return;
  }
  for (const [key, part] of Object.entries(value)) yield* listValues(part, path === "" ? key : `${path}.${key}`);
}

export type PretrainOptions = (NewRun | ResumedRun) &
  BackendChoice &
  LogChoice & {
    /** Ends the run after the step under way, with a checkpoint. */
    readonly signal?: AbortSignal | undefined;
    /** Called with every event of the run: start, step, validation, checkpoint, end. */
    readonly onEvent?: ((event: TrainingEvent) => void) | undefined;
  };

export interface PretrainResult {
  /** The run's folder, which fillMask and embed open. */
  readonly run: string;
  /** budget, or interrupted: by the signal. */
  readonly reason: EndEvent["reason"];
  readonly steps: number;
  readonly tokens: number;
  /** Seconds of the budget that were used. */
  readonly elapsedSeconds: number;
  /** Of the last validation, in nats a predicted token; undefined when the run ended before one. */
  readonly validationLoss: number | undefined;
}

/**
 * Trains a model from scratch within a budget, or continues an interrupted run to the same bits as if it had never stopped.
 *
 * ```ts
 * const controller = new AbortController();
 * const { run, steps, validationLoss } = await pretrain({
 *   data: "data/mine",
 *   out: "runs/mine",
 *   recipe: "quickstart",
 *   budget: "3m",
 *   signal: controller.signal,
 *   onEvent: event => {
 *     if (event.kind === "validation") console.log(`step ${event.step}: ${event.loss.toFixed(3)}`);
 *   },
 * });
 * console.log(`${run}: ${steps} steps, held-out loss ${validationLoss}`);
 * ```
 *
 * Errors are `UserError`s with a code that docs/ERRORS.md explains, among them E_RUN_EXISTS, E_DATA_LENGTH, E_DIVERGED.
 */
export async function pretrain(options: PretrainOptions): Promise<PretrainResult> {
  // Refused before a folder is made.
  if (options.mlflow !== undefined) checkTrackingUri(options.mlflow.uri);
  const plan = "resume" in options ? planResumedRun(options) : planNewRun(options);
  return withRun(plan, options, async open => {
    const train = await openTraining(open, options);
    let validationLoss: number | undefined;
    let end: EndEvent | undefined;
    for await (const event of train(options.signal ?? new AbortController().signal)) {
      options.onEvent?.(event);
      if (event.kind === "validation") validationLoss = event.loss;
      if (event.kind === "end") end = event;
    }
    if (end === undefined) throw new Error("training ended without saying so");
    const { reason, step: steps, tokens, elapsedSeconds } = end;
    return { run: open.run, reason, steps, tokens, elapsedSeconds, validationLoss };
  });
}
