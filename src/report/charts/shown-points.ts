// What of a curve is shown: the part of it in a range of x, and its exponential mean. Both are of points with uneven distances, as
// thinned curves have them.

import type { Points } from "../runs/downsample.ts";

/** From where to where, in the x axis's own unit: seconds, tokens, FLOPs. */
export type Range = readonly [low: number, high: number];

/** The points in the range; where the line crosses its ends, points between the neighbours. x must not decrease. */
export function clipToRange({ x, y }: Points, [low, high]: Range): Points {
  if (x.length === 0 || (x[0]! >= low && x[x.length - 1]! <= high)) return { x, y };
  const clipped = { x: [] as number[], y: [] as number[] };
  const add = (atX: number, atY: number) => {
    clipped.x.push(atX);
    clipped.y.push(atY);
  };
  const cross = (i: number, at: number) => {
    const [from, to] = [x[i - 1]!, x[i]!];
    if (from < at && at < to) add(at, y[i - 1]! + ((at - from) / (to - from)) * (y[i]! - y[i - 1]!));
  };
  for (let i = 0; i < x.length; i++) {
    if (i > 0) cross(i, low);
    if (x[i]! >= low && x[i]! <= high) add(x[i]!, y[i]!);
    if (i > 0) cross(i, high);
  }
  return clipped;
}

/** The points in the range and no others, for what is drawn as dots. */
export function pickInRange({ x, y }: Points, [low, high]: Range): Points {
  const kept = Array.from({ length: x.length }, (_, i) => i).filter(i => x[i]! >= low && x[i]! <= high);
  return { x: kept.map(i => x[i]!), y: kept.map(i => y[i]!) };
}

/**
 * At each point the mean of all up to it, of which one counts half as much for every `halfLife` that it lies back. Divided by the sum of
 * these weights, so the first points do not pull towards 0 (bias-corrected). Points that are not finite are left out.
 *
 * @param place where x stands on its axis, in the unit of halfLife
 */
export function averageExponentially({ x, y }: Points, place: (x: number) => number, halfLife: number): Points {
  const smooth = { x: [] as number[], y: [] as number[] };
  let sum = 0;
  let weights = 0;
  let before = Number.NaN;
  for (let i = 0; i < x.length; i++) {
    const at = place(x[i]!);
    if (!Number.isFinite(at) || !Number.isFinite(y[i]!)) continue;
    const kept = weights === 0 ? 0 : 0.5 ** ((at - before) / halfLife);
    sum = sum * kept + y[i]!;
    weights = weights * kept + 1;
    before = at;
    smooth.x.push(x[i]!);
    smooth.y.push(sum / weights);
  }
  return smooth;
}
