// What tokens begin as: their embedding, positions and segments, normalised, and what is made of neighbours before the first layer.
//
// B sequences, S positions each, T = B·S, width C, width E of the embedding.

import {
  add,
  broadcast,
  cast,
  concat,
  divide,
  equal,
  fill,
  gather,
  iota,
  less,
  matmul,
  multiply,
  reshape,
  select,
  slice,
  subtract,
} from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";
import { sigmoid } from "../nn/activation.ts";
import { shiftRows } from "../nn/shift.ts";
import type { EncoderInputs } from "./inputs.ts";
import { findParameter, normalise, type Parameters, project } from "./layer-parts.ts";
import { shiftColumns } from "./parameters.ts";
import { findPositions } from "./positions.ts";
import { embeddingWidthOf, type ModelShape } from "./shape.ts";

/** norm(E[tokens] + positions + segments) (T, C), of which rotary models have no positions and most no segments. */
export function embedTokens(inputs: EncoderInputs, parameters: Parameters, shape: ModelShape): Tensor {
  const { tokens, length, tables, segments } = inputs;
  const find = (name: string) => findParameter(parameters, `embedding.${name}`);
  let x = gather(find("word"), tokens);
  const [T, E] = x.shape as [number, number];
  const positions = findPositions(shape.positions).make(find, tables, length);
  if (positions !== undefined) {
    const repeated = broadcast(reshape(positions, [1, length, E]), [T / length, length, E]);
    x = add(x, reshape(repeated, [T, E]));
  }
  if (shape.segments) {
    const table = find("segment");
    x = add(x, segments === undefined ? slice(table, 0, 0, 1) : gather(table, segments));
  }
  if (shape.embedding.norm) x = normalise(x, "embedding.norm", parameters, shape);
  if (embeddingWidthOf(shape) !== shape.width) x = project(x, "embedding.projection", parameters, shape);
  if (shape.embedding.tokenShift) x = shiftTokens(x, inputs, find, shiftColumns(shape));
  if (shape.embedding.neighbours > 0) x = add(x, projectNeighbours(x, inputs, parameters, shape));
  return x;
}

/** x_t + λ₀ σ(w₀ · x_t) x_{t-1} + λ₁ σ(w₁ · x_t) x_{t+1}, w over the first columns, as modded-nanogpt's smear to both sides. */
function shiftTokens(x: Tensor, inputs: EncoderInputs, find: (name: string) => Tensor, columns: number): Tensor {
  const shares = multiply(sigmoid(matmul(slice(x, 1, 0, columns), find("shift"))), find("shift.share")); // (T, 2)
  const addSide = (to: Tensor, neighbours: Tensor, side: number) =>
    add(to, multiply(neighbours, slice(shares, 1, side, side + 1)));
  return addSide(addSide(x, lookAside(x, inputs, -1), 0), lookAside(x, inputs, 1), 1);
}

/**
 * [x_{t-k} … x_{t-1} x_{t+1} … x_{t+k}] W (T, C), W (2kC, C): a convolution but for its middle, as the horizontal connections of Allen-Zhu
 * 2025 (Physics of Language Models 4.1, "Canon layers"), to both sides. What stands beside a token is then read before attention has
 * learned where to look.
 */
function projectNeighbours(x: Tensor, inputs: EncoderInputs, parameters: Parameters, shape: ModelShape): Tensor {
  const k = shape.embedding.neighbours;
  const offsets = Array.from({ length: 2 * k }, (_, i) => (i < k ? i - k : i - k + 1));
  const all = concat(
    offsets.map(offset => lookAside(x, inputs, offset)),
    1,
  );
  return project(all, "embedding.neighbours", parameters, shape);
}

/** x_{t + offset} (T, C); zero where the sequence has no such token. */
function lookAside(x: Tensor, { length: S, lengths }: EncoderInputs, offset: number): Tensor {
  // Without padding no model is exported.
  if (lengths === undefined) return shiftRows(x, S, offset);
  const [T, C] = x.shape as [number, number];
  const B = T / S;
  const k = Math.abs(offset);
  const nothing = fill(0, [B, k, C]);
  const rows = reshape(x, [B, S, C]);
  // Operations are the same at every length, which ONNX wants of one graph for all.
  if (offset < 0) return reshape(slice(concat([nothing, rows], 1), 1, 0, S), [T, C]);
  const after = slice(concat([rows, nothing], 1), 1, k, k + S);
  const isReal = less(add(reshape(iota(S), [1, S, 1]), offset), reshape(lengths, [B, 1, 1]));
  return reshape(select(isReal, after, 0), [T, C]);
}

/**
 * An embedding (T, C) of each token with the one before, by hash: row (36313 · token + 27191 · before) mod (rows - 1), and the last row for
 * the first token of a sequence. Sums stand for the exclusive or of modded-nanogpt's, so that no operation on bits is needed.
 */
export function embedBigrams({ tokens, length: S }: EncoderInputs, table: Tensor): Tensor {
  const T = tokens.shape[0]!;
  const rows = table.shape[0]!;
  const words = cast(tokens, "u32");
  const before = T === 1 ? words : concat([slice(words, 0, 0, 1), slice(words, 0, 0, T - 1)], 0);
  const sum = add(multiply(words, 36313), multiply(before, 27191));
  const row = subtract(sum, multiply(divide(sum, rows - 1), rows - 1));
  const place = iota(T);
  const isFirst = equal(subtract(place, multiply(divide(place, S), S)), 0);
  return gather(table, select(isFirst, rows - 1, cast(row, "i32")));
}
