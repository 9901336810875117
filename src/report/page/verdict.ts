// What a report says first: one sentence on how low the loss came, how soon, and how far below what frequencies alone give.

import { formatWithUnit } from "../quantity.ts";
import type { RunRecord } from "../runs/run-record.ts";

/** Undefined where no run was validated. */
export function describeVerdict(runs: readonly RunRecord[]): string | undefined {
  const ended = runs
    .flatMap(run => {
      const loss = run.curves.validations.loss.at(-1);
      return loss === undefined ? [] : [{ run, loss }];
    })
    .sort((a, b) => a.loss - b.loss);
  const [best, ...others] = ended;
  if (best === undefined) return undefined;
  const { curves, name } = best.run;
  const seconds = curves.validations.elapsedSeconds.at(-1)!;
  const entropy = curves.starts[0]?.unigramEntropy;
  const below = entropy === undefined || !Number.isFinite(entropy) ? undefined : entropy - best.loss;
  const line =
    below === undefined ? "" : `, ${Math.abs(below).toFixed(2)} ${below < 0 ? "above" : "below"} the unigram line`;
  const after = `${best.loss.toFixed(2)} nats after ${formatWithUnit(Number(seconds.toPrecision(2)), "seconds")}${line}`;
  if (runs.length === 1) return `${after}.`;
  const [next] = others;
  if (next === undefined) return `${name}: ${after}.`;
  return `${name} is lowest of ${runs.length}: ${after}; next is ${next.run.name}, ${(next.loss - best.loss).toFixed(2)} higher.`;
}
