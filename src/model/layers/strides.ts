// Layers that make sequences shorter and longer again, as the reference's funnel: behind a layer of stride s one row stands for s
// neighbouring tokens. A layer that shortens reads all of its rows as keys and values, and pools its queries; what goes on beside it is
// pooled, too. One that lengthens repeats. Behind the narrowest layers each adds what the rows of its stride were on the way there.
//
// B sequences, S positions each, width C.

import { add, concat, divide, fill, iota, minimum, multiply, reshape, slice } from "../../graph/operations.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { lengthenRows, shortenLengths, shortenRows } from "../../nn/resample.ts";
import type { EncoderInputs } from "../inputs.ts";
import { findStrides, type ModelShape } from "../shape.ts";

/** Whether a layer shortens sequences. */
export function shortens(shape: ModelShape, depth: number): boolean {
  const { before, behind } = findStrides(shape, depth);
  return behind > before;
}

/** Rows that enter the layer at a depth as those that leave it. */
export function resample(x: Tensor, depth: number, shape: ModelShape, { length, lengths }: EncoderInputs): Tensor {
  const { before, behind } = findStrides(shape, depth);
  if (behind === before) return x;
  if (behind < before) return lengthenRows(x, before / behind);
  const real = lengths === undefined ? undefined : shortenLengths(lengths, before);
  return shortenRows(x, behind / before, length / before, real);
}

/** What the layer at a depth reads in place of the inputs: a row stands where the first token is that it stands for. */
export function shortenInputs(inputs: EncoderInputs, depth: number, shape: ModelShape): EncoderInputs {
  const { before } = findStrides(shape, depth);
  if (before === 1) return inputs;
  const { tokens, length, lengths, places } = inputs;
  const short = length / before;
  const B = tokens.shape[0]! / length;
  const first = places ?? repeatPlaces(iota(length), B);
  return {
    ...inputs,
    length: short,
    places: reshape(slice(reshape(first, [B * short, before]), 1, 0, 1), [B * short]),
    ...(lengths !== undefined && { lengths: shortenLengths(lengths, before) }),
  };
}

/** (B·S) of (S) i32. */
function repeatPlaces(places: Tensor, sequences: number): Tensor {
  const S = places.shape[0]!;
  return reshape(lengthenRows(reshape(places, [1, S]), sequences), [sequences * S]);
}

/** The inputs of sequences that all strides divide: with padding behind each where they do not. */
export function fillSequences(inputs: EncoderInputs, { strides }: ModelShape): EncoderInputs {
  const { tokens, length: S } = inputs;
  const most = Math.max(1, ...strides);
  const length = Math.ceil(S / most) * most;
  if (length === S) return inputs;
  const B = tokens.shape[0]! / S;
  return {
    ...inputs,
    tokens: reshape(lengthenSequences(reshape(tokens, [B * S, 1]), S, length), [B * length]),
    length,
    lengths: inputs.lengths ?? fill(S, [B], "i32"),
    // Tables have rows for what is real alone.
    places: repeatPlaces(minimum(iota(length), S - 1), B),
  };
}

/** Sequences of `length` rows (B·length, C) with zeros behind them, up to `filled`. */
export function lengthenSequences(x: Tensor, length: number, filled: number): Tensor {
  if (filled === length) return x;
  const [T, C] = x.shape as [number, number];
  const B = T / length;
  const zeros = fill(0, [B, filled - length, C], x.dtype);
  return reshape(concat([reshape(x, [B, length, C]), zeros], 1), [B * filled, C]);
}

/** The first `length` rows of each sequence of `filled`. */
export function cutSequences(x: Tensor, filled: number, length: number): Tensor {
  if (filled === length) return x;
  const [T, C] = x.shape as [number, number];
  const sequences = reshape(x, [T / filled, filled, C]);
  return reshape(slice(sequences, 1, 0, length), [(T / filled) * length, C]);
}

/** Where rows (P) i32 of the sequences lie among the filled ones. */
export function moveRows(rows: Tensor, { length }: EncoderInputs, filled: EncoderInputs): Tensor {
  if (filled.length === length) return rows;
  return add(rows, multiply(divide(rows, length), filled.length - length));
}
