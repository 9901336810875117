// Rows of numbers as columns: every row of a file, or of a run of any length so many that a chart looks the same. Both are
// filled a row at a time.

/** Columns of equal length. */
export type Columns<Name extends string> = Readonly<Record<Name, Float64Array>>;

export interface Growing<Name extends string> {
  add(row: Readonly<Record<Name, number>>): void;
  take(): { readonly each: Columns<Name>; readonly means: Columns<Name> | undefined };
}

/** Columns that double as they fill, with every row and therefore without means. */
export function growColumns<Name extends string>(names: readonly Name[]): Growing<Name> {
  const columns = names.map(name => ({ name, values: new Float64Array(256) }));
  let length = 0;
  return {
    add: row => {
      for (const column of columns) {
        if (length === column.values.length) {
          const larger = new Float64Array(2 * length);
          larger.set(column.values);
          column.values = larger;
        }
        column.values[length] = row[column.name];
      }
      length++;
    },
    take: () => ({ each: nameColumns(names, i => columns[i]!.values.subarray(0, length)), means: undefined }),
  };
}

/** The rows of an interval. */
interface Bucket {
  /** For each measure the lowest and then the highest row; a measure that is NaN keeps none. */
  readonly extremes: (Measured | undefined)[];
  /** Over finite values, by column. */
  readonly sums: Float64Array;
  readonly counts: Float64Array;
}

interface Measured {
  /** An array, which takes a third of the memory of a small Float64Array. */
  readonly row: readonly number[];
  readonly value: number;
}

/** That doubling begins at more than nothing. */
const smallestWidth = 1e-3;

export interface Thinning<Name extends string> {
  /** The column that buckets are equal intervals of, from 0; it must not decrease. */
  readonly along: Name;
  /** What a bucket keeps the lowest and the highest row of. */
  readonly measures: readonly ((row: Readonly<Record<Name, number>>) => number)[];
  /** The most buckets; an even number. */
  readonly buckets: number;
}

/**
 * Columns that do not grow with the rows: in each bucket the lowest and the highest row of every measure and the mean of
 * every column, and the last row of all. Where a row falls behind the last bucket, buckets are merged two by two.
 */
export function thinColumns<Name extends string>(names: readonly Name[], thinning: Thinning<Name>): Growing<Name> {
  const { along, measures, buckets: most } = thinning;
  const place = names.indexOf(along);
  let buckets: Bucket[] = [];
  let width = 0;
  let last: readonly number[] | undefined;
  const openBucket = (at: number): Bucket => {
    while (buckets.length <= at) {
      const extremes = new Array<Measured | undefined>(2 * measures.length).fill(undefined);
      buckets.push({ extremes, sums: new Float64Array(names.length), counts: new Float64Array(names.length) });
    }
    return buckets[at]!;
  };
  return {
    add: row => {
      const values = names.map(name => row[name]);
      const at = values[place]!;
      if (width === 0) width = Math.max(at / 16, smallestWidth);
      while (at / width >= most) {
        buckets = mergePairs(buckets);
        width *= 2;
      }
      const bucket = openBucket(Math.floor(at / width));
      for (let i = 0; i < values.length; i++) {
        if (!Number.isFinite(values[i]!)) continue;
        bucket.sums[i]! += values[i]!;
        bucket.counts[i]!++;
      }
      for (let i = 0; i < measures.length; i++) keepExtremes(bucket, 2 * i, { row: values, value: measures[i]!(row) });
      last = values;
    },
    take: () => {
      const ordered: (readonly number[])[] = [];
      for (const { extremes } of buckets) {
        const rows = new Set(extremes.flatMap(one => (one === undefined ? [] : [one.row])));
        ordered.push(...[...rows].sort((a, b) => a[place]! - b[place]!));
      }
      if (last !== undefined && ordered.at(-1) !== last) ordered.push(last);
      const filled = buckets.filter(({ counts }) => counts[place]! > 0);
      return {
        each: nameColumns(names, i => Float64Array.from(ordered, row => row[i]!)),
        means: nameColumns(names, i => Float64Array.from(filled, ({ sums, counts }) => sums[i]! / counts[i]!)),
      };
    },
  };
}

/** Of equal ones the first stays. */
function keepExtremes({ extremes }: Bucket, place: number, one: Measured | undefined, highest = one): void {
  if (one !== undefined && !(one.value >= (extremes[place]?.value ?? Number.POSITIVE_INFINITY))) {
    if (!Number.isNaN(one.value)) extremes[place] = one;
  }
  if (highest !== undefined && !(highest.value <= (extremes[place + 1]?.value ?? Number.NEGATIVE_INFINITY))) {
    if (!Number.isNaN(highest.value)) extremes[place + 1] = highest;
  }
}

/** The second of each pair goes into the first. */
function mergePairs(buckets: readonly Bucket[]): Bucket[] {
  return buckets.flatMap((bucket, i) => {
    if (i % 2 === 1) return [];
    const next = buckets[i + 1];
    if (next === undefined) return [bucket];
    for (let j = 0; j < bucket.extremes.length; j += 2) keepExtremes(bucket, j, next.extremes[j], next.extremes[j + 1]);
    bucket.sums.forEach((_, column) => {
      bucket.sums[column]! += next.sums[column]!;
      bucket.counts[column]! += next.counts[column]!;
    });
    return [bucket];
  });
}

const nameColumns = <Name extends string>(names: readonly Name[], column: (i: number) => Float64Array) =>
  Object.fromEntries(names.map((name, i) => [name, column(i)] as const)) as Columns<Name>;
