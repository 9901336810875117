// The micro-batches of a step and its update. A step is a function of what its order says: alone, a process takes all its micro-batches;
// of several ranks each takes every so many of them, and their sums are the step's.

import type { HostInputs } from "../../backends/backend.ts";
import type { BatchEnd } from "../../optim/batch-end.ts";
import type { BatchQueue } from "../batch-queue.ts";
import type { RankSums } from "../ranks/rank-sums.ts";
import type { UpdateShares } from "../ranks/update-shares.ts";
import type { Engine, StepResult } from "./engine.ts";

/** What decides a step, the same on every rank. */
export interface StepOrder {
  /** Its number, from 1. */
  readonly step: number;
  /** Of the run, the first that it reads. */
  readonly firstSequence: number;
  /** Micro-batches at most: all, where no batch rule ends the step before. */
  readonly most: number;
  readonly rateScale: number;
  /** Of the budget, by which all is scheduled. */
  readonly progress: number;
}

export interface StepParts {
  readonly engine: Engine;
  readonly queue: BatchQueue;
  /** Sequences of a micro-batch. */
  readonly microBatchSequences: number;
  readonly seed: number;
  readonly batchEnd: BatchEnd;
  readonly sums?: RankSums | undefined;
  /** Where ranks share out the update. */
  readonly shares?: Pick<UpdateShares, "spread"> | undefined;
}

/** Does the steps that it is given. What comes with a result: how many micro-batches the step had, on all ranks. */
export function createStepTaker(parts: StepParts) {
  const { engine, queue, microBatchSequences: size, seed, batchEnd, sums, shares } = parts;
  const { rank, size: ranks } = sums ?? { rank: 0, size: 1 };
  return async (order: StepOrder): Promise<StepResult & { readonly microBatches: number }> => {
    const { step, firstSequence, most, rateScale, progress } = order;
    const isProbed = engine.probe !== undefined && (engine.isDue?.(step) ?? true);
    const batches: (readonly [index: number, batch: HostInputs])[] = [];
    let [microBatches, own] = [0, 0];
    // Where every rank has as many micro-batches, all run the same program last, and the sums go on beside it.
    const exchange = most % ranks === 0 ? sums?.exchange : undefined;
    // Alone, what an update is given is known before the last micro-batch.
    const finish = sums === undefined && !isProbed ? engine.finish : undefined;
    const schedule = { step, rateScale, progress };
    let updating: Promise<StepResult> | undefined;
    const take = (index: number) => queue.take(firstSequence + index * size, progress);
    // What all ranks read, where an update is of that alone; most of it was read beside the step before.
    const foreseen: HostInputs[] = [];
    if (engine.foresee !== undefined) for (let i = 0; i < most; i++) foreseen.push(await take(i));
    engine.foresee?.(foreseen);
    const readAhead = (index: number) => queue.readAhead(firstSequence + index * size, progress);
    do {
      if (microBatches % ranks === rank) {
        const batch = foreseen[microBatches] ?? (await take(microBatches));
        const isOwnLast = microBatches + ranks >= most;
        let adding: Promise<void> | undefined;
        if (isOwnLast && finish !== undefined) updating = finish(batch, own === 0, schedule, microBatches + 1);
        else adding = engine.accumulate(batch, own === 0 || sums?.isInOrder === true, isOwnLast ? exchange : undefined);
        // Threads and GPUs are at work when they have been asked, and the host would only wait.
        if (engine.foresee !== undefined) for (let i = 0; i < ranks; i++) readAhead(most + own * ranks + i);
        await adding;
        if (isProbed) batches.push([microBatches, batch]);
        own++;
      }
      microBatches++;
      if (sums?.isInOrder === true) await addRound(sums, microBatches, most);
    } while (!batchEnd.isReached(microBatches, most, engine.measureGradients));
    if (own === 0) sums?.clear("gradient");
    if (exchange === undefined) await sums?.finish("gradient");
    const counted = sums?.isLocal === true ? own : microBatches;
    if (isProbed) await probe(batches, { firstSequence, microBatches, counted });
    updating ??= engine.update(schedule, counted);
    if (engine.foresee === undefined) readAhead(microBatches + rank);
    const updated = await updating;
    await shares?.spread();
    return { ...updated, microBatches };
  };

  async function addRound(ofRanks: RankSums, done: number, most: number): Promise<void> {
    if (done % ranks !== 0 && done !== most) return;
    const count = ((done - 1) % ranks) + 1;
    await ofRanks.addRound(count, done <= ranks);
  }

  async function probe(
    batches: readonly (readonly [index: number, batch: HostInputs])[],
    {
      firstSequence,
      microBatches,
      counted,
    }: { readonly firstSequence: number; readonly microBatches: number; readonly counted: number },
  ): Promise<void> {
    const end = firstSequence / size + microBatches;
    for (const [i, [index, batch]] of batches.entries()) {
      // Another for every micro-batch of the run, the same when it is resumed.
      const own = (Math.imul(seed, 0x9e3779b1) + end - index) >>> 0;
      await engine.probe!(batch, { isFirst: i === 0, microBatches: counted, seed: own });
    }
    if (batches.length === 0) sums?.clear("probe");
    await sums?.finish("probe");
  }
}
