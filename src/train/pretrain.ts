// The training loop: an async generator of events. It stores nothing but checkpoints and prints nothing; the command line
// listens. Interrupted and resumed, it continues at the checkpoint's step, data position and used budget.

import type { Clock } from "../base/clock.ts";
import { UserError } from "../base/errors.ts";
import { saveCheckpoint, type TrainingState } from "../checkpoint/state.ts";
import { batchSizeAt, rateAt } from "../optim/schedule.ts";
import { type Budget, formatBudget, parseBudget, type RunningBudget, startBudget } from "./budget.ts";
import type { TrainingEvent } from "./events.ts";
import { createGuard } from "./guard.ts";
import type { Recipe } from "./recipe.ts";
import type { Engine, Inputs } from "./step.ts";

/** Where batches come from. Training batches are a function of the position in the run's order and nothing else. */
export interface BatchSource {
  readonly datasetHash: string;
  /** Nats per token of the held-out text under its own token frequencies. */
  readonly unigramEntropy: number;
  readonly validationBatches: number;
  training(firstSequence: number, sequences: number): Inputs | Promise<Inputs>;
  validation(index: number): Inputs | Promise<Inputs>;
}

export interface PretrainOptions {
  readonly engine: Engine;
  readonly source: BatchSource;
  readonly recipe: Recipe;
  readonly recipeHash: string;
  /** What the run may use in all; default: the recipe's. */
  readonly budget?: Budget | undefined;
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
  /** Lines of the run's events that its disk has not taken yet, which a checkpoint holds. */
  readonly listUnwrittenEvents?: (() => readonly string[]) | undefined;
  /** FLOP/s of the device at most, for the start event. */
  readonly peakFlops?: number | undefined;
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
  const { engine, source, recipe, clock, resumeFrom } = options;
  const size = recipe.train.microBatchSequences;
  const ramp = {
    batchSize: recipe.schedule.batchSequences,
    microBatch: size,
    rampShare: recipe.schedule.batchRamp,
  };
  const tokensPerSequence = recipe.model.sequenceLength;
  const warmupSeconds = await warmUp(options);
  let step = resumeFrom?.counters.step ?? 0;
  let sequences = resumeFrom?.counters.sequences ?? 0;
  const whole = options.budget ?? parseBudget(recipe.train.budget);
  const budget = startBudget(whole, clock, resumeFrom?.counters.elapsedSeconds ?? 0);
  const guard = createGuard(recipe.train.badStepsAllowed);
  yield {
    kind: "start",
    step,
    device: engine.device,
    parameters: engine.parameterCount,
    warmupSeconds,
    elapsedSeconds: budget.elapsedSeconds(),
    unigramEntropy: source.unigramEntropy,
    ...(options.budget !== undefined && { budget: formatBudget(options.budget) }),
    ...(options.peakFlops !== undefined && { peakFlops: options.peakFlops }),
  };
  const validate = async () => {
    const event = await runValidation(engine, source, budget, step);
    if (Number.isFinite(event.loss)) return event;
    throw divergedAt(step, `the validation loss is ${event.loss}`);
  };
  if (step === 0) yield await validate();

  const save = (): TrainingEvent => {
    const elapsedSeconds = budget.elapsedSeconds();
    const unwrittenEvents = options.listUnwrittenEvents?.() ?? [];
    const counters = {
      step,
      sequences,
      elapsedSeconds,
      seed: recipe.train.seed,
      recipeHash: options.recipeHash,
      datasetHash: source.datasetHash,
      ...(options.tokenizerHash !== undefined && { tokenizerHash: options.tokenizerHash }),
      ...(unwrittenEvents.length > 0 && { unwrittenEvents: [...unwrittenEvents] }),
    };
    const state = { counters, parameters: engine.readParameters(), moments: engine.readMoments() };
    try {
      return { kind: "checkpoint", step, elapsedSeconds, path: saveCheckpoint(options.run!, state) };
    } catch (error) {
      if (error instanceof UserError && error.code === "E_NOT_FINITE") throw divergedAt(step, error.message);
      throw error;
    }
  };

