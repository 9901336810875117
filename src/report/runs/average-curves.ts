// Several curves as one: their mean, and how far they are spread around it. Each counts alike, however many points it has.

import { meanOfColumns, type Points } from "./downsample.ts";

export interface AverageCurve {
  readonly x: number[];
  /** The mean over the curves. */
  readonly y: number[];
  /** The mean less and plus one standard deviation of a sample (with n − 1); undefined for a single curve. */
  readonly band: { readonly low: number[]; readonly high: number[] } | undefined;
}

/** Of curves over x from 0 on: in each of `columns` equal parts of what all of them reach, where each has a point. */
export function averageCurves(curves: readonly Points[], columns: number): AverageCurve {
  const reach = Math.min(...curves.map(({ x }) => x[x.length - 1] ?? 0));
  const columnOf = (x: number) => Math.min(columns - 1, Math.floor((columns * x) / reach));
  const means = curves.map(curve => {
    const { x, y } = meanOfColumns(curve, at => at / reach, columns);
    return new Map(x.map((at, i) => [columnOf(at), { x: at, y: y[i]! }]));
  });
  const shared = Array.from({ length: columns }, (_, column) => means.flatMap(each => each.get(column) ?? [])).filter(
    points => points.length === curves.length && points.length > 0,
  );
  const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const average = {
    x: shared.map(points => meanOf(points.map(({ x }) => x))),
    y: shared.map(points => meanOf(points.map(({ y }) => y))),
  };
  if (curves.length < 2) return { ...average, band: undefined };
  const deviations = shared.map((points, i) =>
    Math.sqrt(points.reduce((sum, { y }) => sum + (y - average.y[i]!) ** 2, 0) / (points.length - 1)),
  );
  return {
    ...average,
    band: {
      low: average.y.map((mean, i) => mean - deviations[i]!),
      high: average.y.map((mean, i) => mean + deviations[i]!),
    },
  };
}
