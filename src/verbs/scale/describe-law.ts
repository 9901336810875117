// What a fitted law says, in sentences and rows: the same for the terminal and the page.

import { countOf } from "../../base/printable.ts";
import type { LawFile } from "../../scaling/law-file.ts";
import { listValueIntervals } from "../../scaling/loss-interval.ts";
import { findBestSize } from "../../scaling/scaling-law.ts";

const round = (value: number, digits = 3) =>
  Number(value.toPrecision(digits)).toLocaleString("en-US", { maximumSignificantDigits: digits });

/** "L = 1.8 + 90/N^0.33 + 250/D^0.31", with the intervals of exponents and of what stays. */
export function describeLaw({ law, resampled, trainings, failed }: LawFile): string[] {
  const intervals = listValueIntervals(resampled);
  const between = (key: keyof typeof intervals) => `${round(intervals[key].low)} to ${round(intervals[key].high)}`;
  const isOneBudget = new Set(trainings.map(({ budget }) => budget)).size === 1;
  return [
    `Loss = ${round(law.irreducible)} + ${round(law.parameterFactor)}/N^${round(law.parameterExponent)} + ` +
      `${round(law.tokenFactor)}/D^${round(law.tokenExponent)}: nats of N parameters after D tokens, fitted to ${trainings.length} trainings.`,
    `95 % intervals: what stays ${between("irreducible")}, the exponent of parameters ${between("parameterExponent")}, of tokens ${between("tokenExponent")}.`,
    ...(isOneBudget
      ? ["All had one budget, in which parameters and tokens go together: the law says little of others."]
      : []),
    ...(failed === 0 ? [] : [`${countOf(failed, "training")} came apart and ${failed === 1 ? "is" : "are"} left out.`]),
  ];
}

/** Whether the largest came where the others had put it, a sentence a budget. */
export function describeHeldOut({ heldOut }: LawFile): string[] {
  if (heldOut === undefined) return [];
  return heldOut.budgets.map(({ budget, loss, low, high, measured }) => {
    const isInside = low <= measured && measured <= high;
    return (
      `${heldOut.size} at ${budget}: ${loss.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)}) by the law of the others` +
      `${heldOut.wasBefore ? ", stored before it was trained" : ""}; it came to ${measured.toFixed(3)}, ${isInside ? "inside" : "outside"}.`
    );
  });
}

/** Sizes along which FLOPs are spent best, within what was trained and ten times beyond. */
export function listBestSizes({ law, sizes, trainings }: LawFile) {
  const costs = sizes.map(({ parameters, flopsPerToken }) => flopsPerToken / parameters).sort((a, b) => a - b);
  const flopsPerParameter = costs[Math.floor(costs.length / 2)]!;
  const spent = trainings.map(({ size, tokens }) => tokens * sizes.find(({ name }) => name === size)!.flopsPerToken);
  const [least, most] = [Math.min(...spent), 10 * Math.max(...spent)];
  const points = Array.from({ length: 25 }, (_, i) => least * (most / least) ** (i / 24));
  return points.map(flops => findBestSize(law, flops, flopsPerParameter));
}
