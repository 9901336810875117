// Fewer points than steps. A chart is some hundred pixels wide and a run has up to millions of steps, so of the points that
// fall into one column of pixels only the lowest and the highest are kept: every spike stays visible, the rest would be
// drawn over itself. Means over wider columns show where the noise goes.

export interface Points {
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
}

/**
 * The indices to draw, in order: in each of `columns` equal columns the first point with the smallest y and the first with the
 * largest. x must not decrease. Points that are not finite, or that `place` puts outside 0 to 1, are left out.
 *
 * @param place where x stands on its axis, 0 to 1
 */
export function thinToColumns({ x, y }: Points, place: (x: number) => number, columns: number): number[] {
  const kept: number[] = [];
  let lowest = -1;
  let highest = -1;
  const close = () => {
    if (lowest < 0) return;
    kept.push(Math.min(lowest, highest));
    if (lowest !== highest) kept.push(Math.max(lowest, highest));
  };
  walkColumns({ x, y }, place, columns, (i, isFirst) => {
    if (isFirst) {
      close();
      lowest = i;
      highest = i;
    } else if (y[i]! < y[lowest]!) lowest = i;
    else if (y[i]! > y[highest]!) highest = i;
  });
  close();
  return kept;
}

/** The mean x and y of the points in each of `columns` equal columns that has some. */
export function meanOfColumns(
  { x, y }: Points,
  place: (x: number) => number,
  columns: number,
): { x: number[]; y: number[] } {
  const means = { x: [] as number[], y: [] as number[] };
  let count = 0;
  let sumX = 0;
  let sumY = 0;
  const close = () => {
    if (count === 0) return;
    means.x.push(sumX / count);
    means.y.push(sumY / count);
  };
  walkColumns({ x, y }, place, columns, (i, isFirst) => {
    if (isFirst) {
      close();
      count = 0;
      sumX = 0;
      sumY = 0;
    }
    count++;
    sumX += x[i]!;
    sumY += y[i]!;
  });
  close();
  return means;
}

/** Visits the points that are to be seen, in order, and says which of them is the first of its column. */
function walkColumns(
  { x, y }: Points,
  place: (x: number) => number,
  columns: number,
  visit: (i: number, isFirst: boolean) => void,
): void {
  let column = -1;
  for (let i = 0; i < x.length; i++) {
    const at = place(x[i]!);
    if (!(at >= 0 && at <= 1) || !Number.isFinite(y[i]!)) continue;
    const own = Math.min(columns - 1, Math.floor(at * columns));
    visit(i, own !== column);
    column = own;
  }
}
