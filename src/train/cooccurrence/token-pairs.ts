// How often each token stands a distance behind each other, counted over the training part of a dataset: the first 32 Mi tokens of it, which
// 128 MiB hold, and no pair across the end of a sequence.

/** What sequences are read from, in an array that is reused. */
export type VisitSequences = (see: (tokens: Uint32Array) => void) => void;

/** Tokens that are counted at most. */
const mostCountedTokens = 2 ** 25;

/** A sparse matrix (V, V) by rows: row i has the columns `columns` and the values `values` from starts[i] to starts[i + 1]. */
export interface SparseRows {
  /** V + 1 of them. */
  readonly starts: Uint32Array;
  readonly columns: Uint32Array;
  readonly values: Float32Array;
}

export interface TokenPairs {
  /** How often each token is there. */
  readonly counts: Float64Array;
  /** By distance less 1: row i counts what stands that far behind token i. */
  readonly behind: readonly SparseRows[];
}

/** Counts pairs at the distances 1 to `distances` of a vocabulary of `vocabulary` tokens. */
export function countPairs(visit: VisitSequences, vocabulary: number, distances: number): TokenPairs {
  const { tokens, length } = readTokens(visit);
  const counts = new Float64Array(vocabulary);
  for (const token of tokens) counts[token]! += 1;
  const behind = Array.from({ length: distances }, (_, i) => countBehind(tokens, length, vocabulary, i + 1));
  return { counts, behind };
}

/** One after another, and the length of a sequence, which all have. */
function readTokens(visit: VisitSequences): { tokens: Uint32Array; length: number } {
  let tokens = new Uint32Array(2 ** 16);
  let [used, length] = [0, 1];
  visit(sequence => {
    length = sequence.length;
    if (used + length > mostCountedTokens) return;
    if (used + length > tokens.length) {
      const larger = new Uint32Array(2 * (used + length));
      larger.set(tokens);
      tokens = larger;
    }
    tokens.set(sequence, used);
    used += length;
  });
  return { tokens: tokens.subarray(0, used), length };
}

/** Sorts the pairs by their first token by counting, then counts the second tokens of each. */
function countBehind(tokens: Uint32Array, length: number, vocabulary: number, distance: number): SparseRows {
  const ends = new Uint32Array(vocabulary + 1);
  const eachPair = (see: (first: number, second: number) => void) => {
    for (let start = 0; start < tokens.length; start += length) {
      for (let at = start; at < start + length - distance; at++) see(tokens[at]!, tokens[at + distance]!);
    }
  };
  eachPair(first => ends[first + 1]!++);
  for (let i = 0; i < vocabulary; i++) ends[i + 1]! += ends[i]!;
  const seconds = new Uint32Array(ends[vocabulary]!);
  const next = ends.slice();
  eachPair((first, second) => {
    seconds[next[first]!++] = second;
  });
  const starts = new Uint32Array(vocabulary + 1);
  const [columns, values] = [new Uint32Array(seconds.length), new Float32Array(seconds.length)];
  const seen = new Uint32Array(vocabulary);
  let used = 0;
  for (let first = 0; first < vocabulary; first++) {
    const rowStart = used;
    for (let at = ends[first]!; at < ends[first + 1]!; at++) {
      const second = seconds[at]!;
      if (seen[second]!++ === 0) columns[used++] = second;
    }
    for (let at = rowStart; at < used; at++) {
      values[at] = seen[columns[at]!]!;
      seen[columns[at]!] = 0;
    }
    starts[first + 1] = used;
  }
  return { starts, columns: columns.slice(0, used), values: values.slice(0, used) };
}

/** The transpose, its columns in ascending order. */
export function transpose({ starts, columns, values }: SparseRows): SparseRows {
  const ends = new Uint32Array(starts.length);
  for (const column of columns) ends[column + 1]!++;
  for (let i = 0; i + 1 < ends.length; i++) ends[i + 1]! += ends[i]!;
  const next = ends.slice();
  const [rows, moved] = [new Uint32Array(columns.length), new Float32Array(columns.length)];
  for (let row = 0; row + 1 < starts.length; row++) {
    for (let at = starts[row]!; at < starts[row + 1]!; at++) {
      const to = next[columns[at]!]!++;
      rows[to] = row;
      moved[to] = values[at]!;
    }
  }
  return { starts: ends, columns: rows, values: moved };
}

/**
 * Positive pointwise mutual information, max(0, ln(n(i, j) · N / (n(i) · n(j)))): how much oftener j stands there than by chance. What stands
 * there no oftener is left out, and what was seen once: that is half of all pairs, of which chance is most (docs/LOG.md).
 */
export function associate({ starts, columns, values }: SparseRows, counts: Float64Array): SparseRows {
  const all = values.reduce((sum, count) => sum + count, 0);
  const kept: SparseRows = {
    starts: new Uint32Array(starts.length),
    columns: new Uint32Array(columns.length),
    values: new Float32Array(values.length),
  };
  let used = 0;
  for (let row = 0; row + 1 < starts.length; row++) {
    for (let at = starts[row]!; at < starts[row + 1]!; at++) {
      const column = columns[at]!;
      const value = Math.log((values[at]! * all) / (counts[row]! * counts[column]!));
      if (value <= 0 || values[at]! < 2) continue;
      kept.columns[used] = column;
      kept.values[used++] = value;
    }
    kept.starts[row + 1] = used;
  }
  return { ...kept, columns: kept.columns.slice(0, used), values: kept.values.slice(0, used) };
}
