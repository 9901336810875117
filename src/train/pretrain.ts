// The training loop: an async generator of events. It stores nothing but checkpoints and prints nothing; the command line
// listens. Interrupted and resumed, it continues at the checkpoint's step, data position and used budget.

import type { HostInputs } from "../backends/backend.ts";
import type { Clock } from "../base/clock.ts";
import { UserError } from "../base/errors.ts";
import type { Counters } from "../checkpoint/checkpoint-file.ts";
import { saveCheckpoint, type TrainingState } from "../checkpoint/state.ts";
import type { SamplesEvent, TrainingEvent } from "../events/event.ts";
import { countTaken } from "../optim/averages.ts";
import { createBatchEnd } from "../optim/batch-end.ts";
import { batchSizeAt, rateAt } from "../optim/schedule.ts";
import { type BatchSource, queueBatches } from "./batch-queue.ts";
import { type Budget, formatBudget, startBudget } from "./budget.ts";
import type { RankLead } from "./ranks/rank-orders.ts";
import type { Recipe } from "./recipe.ts";
import type { Engine } from "./step/engine.ts";
import { guardSteps, refuseDivergence } from "./step/guard.ts";
import { createStepTaker } from "./step/micro-batches.ts";
import { warmUp } from "./warm-up.ts";

export interface PretrainOptions {
  readonly engine: Engine;
  readonly source: BatchSource;
  readonly recipe: Recipe;
  readonly recipeHash: string;
  /** What the run may use in all. */
  readonly budget: Budget;
  /** Whether that is more than its recipe says, for the start event. */
  readonly isExtended?: boolean | undefined;
  /** SHA-256 of the run's tokenizer.json, for who opens its checkpoints. */
  readonly tokenizerHash?: string | undefined;
  readonly clock: Clock;
  /** Seconds that the clock has left out so far. */
  readonly stoppedSeconds?: (() => number) | undefined;
  /** Waits for what a clock that leaves out stops has yet to hear. */
  readonly settle?: (() => Promise<void>) | undefined;
  /** Folder of the run; without one nothing is saved. */
  readonly run: string | undefined;
  readonly resumeFrom: TrainingState | undefined;
  /** What a new run has used of its budget before the first step. */
  readonly usedSeconds?: number | undefined;
  /** What the model says now, to be shown behind every validation. It draws nothing and changes nothing. */
  readonly sample?: (() => Promise<Pick<SamplesEvent, "fills" | "neighbours">>) | undefined;
  /** Lines of the run's events that its disk has not taken yet, which a checkpoint holds. */
  readonly listUnwrittenEvents?: (() => readonly string[]) | undefined;
  /** FLOP/s of the device at most, for the start event. */
  readonly peakFlops?: number | undefined;
  /** The other ranks, where this one leads several. */
  readonly ranks?: RankLead | undefined;
  readonly signal: AbortSignal;
}

/** Trains to the budget's end or the signal. A training that comes apart ends with an event, too, and then throws E_DIVERGED. */
export async function* pretrain(options: PretrainOptions): AsyncGenerator<TrainingEvent, void> {
  const { step = 0, sequences = 0, elapsedSeconds = 0 } = options.resumeFrom?.counters ?? {};
  let last = { step, elapsedSeconds, tokens: sequences * options.recipe.model.sequenceLength };
  try {
    for await (const event of trainSteps(options)) {
      if (event.kind === "step") last = event;
      yield event;
    }
  } catch (error) {
    if (error instanceof UserError && error.code === "E_DIVERGED") {
      const { step, elapsedSeconds, tokens } = last;
      yield { kind: "end", step, elapsedSeconds, tokens, reason: "diverged" };
    }
    throw error;
  }
}

