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
  /** (S, C) for sinusoids, (S, D) for rotary. */
  readonly positionTable: Tensor;
  /** S. */
  readonly length: number;
}

export interface MaskedInputs extends EncoderInputs {
  /** (P) i32: places in `tokens` whose token is to be predicted. */
  readonly positions: Tensor;
  /** (P) i32: the tokens that stood there. */
  readonly labels: Tensor;
}

function positionTableShape(shape: ModelShape, length: number): Shape {
  return [length, shape.positions === "rotary" ? shape.width / shape.heads : shape.width];
}

/** Inputs `tokens` (T) and `positionTable`. */
export function declareEncoderInputs(shape: ModelShape, sequences: number, length: number): EncoderInputs {
  return {
    tokens: input("tokens", [sequences * length], "i32"),
    positionTable: input("positionTable", positionTableShape(shape, length), "f32"),
    length,
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

/** The value of the input `positionTable`, by that name, to be spread into a run's inputs. */
export function makePositionInput(shape: ModelShape, length = shape.sequenceLength): { positionTable: Float32Array } {
  const [rows, columns] = positionTableShape(shape, length) as [number, number];
  const positionTable =
    shape.positions === "rotary" ? makeRotaryTable(rows, columns) : makeSinusoidTable(rows, columns);
  return { positionTable };
}
