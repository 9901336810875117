// How many of something have which size, by powers of two: small whatever comes, and the same for any order.

export interface Histogram {
  readonly count: number;
  readonly sum: number;
  readonly least: number;
  readonly most: number;
  /** Sizes from `from` to below twice that, ascending, without gaps; the first may hold zeros alone, from 0. */
  readonly bins: readonly { readonly from: number; readonly count: number }[];
}

/** Counts whole sizes from 0 on. */
export class SizeCounter {
  private readonly counts = new Float64Array(54);
  private count = 0;
  private sum = 0;
  private least = Number.POSITIVE_INFINITY;
  private most = 0;

  add(size: number): void {
    this.counts[size === 0 ? 0 : Math.floor(Math.log2(size)) + 1]! += 1;
    this.count++;
    this.sum += size;
    if (size < this.least) this.least = size;
    if (size > this.most) this.most = size;
  }

  summarise(): Histogram {
    const { count, sum, most, counts } = this;
    const first = counts.findIndex(value => value > 0);
    const last = counts.findLastIndex(value => value > 0);
    const bins = Array.from({ length: count === 0 ? 0 : last - first + 1 }, (_, i) => ({
      from: first + i === 0 ? 0 : 2 ** (first + i - 1),
      count: counts[first + i]!,
    }));
    return { count, sum, least: count === 0 ? 0 : this.least, most, bins };
  }
}