async function* trainSteps(options: PretrainOptions): AsyncGenerator<TrainingEvent, void> {
  const { engine, source, recipe, clock, run, resumeFrom, ranks } = options;
  const { average } = recipe;
  const size = recipe.train.microBatchSequences;
  const queue = queueBatches(source, size);
  const ramp = { ...recipe.schedule, ...recipe.train };
  const tokensPerSequence = recipe.model.sequenceLength;
  const warmupSeconds = await warmUp(options);
  await ranks?.begin(options.resumeFrom?.moments);
  let step = resumeFrom?.counters.step ?? 0;
  let sequences = resumeFrom?.counters.sequences ?? 0;
  const budget = startBudget(options.budget, clock, resumeFrom?.counters.elapsedSeconds ?? options.usedSeconds ?? 0);
  const batchEnd = createBatchEnd(recipe.schedule.batchRule, resumeFrom?.counters.leastMicroBatches);
  // A signal that the process goes on may come after it did: it is waited for where much time went by, whatever was done then.
  let lastSeconds = clock.seconds();
  const readClock = async (): Promise<number> => {
    const before = lastSeconds;
    lastSeconds = clock.seconds();
    if (options.settle === undefined || lastSeconds - before <= 0.5) return lastSeconds;
    await options.settle();
    lastSeconds = clock.seconds();
    return lastSeconds;
  };
  const readBudget = async () => {
    await readClock();
    return budget.read(step);
  };
  // Read after all that takes of the budget: a step, a validation, a checkpoint. It decides everything until the next reading.
  let now = budget.read(step);
  yield {
    kind: "start",
    step,
    device: engine.device,
    parameters: engine.parameterCount,
    warmupSeconds,
    elapsedSeconds: now.elapsedSeconds,
    unigramEntropy: source.unigramEntropy,
    ...(options.isExtended === true && { budget: formatBudget(options.budget) }),
    ...(options.peakFlops !== undefined && { peakFlops: options.peakFlops }),
  };
  const countAveraged = () => (average === undefined ? 0 : countTaken({ step, progress: now.progress }, average));
  let averaged = countAveraged();
  const countValidations = () => Math.floor(now.progress * recipe.train.validations);
  let validated = countValidations();
  const sample = async function* (isBehindBudget = false): AsyncGenerator<TrainingEvent, void> {
    if (options.sample === undefined) return;
    const said = await options.sample();
    if (!isBehindBudget) now = await readBudget();
    yield { kind: "samples", step, elapsedSeconds: now.elapsedSeconds, ...said };
  };
  const { keepBest, keepEverySeconds } = recipe.train;
  let lowestLoss = resumeFrom?.counters.lowestLoss;
  /** Whether a validation is the lowest so far, and its state to be kept. */
  const isLowest = (loss: number): boolean => {
    if (keepBest !== true || (lowestLoss !== undefined && loss >= lowestLoss)) return false;
    lowestLoss = loss;
    return true;
  };
  if (step === 0) {
    const losses = await validate(options, step, false);
    now = await readBudget();
    isLowest(losses.loss);
    yield { kind: "validation", step, ...now, ...losses };
    yield* sample();
  }
  let savedSeconds = now.elapsedSeconds;
  const save = async (folder: string, isBest = false): Promise<TrainingEvent> => {
    const { elapsedSeconds } = now;
    const { leastMicroBatches } = batchEnd;
    const intervalOf = (seconds: number) => Math.floor(seconds / keepEverySeconds!);
    const isFirst = keepEverySeconds !== undefined && intervalOf(elapsedSeconds) > intervalOf(savedSeconds);
    const keeps = [...(isBest ? ["best" as const] : []), ...(isFirst ? ["interval" as const] : [])];
    const path = await saveState(folder, options, {
      ...{ step, sequences, elapsedSeconds },
      ...(leastMicroBatches !== undefined && { leastMicroBatches }),
      ...(keeps.length > 0 && { keeps }),
      ...(lowestLoss !== undefined && { lowestLoss }),
    });
    return { kind: "checkpoint", step, elapsedSeconds, path, ...(isBest && { isBest }) };
  };
  const seed = recipe.train.seed;
  const { sums, shares } = ranks ?? {};
  const takeMicroBatches = createStepTaker({ engine, queue, microBatchSequences: size, seed, batchEnd, sums, shares });
  /** Whether another rank was asked to end. */
  let isStopped = false;
  const { sync } = recipe.train;
  const isTogether = () => sync === undefined || step % sync.everySteps === 0;
  /** Each rank's update needs a micro-batch of its own. */
  const [fewest, { everySteps }] = sync === undefined ? [1, { everySteps: 0 }] : [sums?.size ?? 1, sync];
  const takeStep = async (next: number, rateScale: number) => {
    const { progress } = now;
    const most = fewest * Math.ceil(batchSizeAt(progress, ramp) / size / fewest);
    const order = { step: next, firstSequence: sequences, most, rateScale, progress };
    await ranks?.order(order);
    const taken = await takeMicroBatches(order);
    isStopped = (await ranks?.conclude(taken)) ?? false;
    if (next % everySteps === 0) isStopped = (await ranks?.bringTogether(true)) ?? false;
    sequences += taken.microBatches * size;
    return taken;
  };
  let stoppedBefore = options.stoppedSeconds?.() ?? 0;
  const { badStepsAllowed } = recipe.train;
  const guardStep = guardSteps({ readSeconds: readClock, badStepsAllowed, refuse: refuseDivergence });
  let isLastCounted = true;
  while (now.progress < 1 && !options.signal.aborted && !isStopped) {
    const rateScale = rateAt(now.progress, recipe.schedule);
    const taken = await guardStep(step + 1, next => takeStep(next, rateScale));
    const { loss, gradientNorm, lossScale, counted, microBatches } = taken;
    step++;
    isLastCounted = counted;
    const stoppedSeconds = (options.stoppedSeconds?.() ?? 0) - stoppedBefore;
    stoppedBefore += stoppedSeconds;
    now = budget.read(step);
    if (isTogether() && countAveraged() > averaged) {
      averaged = countAveraged();
      await engine.average?.take();
    }
    yield {
      kind: "step",
      step,
      progress: now.progress,
      elapsedSeconds: now.elapsedSeconds,
      loss,
      gradientNorm,
      learningRate: rateScale * recipe.optimizer.learningRate,
      batchSequences: microBatches * size,
      tokens: sequences * tokensPerSequence,
      stepSeconds: taken.seconds,
      ...(stoppedSeconds > 0 && { stoppedSeconds }),
      skipped: !counted,
      ...(lossScale !== undefined && { lossScale: lossScale.factor }),
    };
    if (now.progress < 1 && isTogether() && countValidations() > validated) {
      validated = countValidations();
      const losses = await validate(options, step, averaged > 0);
      now = await readBudget();
      yield { kind: "validation", step, ...now, ...losses };
      yield* sample();
      if (isLowest(losses.loss) && counted && run !== undefined) {
        yield await save(run, true);
        now = await readBudget();
        savedSeconds = now.elapsedSeconds;
      }
    }
    const isDue = now.elapsedSeconds - savedSeconds > recipe.train.checkpointEverySeconds;
    if (now.progress < 1 && counted && isDue && isTogether() && run !== undefined) {
      yield await save(run);
      now = await readBudget();
      savedSeconds = now.elapsedSeconds;
    }
  }
  // What comes after the last step is no part of the budget.
  if (!isTogether() && step !== resumeFrom?.counters.step) await ranks?.bringTogether(false);
  const isDone = now.progress >= 1;
  let isBest = false;
  if (isDone) {
    const losses = await validate(options, step, averaged > 0);
    isBest = isLowest(losses.loss);
    yield { kind: "validation", step, ...now, ...losses };
    yield* sample(true);
  }
  // A step that was not finite changed nothing: whether the state before it computes anything, a validation says.
  else if (!isLastCounted) await validate(options, step, false);
  // Where nothing was trained since, the checkpoint that it began with is this one.
  if (run !== undefined && step !== resumeFrom?.counters.step) yield await save(run, isBest);
  yield {
    kind: "end",
    step,
    elapsedSeconds: now.elapsedSeconds,
    tokens: sequences * tokensPerSequence,
    reason: isDone ? "budget" : "interrupted",
  };
}