  const validationNumber = () => Math.floor(budget.progress(step) * recipe.train.validations);
  let validated = validationNumber();
  let savedSeconds = budget.elapsedSeconds();
  while (budget.progress(step) < 1 && !options.signal.aborted) {
    const progress = budget.progress(step);
    const start = clock.seconds();
    const stoppedBefore = options.stoppedSeconds?.() ?? 0;
    const microBatches = Math.ceil(batchSizeAt(progress, ramp) / size);
    for (let i = 0; i < microBatches; i++) {
      await engine.accumulate(await source.training(sequences, size), i === 0);
      sequences += size;
    }
    const rateScale = rateAt(progress, recipe.schedule);
    const { loss, gradientNorm } = await engine.update({ step: step + 1, rateScale }, microBatches);
    step++;
    // A signal that the process goes on may come after the result: it is waited for before the clock is read.
    if (clock.seconds() - start > 0.5) await options.settle?.();
    const stoppedSeconds = (options.stoppedSeconds?.() ?? 0) - stoppedBefore;
    const counted = guard.judge(step, loss, gradientNorm);
    yield {
      kind: "step",
      step,
      progress: budget.progress(step),
      elapsedSeconds: budget.elapsedSeconds(),
      loss,
      gradientNorm,
      learningRate: rateScale * recipe.optimizer.learningRate,
      batchSequences: microBatches * size,
      tokens: sequences * tokensPerSequence,
      stepSeconds: clock.seconds() - start,
      ...(stoppedSeconds > 0 && { stoppedSeconds }),
      skipped: !counted,
    };
    const ended = budget.progress(step) >= 1;
    if (!ended && validationNumber() > validated) {
      validated = validationNumber();
      yield await validate();
    }
    if (
      !ended &&
      counted &&
      options.run !== undefined &&
      budget.elapsedSeconds() - savedSeconds > recipe.train.checkpointEverySeconds
    ) {
      yield save();
      savedSeconds = budget.elapsedSeconds();
    }
  }
  const elapsedSeconds = budget.elapsedSeconds();
  const done = budget.progress(step) >= 1;
  if (done) yield { ...(await validate()), elapsedSeconds };
  // Steps that were not finite changed nothing: whether the state before them computes anything, a validation says.
  else if (guard.isCounting) await validate();
  // Where nothing was trained since, the checkpoint that it began with is this one.
  if (options.run !== undefined && step !== resumeFrom?.counters.step) yield save();
  yield {
    kind: "end",
    step,
    elapsedSeconds,
    tokens: sequences * tokensPerSequence,
    reason: done ? "budget" : "interrupted",
  };
}

const divergedAt = (step: number, seen: string): UserError =>
  new UserError("E_DIVERGED", `step ${step}: ${seen}`, "Lower optimizer.learningRate or set optimizer.clip.");

/**
 * Runs every program once on the first batch and undoes it, so that compiling and first touches are not budget. An update at
 * rate 0 changes no parameter, so only the moments have to be put back.
 */
async function warmUp({ engine, source, recipe, clock, resumeFrom, signal }: PretrainOptions): Promise<number> {
  const start = clock.seconds();
  const batch = await source.training(0, recipe.train.microBatchSequences);
  await engine.accumulate(batch, true);
  signal.throwIfAborted();
  await engine.accumulate(batch, false);
  signal.throwIfAborted();
  await engine.update({ step: 1, rateScale: 0 }, 2);
  await engine.validate(batch);
  signal.throwIfAborted();
  if (resumeFrom === undefined) engine.clearMoments();
  else engine.restore([...resumeFrom.parameters, ...resumeFrom.moments]);
  return clock.seconds() - start;
}

async function runValidation(engine: Engine, source: BatchSource, budget: RunningBudget, step: number) {
  let sum = 0;
  for (let i = 0; i < source.validationBatches; i++) sum += await engine.validate(await source.validation(i));
  return {
    kind: "validation",
    step,
    progress: budget.progress(step),
    elapsedSeconds: budget.elapsedSeconds(),
    loss: sum / source.validationBatches,
  } as const;
}
