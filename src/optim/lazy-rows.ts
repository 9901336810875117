// Lazy updates of an embedding: of a table that a step only gathers rows from, the update reads and writes those rows and their moments, and
// the rest of the table stays as it is, as torch.optim.SparseAdam and LazyAdam have it. Its gradient has a row for each of them, and is never
// as large as the table.
//
// V rows of the table, C columns, N rows that a step may touch at most.

import { add, gather, input, reshape, scatterAdd } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";

/** Whose update may be lazy. */
export const lazyParameter = "embedding.word";

/** Rows that a step touches: each once, ascending, and behind them others, so that there are always N. */
export interface TouchedRows {
  /** (N) i32. */
  readonly rows: Tensor;
  /** [1] i32: how many of them, the first, are touched. The others stay as they are, and no two places write one row. */
  readonly count: Tensor;
}

export const declareTouched = (most: number): TouchedRows => ({
  rows: input("touchedRows", [most], "i32"),
  count: input("touchedCount", [1], "i32"),
});

/** (V, 1) i32: where among the touched rows each of them is. */
const declarePlaces = (vocabulary: number) => input("touchedPlaces", [vocabulary, 1], "i32");

export interface LazyRows {
  /** N. */
  readonly most: number;
  /** Names of the inputs that say which rows are read. */
  readonly readBy: readonly string[];
}

/**
 * The gradient of a table (V, C) as that of the rows that a step touches, (N, C): the same sums where each row has its place among these. The
 * table may only be gathered from, by these inputs: then its gradient is a sum of rows scattered to it. Else an error, for its recipe should
 * have been refused.
 */
export function compactGradient(gradient: Tensor, lazy: LazyRows): Tensor {
  const { operation, inputs, shape } = gradient;
  const [first, second] = inputs as [Tensor, Tensor];
  if (operation.kind === "binary" && operation.fn === "add") {
    return add(compactGradient(first, lazy), compactGradient(second, lazy));
  }
  const source = second?.operation;
  if (operation.kind !== "scatterAdd" || source?.kind !== "input" || !lazy.readBy.includes(source.name)) {
    throw new Error(`${lazyParameter}: which rows a step touches is not known before it, of ${operation.kind}`);
  }
  const places = reshape(gather(declarePlaces(shape[0]!), second), second.shape);
  return scatterAdd(first, places, lazy.most);
}

/** Values of the inputs by which a step knows its rows, from all indices that its micro-batches read them by. */
export function listTouched(
  indices: Iterable<ArrayLike<number>>,
  vocabulary: number,
  most: number,
): Readonly<Record<string, Int32Array>> {
  const isTouched = new Uint8Array(vocabulary);
  for (const some of indices) for (let i = 0; i < some.length; i++) isTouched[some[i]!] = 1;
  const places = new Int32Array(vocabulary);
  const rows = new Int32Array(most);
  let count = 0;
  for (let row = 0; row < vocabulary; row++) {
    if (isTouched[row] === 0) continue;
    places[row] = count;
    rows[count++] = row;
  }
  // What is rare stands last in a vocabulary, and so these are mostly neighbours.
  for (let [at, row] = [most - 1, vocabulary - 1]; at >= count; row--) if (isTouched[row] === 0) rows[at--] = row;
  return { touchedRows: rows, touchedPlaces: places, touchedCount: Int32Array.of(count) };
}
