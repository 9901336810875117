// Successive halving without waiting (ASHA, Li et al. 2020, algorithm 2): every trial begins, and stops at the first of a few points of
// its budget, the rungs. The best of those that stand at a rung go on to the next. What is done next follows from what is on disk alone,
// so that any number of workers, killed and begun again, decide alike.

import { z } from "zod";

export const halvingSchema = z.strictObject({
  /** One in so many goes on from each rung. */
  reduction: z.int().min(2).max(64).default(3),
  /** The last is the whole budget, each before it a `reduction`-th of the next. */
  rungs: z.int().min(2).max(12).default(3),
});
export type Halving = z.infer<typeof halvingSchema>;

/** Shares of the budget at which trials are compared, ascending; without halving the end alone. */
export function listShares(halving: Halving | undefined): number[] {
  if (halving === undefined) return [1];
  const { reduction, rungs } = halving;
  // A quotient, so that a step of a budget in steps can be exactly there.
  return Array.from({ length: rungs }, (_, rung) => 1 / reduction ** (rungs - 1 - rung));
}

/** Where a trial stands. */
export interface Standing {
  /** Held-out loss at each rung that it has reached. */
  readonly losses: readonly number[];
  /** Whether it came apart: it goes no further, and counts as the worst of the rung that it was on the way to. */
  readonly failed: boolean;
}

/** A trial, by its place in the list, and the rung that it is to reach. */
export interface Job {
  readonly trial: number;
  readonly rung: number;
}

/** What may be done now, the best first: to go on at the highest rung, then to begin. Who finds the first taken takes the next. */
export function listJobs(standings: readonly Standing[], halving: Halving | undefined): Job[] {
  const jobs: Job[] = [];
  for (let rung = (halving?.rungs ?? 1) - 1; rung > 0; rung--) {
    // Of those that have reached the rung below, or failed on the way to it.
    const entries = standings.flatMap(({ losses, failed }, trial) => {
      const loss = losses[rung - 1] ?? (failed && losses.length === rung - 1 ? Number.POSITIVE_INFINITY : undefined);
      return loss === undefined ? [] : [{ trial, loss }];
    });
    const best = entries
      .sort((a, b) => a.loss - b.loss || a.trial - b.trial)
      .slice(0, Math.floor(entries.length / halving!.reduction));
    for (const { trial, loss } of best) {
      const { losses, failed } = standings[trial]!;
      if (Number.isFinite(loss) && losses.length === rung && !failed) jobs.push({ trial, rung });
    }
  }
  for (const [trial, { losses, failed }] of standings.entries()) {
    if (losses.length === 0 && !failed) jobs.push({ trial, rung: 0 });
  }
  return jobs;
}

/** The share of its budget that a trial has behind it. */
export function measureReached({ losses, failed }: Standing, halving: Halving | undefined): number {
  const shares = listShares(halving);
  // What came apart is done with the way to the rung at which it would have been compared.
  return shares[losses.length - (failed ? 0 : 1)] ?? (losses.length === 0 ? 0 : 1);
}

/**
 * Budgets that are still to be spent on trials that stand so: those of all to their ends, or what halving spends where none goes on too
 * early. Where more went on than that, what it spends on those that may go on now.
 */
export function measureLeft(standings: readonly Standing[], halving: Halving | undefined): number {
  const shares = listShares(halving);
  const jobs = listJobs(standings, halving);
  if (jobs.length === 0) return 0;
  const spent = standings.reduce((sum, standing) => sum + measureReached(standing, halving), 0);
  const all =
    halving === undefined
      ? standings.length
      : halveCounts(standings.length, halving).reduce((sum, { count, share }) => sum + count * share, 0);
  const next = jobs.reduce((sum, { rung }) => sum + shares[rung]! - (shares[rung - 1] ?? 0), 0);
  return Math.max(all - spent, next);
}

/** How many trials reach each rung where none goes on too early, and the share of the budget that each spends on the way from the last. */
export function halveCounts(trials: number, halving: Halving): { readonly count: number; readonly share: number }[] {
  const shares = listShares(halving);
  let count = trials;
  return shares.map((share, rung) => {
    if (rung > 0) count = Math.floor(count / halving.reduction);
    return { count, share: share - (shares[rung - 1] ?? 0) };
  });
}
