// The training of an open run as events. Every one is in events.jsonl before anybody sees it, and in the logs of other programs.

import { hostname } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { hashFile } from "../../base/files/files.ts";
import type { Counters } from "../../checkpoint/checkpoint-file.ts";
import { setAsideLaterCheckpoints } from "../../checkpoint/state.ts";
import { singleProcess } from "../../collective/collective.ts";
import type { TrainingEvent } from "../../events/event.ts";
import { EventLog } from "../../events/event-log.ts";
import { listRateFactors } from "../../optim/optimizers.ts";
import { createRepetitionWatch, describeBatch, describeFit } from "../../plan/data-fit.ts";
import type { RunStatus } from "../../tracking/mlflow-client.ts";
import { MlflowLog } from "../../tracking/mlflow-log.ts";
import { describeSettings } from "../../tracking/settings-list.ts";
import { TensorboardLog } from "../../tracking/tensorboard-log.ts";
import { WandbLog } from "../../tracking/wandb-log.ts";
import { type Budget, extendBudget, formatBudget } from "../../train/budget.ts";
import { defineTraining } from "../../train/definition.ts";
import { pretrain as runTraining } from "../../train/pretrain.ts";
import { RankLeader } from "../../train/ranks/rank-orders.ts";
import type { Recipe } from "../../train/recipe.ts";
import {
  hashRecipe,
  holdRunFiles,
  listExtensions,
  loadRunState,
  readRunInitial,
  writeExtensions,
} from "../../train/run-folder.ts";
import { openEngine } from "../../train/step/engine.ts";
import { createProgress, describeProgress } from "../prepare/stages/progress.ts";
import { recipeNames } from "../recipe.ts";
import { adviseNewRun } from "./advice.ts";
import { chooseClock } from "./choose-clock.ts";
import type { AnnouncedRun } from "./follow-run.ts";
import { collectGarbage } from "./heap.ts";
import { announceRun, openLead, type RankChoice } from "./lead-run.ts";
import type { OpenRun } from "./open-run.ts";
import { leaveOutStops } from "./stop-clock.ts";

export interface LogChoice {
  /** Writes event files for TensorBoard into the run's folder, too. Default false. */
  readonly tensorboard?: boolean | undefined;
  /**
   * Writes an offline run for Weights & Biases into the run's folder, too, which `wandb sync` sends; `project`: where it is listed,
   * "cramming" unless given.
   */
  readonly wandb?: { readonly project?: string | undefined } | undefined;
  /**
   * Sends parameters and curves to an MLflow tracking server, too. Training never waits for it. `experiment` is the one that the run is in
   * already, or "cramming", unless given; who asks is read from MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and
   * MLFLOW_TRACKING_PASSWORD.
   */
  readonly mlflow?: { readonly uri: string; readonly experiment?: string | undefined } | undefined;
  /** Called while programs are compiled: "compiling: 50 %, 12s left". */
  readonly onStatus?: ((text: string) => void) | undefined;
  /** Called with what does not end the training: a server that cannot be reached, a recipe that does not suit the data. */
  readonly onWarning?: ((text: string) => void) | undefined;
}

/** A training that is compiled and ready to begin. */
interface OpenTraining {
  /** What it may use in all, extensions counted. */
  readonly budget: Budget;
  /** Its events from the newest checkpoint to the budget's end or the signal. */
  train(signal: AbortSignal): AsyncGenerator<TrainingEvent, void>;
}

