// What a training does before its budget begins: every program once, and everything put back.

import type { Clock } from "../base/clock.ts";
import type { TrainingState } from "../checkpoint/state.ts";
import { firstLossScale } from "../optim/loss-scale.ts";
import type { BatchSource } from "./batch-queue.ts";
import type { Recipe } from "./recipe.ts";
import type { Engine } from "./step/engine.ts";

interface WarmUpOptions {
  readonly engine: Engine;
  readonly source: BatchSource;
  readonly recipe: Recipe;
  readonly clock: Clock;
  readonly resumeFrom: TrainingState | undefined;
  readonly sample?: (() => Promise<unknown>) | undefined;
  readonly signal: AbortSignal;
}

/**
 * Runs every program once on the first batch and undoes it, so that compiling and first touches are not budget. An update at
 * rate 0 changes no parameter, so only the moments have to be put back.
 */
export async function warmUp({
  engine,
  source,
  recipe,
  clock,
  resumeFrom,
  sample,
  signal,
}: WarmUpOptions): Promise<number> {
  const start = clock.seconds();
  const [batch, ...others] = await Promise.all(
    (source.newPrograms ?? [0]).map(progress => source.training(0, recipe.train.microBatchSequences, progress)),
  );
  const programs = engine.isOfOne === true ? [true] : [true, false];
  for (const each of [...others, batch!]) {
    for (const isFirst of programs) {
      await engine.accumulate(each, isFirst);
      signal.throwIfAborted();
    }
  }
  for (const isFirst of programs) await engine.probe?.(batch!, { isFirst, microBatches: 2, seed: 0 });
  await engine.update({ step: 1, rateScale: 0 }, 2);
  if (engine.isDue?.(2) === false) await engine.update({ step: 2, rateScale: 0 }, 2);
  await engine.validate(await source.validation(0));
  await engine.average?.take();
  await engine.average?.validate(await source.validation(0));
  await sample?.();
  signal.throwIfAborted();
  if (resumeFrom === undefined) engine.clearMoments();
  else engine.restore([...resumeFrom.parameters, ...resumeFrom.moments]);
  engine.lossScale?.restore(resumeFrom?.counters.lossScale ?? firstLossScale);
  return clock.seconds() - start;
}
