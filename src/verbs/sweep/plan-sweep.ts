// What a sweep will do and for how long, before anything is trained. All recipes and datasets are looked at, and nothing is written.

import { describeFewSteps } from "../../plan/forecast.ts";
import { halveCounts } from "../../sweep/halving.ts";
import type { Sweep } from "../../sweep/sweep.ts";
import type { Budget } from "../../train/budget.ts";
import { type PlannedTrial, planTrials, readTotal, type TrialOptions } from "./plan-trials.ts";

export interface SweepPlan {
  readonly variations: number;
  readonly seeds: number;
  readonly trials: number;
  /** Of training, all trials behind each other: those with a budget in seconds; at most the total. */
  readonly seconds: number;
  /** Of training, after which no trial is begun; undefined where there is none. */
  readonly total: number | undefined;
  /** Those with a budget in steps, whose time the machine decides. */
  readonly steps: number;
  /** Of each variation. */
  readonly budgets: readonly { readonly variation: string; readonly budget: Budget }[];
  /** Variations that are the base by another name, and are not trained. */
  readonly likeBase: readonly string[];
  /** What a person should know beforehand, a sentence each. */
  readonly warnings: readonly string[];
}

/** UserErrors: those of planTrials. */
export function planSweep(sweep: Sweep, options: TrialOptions): SweepPlan {
  const { trials, likeBase, warnings } = planTrials(sweep, options, false);
  const share = shareOfBudgets(sweep, trials);
  const sum = (kind: Budget["kind"]) =>
    share * trials.reduce((all, { plan: { budget } }) => all + (budget.kind === kind ? amountOf(budget) : 0), 0);
  const total = readTotal(sweep);
  const seeds = sweep.seeds.length;
  // Those of the first seed, which stand first.
  const budgets = trials
    .slice(0, trials.length / seeds)
    .map(({ variation, plan: { budget } }) => ({ variation, budget }));
  return {
    ...{ variations: trials.length / seeds, seeds, trials: trials.length },
    seconds: Math.min(sum("seconds"), total),
    total: Number.isFinite(total) ? total : undefined,
    steps: sum("steps"),
    budgets,
    likeBase,
    warnings: [...warnings, ...describeFew(budgets)],
  };
}

/** How many steps a time gives is known when the first trial has ended. */
function describeFew(budgets: SweepPlan["budgets"]): string[] {
  const few = budgets.flatMap(({ variation, budget }) => {
    const said = budget.kind === "steps" ? describeFewSteps(budget.steps) : undefined;
    return said === undefined ? [] : [{ variation, said }];
  });
  if (few.length === 0) return [];
  return [`${few[0]!.said} of ${few.length === budgets.length ? "every trial" : few[0]!.variation}: ${tooFew}`];
}

/** Why few steps are too few. */
export const tooFew = "a learning rate that rises and falls has no time to do either; give more, or smaller batches";

const amountOf = (budget: Budget) => (budget.kind === "seconds" ? budget.seconds : budget.steps);

/** How much of all budgets halving spends, where none goes on too early. */
function shareOfBudgets({ halving }: Sweep, trials: readonly PlannedTrial[]): number {
  if (halving === undefined) return 1;
  return halveCounts(trials.length, halving).reduce((sum, { count, share }) => sum + count * share, 0) / trials.length;
}
