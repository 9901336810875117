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
        if (length === column.values.length) column.values = enlarge(column.values, 2 * length);
        column.values[length] = row[column.name];
      }
      length++;
    },
    take: () => ({ each: nameColumns(names, i => columns[i]!.values.subarray(0, length)), means: undefined }),
  };
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
  const buckets = openBuckets(names.length, 2 * measures.length);
  const values = new Float64Array(names.length);
  let ordinal = 0;
  let width = 0;
  return {
    add: row => {
      ordinal++;
      for (let i = 0; i < names.length; i++) values[i] = row[names[i]!];
      const at = values[place]!;
      if (width === 0) width = Math.max(at / 16, smallestWidth);
      while (at / width >= most) {
        buckets.mergePairs();
        width *= 2;
      }
      const bucket = Math.floor(at / width);
      buckets.weigh(bucket, values);
      for (let i = 0; i < measures.length; i++) buckets.offer(bucket, 2 * i, measures[i]!(row), values, ordinal);
    },
    take: () => {
      const { each, means } = buckets.take(place);
      // The last row of all: `values` still holds it.
      const rows = ordinal === 0 || each.at(-1)?.ordinal === ordinal ? each : [...each, { ordinal, row: values }];
      return {
        each: nameColumns(names, i => Float64Array.from(rows, ({ row }) => row[i]!)),
        means: nameColumns(names, i => Float64Array.from(means, mean => mean[i]!)),
      };
    },
  };
}

/**
 * Intervals that rows fall into. A bucket keeps some rows, the lowest and the highest of each measure, and what the means of
 * its columns are made of. All buckets lie in a few arrays one after the other: objects would cost three times the memory,
 * and with a new one for every row most of the time would go to collecting them.
 */
function openBuckets(columns: number, kept: number) {
  let length = 0;
  let rows = new Float64Array(0);
  /** Of a kept row: what it was kept for, and the how manieth of all rows it is; 0 where none is kept. */
  let measured = new Float64Array(0);
  let ordinals = new Float64Array(0);
  /** Over finite values, by column. */
  let sums = new Float64Array(0);
  let counts = new Float64Array(0);
  const reserve = (wanted: number) => {
    if (wanted * columns > sums.length) {
      const capacity = Math.max(16, 2 ** Math.ceil(Math.log2(wanted)));
      rows = enlarge(rows, capacity * kept * columns);
      measured = enlarge(measured, capacity * kept);
      ordinals = enlarge(ordinals, capacity * kept);
      sums = enlarge(sums, capacity * columns);
      counts = enlarge(counts, capacity * columns);
    }
    length = Math.max(length, wanted);
  };
  /** Even places keep the lowest, odd ones the highest; of equal ones the first stays, and NaN is neither. */
  const isKept = (slot: number, isLowest: boolean, value: number) => {
    if (ordinals[slot] === 0) return Number.isFinite(value);
    return isLowest ? value < measured[slot]! : value > measured[slot]!;
  };
  const keep = (slot: number, value: number, row: Float64Array, ordinal: number) => {
    measured[slot] = value;
    ordinals[slot] = ordinal;
    rows.set(row, slot * columns);
  };
  const rowAt = (slot: number) => rows.subarray(slot * columns, (slot + 1) * columns);
  return {
    weigh: (bucket: number, values: Float64Array) => {
      reserve(bucket + 1);
      for (let i = 0; i < columns; i++) {
        if (!Number.isFinite(values[i]!)) continue;
        sums[bucket * columns + i]! += values[i]!;
        counts[bucket * columns + i]!++;
      }
    },
    /** The row of a measure's value, for the bucket's places `place` and the one after it. */
    offer: (bucket: number, place: number, value: number, values: Float64Array, ordinal: number) => {
      const slot = bucket * kept + place;
      if (isKept(slot, true, value)) keep(slot, value, values, ordinal);
      if (isKept(slot + 1, false, value)) keep(slot + 1, value, values, ordinal);
    },
    /** The second of each pair goes into the first. */
    mergePairs: () => {
      for (let from = 1; from < length; from++) {
        const to = from >> 1;
        const isFirst = from % 2 === 0;
        for (let i = 0; i < kept; i++) {
          const [slot, source] = [to * kept + i, from * kept + i];
          if (isFirst) ordinals[slot] = 0;
          if (ordinals[source] === 0 || !isKept(slot, i % 2 === 0, measured[source]!)) continue;
          keep(slot, measured[source]!, rowAt(source), ordinals[source]!);
        }
        for (let i = 0; i < columns; i++) {
          const [cell, source] = [to * columns + i, from * columns + i];
          sums[cell] = (isFirst ? 0 : sums[cell]!) + sums[source]!;
          counts[cell] = (isFirst ? 0 : counts[cell]!) + counts[source]!;
        }
      }
      const before = length;
      length = Math.ceil(length / 2);
      ordinals.fill(0, length * kept, before * kept);
      sums.fill(0, length * columns, before * columns);
      counts.fill(0, length * columns, before * columns);
    },
    /** The kept rows in their order, each once, and the means of the buckets that have some row. */
    take: (place: number) => {
      const each: { ordinal: number; row: Float64Array }[] = [];
      for (let bucket = 0; bucket < length; bucket++) {
        const slots = Array.from({ length: kept }, (_, i) => bucket * kept + i).filter(slot => ordinals[slot] !== 0);
        slots.sort((a, b) => ordinals[a]! - ordinals[b]!);
        for (const slot of slots) {
          if (ordinals[slot] !== each.at(-1)?.ordinal) each.push({ ordinal: ordinals[slot]!, row: rowAt(slot) });
        }
      }
      const means = Array.from({ length }, (_, bucket) => bucket)
        .filter(bucket => counts[bucket * columns + place]! > 0)
        .map(bucket => Float64Array.from({ length: columns }, (_, i) => divide(bucket * columns + i)));
      return { each, means };
    },
  };
  function divide(cell: number): number {
    return sums[cell]! / counts[cell]!;
  }
}

function enlarge(values: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(length);
  larger.set(values);
  return larger;
}

const nameColumns = <Name extends string>(names: readonly Name[], column: (i: number) => Float64Array) =>
  Object.fromEntries(names.map((name, i) => [name, column(i)] as const)) as Columns<Name>;
