// How much of a search's losses each setting explains by itself: the share of the variance of the losses' ranks. Ranks, because a few
// trials that came apart would decide a fit of the losses; a parabola, because the best value mostly lies inside.

import type { SettingValue } from "./search-space.ts";

export interface Importance {
  readonly path: string;
  /** 0 to 1. Of settings that vary together with others the shares overlap. */
  readonly explained: number;
}

/** Of each setting that takes several values; the largest first. `losses` has one for each of `settings`. */
export function measureImportances(
  settings: readonly ReadonlyMap<string, SettingValue>[],
  losses: readonly number[],
): Importance[] {
  const paths = [...new Set(settings.flatMap(each => [...each.keys()]))];
  return paths
    .flatMap(path => {
      const known = settings.flatMap((each, i) =>
        each.has(path) ? [{ value: each.get(path)!, loss: losses[i]! }] : [],
      );
      const values = known.map(({ value }) => value);
      if (new Set(values).size < 2) return [];
      return [
        {
          path,
          explained: explainLosses(
            values,
            known.map(({ loss }) => loss),
          ),
        },
      ];
    })
    .sort((a, b) => b.explained - a.explained);
}

/**
 * The share of the variance of the losses' ranks: of numbers the R² of a parabola in their ranks, of names the correlation ratio η²
 * (the variance between groups over the whole).
 */
export function explainLosses(values: readonly SettingValue[], losses: readonly number[]): number {
  const y = rank(losses);
  const mean = (y.length + 1) / 2;
  const whole = y.reduce((sum, each) => sum + (each - mean) ** 2, 0);
  if (whole === 0) return 0;
  const fitted = values.every(value => typeof value === "number") ? fitParabola(rank(values), y) : fitGroups(values, y);
  return 1 - y.reduce((sum, each, i) => sum + (each - fitted[i]!) ** 2, 0) / whole;
}

/** From 1; equal values share the mean of their places. */
function rank(values: readonly number[]): number[] {
  return values.map(value => {
    const below = values.filter(other => other < value).length;
    const equal = values.filter(other => other === value).length;
    return below + (equal + 1) / 2;
  });
}

function fitGroups(values: readonly SettingValue[], y: readonly number[]): number[] {
  return values.map(value => {
    const group = y.filter((_, i) => values[i] === value);
    return group.reduce((sum, each) => sum + each, 0) / group.length;
  });
}

/** The least squares of 1, x and x², by making these orthogonal; what two values leave of x² is nothing. */
function fitParabola(x: readonly number[], y: readonly number[]): number[] {
  const basis: number[][] = [];
  for (const degree of [0, 1, 2]) {
    const column = x.map(each => (each - (x.length + 1) / 2) ** degree);
    const size = dot(column, column);
    for (const other of basis) subtract(column, other, dot(column, other) / dot(other, other));
    if (dot(column, column) > 1e-9 * size) basis.push(column);
  }
  const fitted = y.map(() => 0);
  for (const column of basis) subtract(fitted, column, -dot(y, column) / dot(column, column));
  return fitted;
}

const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, each, i) => sum + each * b[i]!, 0);

function subtract(from: number[], column: readonly number[], times: number): void {
  for (const [i, each] of column.entries()) from[i]! -= times * each;
}