/**
 * Means over the held-out batches, in nats per predicted token; with `isAveraged` that of the average of the parameters, too.
 * UserError E_DIVERGED where the loss is not finite.
 */
async function validate({ engine, source }: PretrainOptions, step: number, isAveraged: boolean) {
  const measure = async (validateBatch: (batch: HostInputs) => Promise<number>) => {
    let sum = 0;
    for (let i = 0; i < source.validationBatches; i++) sum += await validateBatch(await source.validation(i));
    return sum / source.validationBatches;
  };
  const loss = await measure(engine.validate);
  if (!Number.isFinite(loss)) throw refuseDivergence(`step ${step}: the validation loss is ${loss}`);
  return isAveraged && engine.average !== undefined
    ? { loss, averageLoss: await measure(engine.average.validate) }
    : { loss };
}

/** Saves a checkpoint into the run's folder and returns its own. UserErrors: E_DIVERGED, and those of saveCheckpoint. */
async function saveState(
  run: string,
  { engine, source, recipe, recipeHash, tokenizerHash, listUnwrittenEvents, ranks }: PretrainOptions,
  position: Pick<Counters, "step" | "sequences" | "elapsedSeconds" | "leastMicroBatches" | "keeps" | "lowestLoss">,
): Promise<string> {
  const unwrittenEvents = [...(listUnwrittenEvents?.() ?? [])];
  const counters = {
    ...position,
    seed: recipe.train.seed,
    recipeHash,
    datasetHash: source.datasetHash,
    ...(tokenizerHash !== undefined && { tokenizerHash }),
    ...(unwrittenEvents.length > 0 && { unwrittenEvents }),
    ...(engine.lossScale !== undefined && { lossScale: engine.lossScale.read() }),
  };
  const own = engine.readMoments();
  const moments = ranks?.listMoments(own) ?? own;
  try {
    return await saveCheckpoint(run, { counters, parameters: engine.readParameters(), moments });
  } catch (error) {
    if (error instanceof UserError && error.code === "E_NOT_FINITE")
      throw refuseDivergence(`step ${position.step}: ${error.message}`);
    throw error;
  }
}
