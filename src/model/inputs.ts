// What a model's graph reads from the host: the names, shapes and types of its inputs, declared once for training,
// validation and filling in. Tables of positions and of mixers are inputs too; they only have to be written at a graph's first run.

import { input } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";
import { defaultAttention, headWidthOf } from "./mixers/attention.ts";
import type { Tables } from "./mixers/mixer.ts";
import { findMixer } from "./mixers/mixers.ts";
import { findPositions } from "./positions.ts";
import { embeddingWidthOf, type ModelShape } from "./shape.ts";

/** One pass of the encoder: B sequences of S tokens, T = B·S. */
export interface EncoderInputs {
  /** (T) i32, sequence after sequence. */
  readonly tokens: Tensor;
  /** What positions and mixers read: (S, E) sinusoids, or (K·S, D) for rotary, one table for each of its K bases; Fourier's. */
  readonly tables: Readonly<Record<string, Tensor>>;
  /** S. */
  readonly length: number;
  /** (B) i32, 1 to S: the tokens of each sequence that are not padding. Without it every sequence is full. */
  readonly lengths?: Tensor;
  /** (T) i32: where each token stands in its sequence, where only some of its tokens are there. */
  readonly places?: Tensor;
  /** (T) i32, 0 or 1, for shapes with segments. Without it every token is of segment 0. */
  readonly segments?: Tensor;
  /** (T) i32: which document of its sequence each token is of. Without it every sequence is one. */
  readonly documents?: Tensor;
  /** [1] u32, in training with layers left out. */
  readonly layerSeed?: Tensor;
}

export interface MaskedInputs extends EncoderInputs {
  /** i32: places in `tokens` whose token is to be predicted; (B, P / B) those of each sequence, (P) any. */
  readonly positions: Tensor;
  /** (P) i32: the tokens that stood there. */
  readonly labels: Tensor;
}

/** The bases of a rotary model, one for each table; [] for other positions. */
export function listRotaryBases({ positions, rotaryBases }: ModelShape): readonly number[] {
  return positions === "rotary" ? rotaryBases : [];
}

/** The tables that a shape reads at a length, by the names of their inputs. */
function listTables(shape: ModelShape, length: number): Tables {
  const headWidth = headWidthOf(shape.mixer.name === "attention" ? shape.mixer : defaultAttention, shape);
  const positioned = { ...shape, embeddingWidth: embeddingWidthOf(shape), headWidth };
  const { mixer, settings } = findMixer(shape.mixer, 0, shape.layers);
  return {
    ...findPositions(shape.positions).listTables(positioned, length),
    ...mixer.listTables(settings, shape, length),
  };
}

/**
 * Inputs `tokens` (T) and the tables. Padded sequences, which are texts and pairs of texts, add `lengths` (B) and, where
 * the shape has segments, `segments` (T). What is trained so adds `documents` (T) and `layerSeed` [1].
 * With a prefix the tables are those of another model beside the first.
 */
export function declareEncoderInputs(
  shape: ModelShape,
  sequences: number,
  length: number,
  padding: "full" | "padded" = "full",
  prefix = "",
): EncoderInputs {
  const tokens = sequences * length;
  return {
    tokens: input("tokens", [tokens], "i32"),
    tables: Object.fromEntries(
      Object.entries(listTables(shape, length)).map(([name, table]) => [
        name,
        input(prefix + name, table.shape, "f32"),
      ]),
    ),
    length,
    ...(shape.training?.separateDocuments && { documents: input("documents", [tokens], "i32") }),
    ...(shape.training?.layerDrop && { layerSeed: input("layerSeed", [1], "u32") }),
    ...(padding === "padded" && { lengths: input("lengths", [sequences], "i32") }),
    ...(padding === "padded" && shape.segments && { segments: input("segments", [tokens], "i32") }),
  };
}

/** Inputs `positions` (P) and `labels` (P); given sequences, each has as many of the positions, (B, P / B). */
export const declarePredictions = (
  predictions: number,
  sequences?: number,
): Pick<MaskedInputs, "positions" | "labels"> => ({
  positions: input("positions", sequences === undefined ? [predictions] : [sequences, predictions / sequences], "i32"),
  labels: input("labels", [predictions], "i32"),
});

/** Inputs `tokens` (T), the tables, `positions` (B, P / B) and `labels` (P), at the model's sequence length. */
export function declareMaskedInputs(
  shape: ModelShape,
  sequences: number,
  predictions: number,
  prefix = "",
): MaskedInputs {
  return {
    ...declareEncoderInputs(shape, sequences, shape.sequenceLength, "full", prefix),
    ...declarePredictions(predictions, sequences),
  };
}

/** The values of the tables, by the names of their inputs, to be spread into a run's inputs; nothing where there are none. */
export function makeTables(
  shape: ModelShape,
  length = shape.sequenceLength,
  prefix = "",
): Readonly<Record<string, Float32Array>> {
  const tables = Object.entries(listTables(shape, length));
  return Object.fromEntries(tables.map(([name, table]) => [prefix + name, table.compute()]));
}
