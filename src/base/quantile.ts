// Quantiles of what was drawn or measured.

/** The quantile of ascending values, straight between the two nearest (type 7 of Hyndman & Fan 1996); of nothing, NaN. */
export function quantileOf(sorted: readonly number[], share: number): number {
  if (sorted.length === 0) return Number.NaN;
  const place = share * (sorted.length - 1);
  const below = sorted[Math.floor(place)]!;
  return below + (sorted[Math.ceil(place)]! - below) * (place - Math.floor(place));
}
