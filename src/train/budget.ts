// The budget of a run and the progress through it, 0 to 1. Everything scheduled is a function of progress, and progress is read
// once for a step and handed down: what judged by the clock a second time could judge otherwise. A budget in steps makes a run
// independent of the machine's speed, which bit-exact comparisons need; one in seconds is the contest.

import type { Clock } from "../base/clock.ts";
import { UserError } from "../base/errors.ts";
import { countOf, quoteValue } from "../base/printable.ts";

export type Budget =
  | { readonly kind: "seconds"; readonly seconds: number }
  | { readonly kind: "steps"; readonly steps: number };

const secondsPerUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86400 };

const budgetAdvice = 'Write it as "90s", "5m", "24h" or "300steps".';

/** Reads "90s", "5m", "24h", "1.5h", "1d" or "300steps". UserError E_BUDGET, which begins with where it was read: an option, a path. */
export function parseBudget(text: string, origin = "budget", advice = budgetAdvice): Budget {
  const [, digits = "", unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*(s|m|h|d|steps?)\s*$/.exec(text) ?? [];
  const amount = Number(digits);
  const why = explainAmount(text, amount, unit);
  if (why !== undefined) {
    throw new UserError("E_BUDGET", `${origin} ${quoteValue(text)}: ${why}`, advice);
  }
  return unit.startsWith("step")
    ? { kind: "steps", steps: amount }
    : { kind: "seconds", seconds: amount * secondsPerUnit[unit]! };
}

function explainAmount(text: string, amount: number, unit: string): string | undefined {
  if (unit === "") return /^\s*\d+(\.\d+)?\s*$/.test(text) ? "a number without its unit" : "not a number with a unit";
  if (amount === 0) return "not above 0";
  if (!unit.startsWith("step")) return Number.isFinite(amount) ? undefined : "more than can be counted";
  if (!Number.isInteger(amount)) return "not a whole number of steps";
  return Number.isSafeInteger(amount) ? undefined : "more than can be counted";
}

/** The two together. UserError E_BUDGET where one is in steps and the other in seconds. */
export function extendBudget(budget: Budget, more: Budget): Budget {
  if (budget.kind === "steps" && more.kind === "steps") return { kind: "steps", steps: budget.steps + more.steps };
  if (budget.kind === "seconds" && more.kind === "seconds") {
    return { kind: "seconds", seconds: budget.seconds + more.seconds };
  }
  throw new UserError(
    "E_BUDGET",
    `a budget in ${budget.kind} cannot be extended by ${more.kind}`,
    budget.kind === "steps" ? 'Give steps: "500steps".' : 'Give a time: "2h".',
  );
}

/** As parseBudget reads it. */
export function formatBudget(budget: Budget): string {
  return budget.kind === "steps" ? `${budget.steps}steps` : `${budget.seconds}s`;
}

/** A budget read once: all that is decided for a step is decided by one reading. */
export interface BudgetReading {
  /** Seconds of training so far, those before an interruption included. */
  readonly elapsedSeconds: number;
  /** Share of the budget that is spent, 0 to 1. */
  readonly progress: number;
}

export interface RunningBudget {
  /** When `steps` steps are done. */
  read(steps: number): BudgetReading;
}

/** Starts the clock, after warm-up. `elapsedBefore` is what an interrupted run had used. */
export function startBudget(budget: Budget, clock: Clock, elapsedBefore = 0): RunningBudget {
  const start = clock.seconds();
  return {
    read: steps => {
      const elapsedSeconds = elapsedBefore + clock.seconds() - start;
      const progress = budget.kind === "steps" ? steps / budget.steps : elapsedSeconds / budget.seconds;
      return { elapsedSeconds, progress: Math.min(1, progress) };
    },
  };
}

/** What is left of a budget, for people: "3m 05s left", "120 steps left". */
export function describeRest(
  budget: Budget,
  spent: { readonly step: number; readonly elapsedSeconds: number },
): string {
  return budget.kind === "steps"
    ? `${countOf(budget.steps - spent.step, "step", String)} left`
    : `${formatDuration(budget.seconds - spent.elapsedSeconds)} left`;
}

/** "1h 02m", "3m 05s", "12s". */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  if (whole >= 3600) return `${Math.floor(whole / 3600)}h ${two(Math.floor((whole % 3600) / 60))}m`;
  if (whole >= 60) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`;
  return `${whole}s`;
}