/** Compiles what a run needs, with the ranks that this process leads. Nothing of the run is changed before it is trained. */
export async function openTraining(
  { backend, dataset, recipe, budget: own, source, run, isNew, fromStep, extend, leftOut = [] }: OpenRun,
  {
    tensorboard = false,
    wandb,
    mlflow,
    onStatus,
    onWarning,
    signal: asked,
    rankChoice: several,
  }: LogChoice & { readonly rankChoice?: RankChoice | undefined; readonly signal?: AbortSignal | undefined },
): Promise<OpenTraining> {
  // One process alone is brought together with itself.
  const alone = recipe.train.sync && {
    leader: new RankLeader<AnnouncedRun>(singleProcess),
    isInOrder: false,
    isShared: false,
  };
  const rankChoice = several ?? alone;
  // Algebra that few trainings begin with, and the others do not read.
  const { openCounted } =
    recipe.model.embedding.initialisation === "cooccurrence" ? await import("../../train/cooccurrence/start.ts") : {};
  const counted = openCounted?.(see => dataset.visit("training", see), recipe);
  const initial = readRunInitial(run, recipe) ?? counted?.parameters;
  const whole = defineTraining(recipe, initial);
  const resumeFrom = loadRunState(run, recipe, whole, source.datasetHash, fromStep);
  if (rankChoice !== undefined) {
    await announceRun(rankChoice, { recipe, dataset, backend }, whole, resumeFrom?.counters.lossScale);
  }
  const isShared = rankChoice?.isShared === true;
  const definition = isShared ? defineTraining(recipe, initial, rankChoice.leader.collective) : whole;
  const budgetClock = chooseClock(recipe, backend);
  const beforeCounting = budgetClock.seconds();
  if (counted !== undefined && initial === counted.parameters && resumeFrom === undefined) {
    const counting = createProgress("counting what stands beside what", systemClock);
    const onProgress = (share: number) => onStatus?.(describeProgress(counting(share)));
    await counted.count({ signal: asked, onProgress });
  }
  const usedSeconds = budgetClock.seconds() - beforeCounting;
  const tokenizerHash = hashFile(join(run, "tokenizer.json"), "run's tokenizer");
  const { manifest } = dataset;
  const batch = describeBatch(recipe) ?? [];
  if (isNew)
    for (const text of [...leftOut, ...describeFit(manifest, recipe, recipeNames)].concat(batch)) onWarning?.(text);
  const watchRepetition = createRepetitionWatch(manifest.training.sequences, recipe);
  const compiling = createProgress("compiling", systemClock);
  const opening = openEngine(backend, definition, (loaded, all) =>
    onStatus?.(describeProgress(compiling(loaded / all))),
  );
  const [engine, peakFlops] = await Promise.all([opening, backend.measurePeak?.(opening)]);
  const ranks =
    rankChoice && (await openLead(rankChoice, backend, engine, definition, recipe, text => onWarning?.(text)));
  // Few recipes show samples, and the others do not read what fills masks.
  const { openSampler } = recipe.samples === undefined ? {} : await import("./sample-model.ts");
  const sample = openSampler?.(backend, recipe, dataset.tokenizer, engine.states);
  collectGarbage();
  const more = extend && { step: resumeFrom?.counters.step ?? 0, budget: extend };
  const extensions = listExtensions(run, more);
  const budget = extensions.map(extension => extension.budget).reduce(extendBudget, own);
  if (!isNew) for (const text of describeResumed(run, recipe, budget, resumeFrom?.counters)) onWarning?.(text);
  async function* train(signal: AbortSignal): AsyncGenerator<TrainingEvent, void> {
    if (more !== undefined) writeExtensions(run, extensions);
    if (fromStep !== undefined) setAsideLaterCheckpoints(run, fromStep);
    const { step: lastStep, unwrittenEvents } = resumeFrom?.counters ?? {};
    const files = holdRunFiles(run);
    const log = new EventLog(join(run, "events.jsonl"), lastStep, unwrittenEvents);
    const facts = { tokensPerSequence: recipe.model.sequenceLength, rateFactors: listRateFactors(recipe.optimizer) };
    const shown = { run, clock: systemClock, ...facts };
    const board = tensorboard ? new TensorboardLog({ ...shown, recipe }) : undefined;
    const elapsedSeconds = resumeFrom?.counters.elapsedSeconds ?? 0;
    const { project = "cramming" } = wandb ?? {};
    const offline = wandb && new WandbLog({ ...shown, project, host: hostname(), config: recipe, elapsedSeconds });
    const server =
      mlflow &&
      new MlflowLog(
        { ...mlflow, environment: process.env },
        {
          ...shown,
          params: new Map(describeSettings(recipe)),
          elapsedSeconds,
          warn: text => onWarning?.(text),
        },
      );
    let status: RunStatus = "KILLED";
    const clock = leaveOutStops(budgetClock);
    const { stoppedSeconds, settle } = clock;
    const hashes = { recipeHash: hashRecipe(recipe), tokenizerHash };
    const isExtended = extensions.length > 0;
    const allowed = { budget, isExtended };
    const begun = { resumeFrom, usedSeconds };
    const options = { engine, source, recipe, ...hashes, ...allowed, clock, stoppedSeconds, settle, run, ...begun };
    // A log that cannot be written ends the training, but only after what was trained is saved.
    const stop = new AbortController();
    let failure: unknown;
    let lastGood = lastStep ?? 0;
    const store = (event: TrainingEvent) => {
      try {
        if (event.kind === "checkpoint" && files.restore()) {
          onWarning?.(`${run} was moved or removed while it trained; it is saved there anew, with its files`);
        }
        log.append(event);
        board?.append(event);
        offline?.append(event);
      } catch (error) {
        failure ??= error;
        stop.abort();
      }
    };
    try {
      for await (const event of runTraining({
        ...options,
        ranks,
        sample,
        listUnwrittenEvents: () => log.listUnwritten(),
        peakFlops,
        signal: AbortSignal.any([signal, stop.signal]),
      })) {
        store(event);
        if (event.kind === "step" && !event.skipped) lastGood = event.step;
        const repetition = event.kind === "step" ? watchRepetition(event) : undefined;
        if (repetition !== undefined) onWarning?.(repetition);
        if (failure !== undefined && event.kind === "end") throw failure;
        if (event.kind === "end" && event.reason === "budget") status = "FINISHED";
        yield event;
      }
    } catch (error) {
      status = "FAILED";
      throw adviseNewRun(error, run, recipe, lastGood);
    } finally {
      clock.close();
      log.close();
      board?.close(status);
      await server?.close(status);
      offline?.close(status);
    }
  }
  return { budget, train };
}

/** What whoever resumes a run may not expect of it. */
function* describeResumed(
  run: string,
  recipe: Recipe,
  budget: Budget,
  counters: Counters | undefined,
): Generator<string> {
  if (counters === undefined) {
    const { checkpointEverySeconds } = recipe.train;
    yield `${run} has no checkpoint: it begins at step 0 again (one is written every ${checkpointEverySeconds} s, by train.checkpointEverySeconds)`;
    return;
  }
  const isSpent = "steps" in budget ? counters.step >= budget.steps : counters.elapsedSeconds >= budget.seconds;
  if (isSpent) yield `${run} has spent its budget of ${formatBudget(budget)}: --extend gives it more`;
}
