// The results of a sweep as others write them: for who started workers and shows what they do.

import { setTimeout } from "node:timers/promises";
import type { Sweep } from "../../sweep/sweep.ts";
import { readTrialRecord } from "../../sweep/trial.ts";
import { planTrials } from "./plan-trials.ts";
import type { SweepOptions } from "./sweep.ts";

const secondsBetweenLooks = 1;

/** Calls `onResult` with every trial that ends until the signal comes, and with those that ended right before. */
export async function followSweep(
  asked: Sweep,
  options: SweepOptions & { readonly signal: AbortSignal },
): Promise<void> {
  const { signal, onResult } = options;
  let open = planTrials(asked, options, true).trials.filter(
    trial => readTrialRecord(trial, trial).result === undefined,
  );
  const look = () => {
    open = open.filter(trial => {
      const { result } = readTrialRecord(trial, trial);
      if (result !== undefined) onResult?.(trial, result);
      return result === undefined;
    });
  };
  while (!signal.aborted) {
    await setTimeout(1000 * secondsBetweenLooks, undefined, { signal }).catch(() => undefined);
    look();
  }
}
