// What a model's graph reads from the host: the names, shapes and types of its inputs, declared once for training,
// validation and filling in. The position table is an input too; it only has to be written at a graph's first run.

import { input } from "../graph/operations.ts";
import type { Shape, Tensor } from "../graph/tensor.ts";
import { makeRotaryTable, makeSinusoidTable } from "../nn/position-tables.ts";
import type { ModelShape } from "./shape.ts";

/** One pass of the encoder: B sequences of S tokens, T = B·S. */
export interface EncoderInputs {
  /** (T) i32, sequence after sequence. */
  readonly tokens: Tensor;
  /** (S, C) for sinusoids; (K·S, D) for rotary, one table for each of its K bases. Learned positions need none. */
  readonly positionTable?: Tensor;
  /** S. */
  readonly length: number;
  /** (B) i32, 1 to S: the tokens of each sequence that are not padding. Without it every sequence is full. */
  readonly lengths?: Tensor;
  /** (T) i32, 0 or 1, for shapes with segments. Without it every token is of segment 0. */
  readonly segments?: Tensor;
}

export interface MaskedInputs extends EncoderInputs {
  /** (P) i32: places in `tokens` whose token is to be predicted. */
  readonly positions: Tensor;
  /** (P) i32: the tokens that stood there. */
  readonly labels: Tensor;
}

/** The bases of a rotary model, one for each table; [] for other positions. */
export function listRotaryBases({ positions, rotaryBases }: ModelShape): readonly number[] {
  return positions === "rotary" ? rotaryBases : [];
}

function positionTableShape(shape: ModelShape, length: number): Shape {
  const { positions, width, heads } = shape;
  return positions === "rotary" ? [listRotaryBases(shape).length * length, width / heads] : [length, width];
}

/**
 * Inputs `tokens` (T) and `positionTable`. Padded sequences, which are texts and pairs of texts, add `lengths` (B) and, where
 * the shape has segments, `segments` (T).
 */
export function declareEncoderInputs(
  shape: ModelShape,
  sequences: number,
  length: number,
  padding: "full" | "padded" = "full",
): EncoderInputs {
  const tokens = sequences * length;
  return {
    tokens: input("tokens", [tokens], "i32"),
    ...(shape.positions !== "learned" && {
      positionTable: input("positionTable", positionTableShape(shape, length), "f32"),
    }),
    length,
    ...(padding === "padded" && { lengths: input("lengths", [sequences], "i32") }),
    ...(padding === "padded" && shape.segments && { segments: input("segments", [tokens], "i32") }),
  };
}

/** Inputs `tokens` (T), `positionTable`, `positions` (P) and `labels` (P), at the model's sequence length. */
export function declareMaskedInputs(shape: ModelShape, sequences: number, predictions: number): MaskedInputs {
  return {
    ...declareEncoderInputs(shape, sequences, shape.sequenceLength),
    positions: input("positions", [predictions], "i32"),
    labels: input("labels", [predictions], "i32"),
  };
}

/** The value of the input `positionTable`, by that name, to be spread into a run's inputs; nothing for learned positions. */
export function makePositionInput(
  shape: ModelShape,
  length = shape.sequenceLength,
): { readonly positionTable?: Float32Array } {
  const { positions, width, heads } = shape;
  if (positions === "learned") return {};
  if (positions === "scaled-sinusoidal") return { positionTable: makeSinusoidTable(length, width) };
  const tables = listRotaryBases(shape).map(base => makeRotaryTable(length, width / heads, base));
  return { positionTable: Float32Array.from(tables.flatMap(table => [...table])) };
}
