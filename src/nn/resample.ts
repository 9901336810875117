// Sequences made shorter by means of neighbours and longer by repetition (Dai et al. 2020, Funnel-Transformer, arXiv 2006.03236).
//
// B sequences, S rows each, of width C.

import {
  add,
  broadcast,
  cast,
  divide,
  iota,
  less,
  maximum,
  minimum,
  multiply,
  reshape,
  select,
  subtract,
  sum,
} from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";

/** Rows of each sequence after shortening, (B) i32: one that is real in part is real. */
export const shortenLengths = (lengths: Tensor, by: number): Tensor => divide(add(lengths, by - 1), by);

/**
 * (B·S, C) to (B·S / by, C): the mean of each `by` neighbours, S a multiple of it. With lengths (B) i32 only the first rows of a sequence
 * are real, and a mean is of these; one of none is 0.
 */
export function shortenRows(x: Tensor, by: number, length: number, lengths?: Tensor): Tensor {
  const [T, C] = x.shape as [number, number];
  const groups = reshape(x, [T / by, by, C]);
  if (lengths === undefined) return reshape(divide(sum(groups, [1]), by), [T / by, C]);
  const [B, short] = [T / length, length / by];
  const ends = reshape(lengths, [B, 1, 1]);
  const isReal = less(reshape(iota(length), [1, length, 1]), ends); // (B, S, 1)
  const real = reshape(select(isReal, reshape(x, [B, length, C]), 0), [T / by, by, C]);
  const begins = reshape(multiply(iota(short), by), [1, short, 1]);
  const counts = cast(minimum(maximum(subtract(ends, begins), 1), by), "f32"); // (B, S / by, 1)
  return divide(reshape(sum(real, [1]), [T / by, C]), reshape(counts, [T / by, 1]));
}

/** (B·S, C) to (B·S·by, C): each row `by` times. */
export function lengthenRows(x: Tensor, by: number): Tensor {
  const [T, C] = x.shape as [number, number];
  return reshape(broadcast(reshape(x, [T, 1, C]), [T, by, C]), [T * by, C]);
}
