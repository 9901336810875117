// The masked language model's head: the embedding matrix again, transposed, and before it a transform where the shape has one.
// Only the positions asked for are decoded, which saves three quarters of the head's work when a quarter is masked.
//
// T tokens, P predictions, width C, vocabulary V.

import {
  add,
  cast,
  concat,
  divide,
  gather,
  less,
  matmul,
  maximum,
  mean,
  reshape,
  slice,
  sum,
  transpose,
} from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";
import { gelu } from "../nn/activation.ts";
import { decodedLossOfRows } from "../nn/decoded-loss.ts";
import { sampleLabels } from "../nn/sample-labels.ts";
import { findTokenLoss, plainCrossEntropy, type TokenLossSettings } from "../nn/token-losses/token-losses.ts";
import { encode, findParameter, normalise, type Parameters, project } from "./encoder.ts";
import type { EncoderInputs, MaskedInputs } from "./inputs.ts";
import type { ModelShape } from "./shape.ts";

/** Rows of logits that stand in memory at once while a loss is computed: 128 MiB of a vocabulary of 32,768 in bf16. */
const lossTileRows = 2048;

/** What the decoder multiplies, (P, C), of hidden states (T, C) at `positions` (P) i32. */
function prepareRows(hidden: Tensor, positions: Tensor, parameters: Parameters, shape: ModelShape): Tensor {
  const rows = gather(hidden, positions); // (P, C)
  if (shape.head !== "transform") return rows;
  return normalise(gelu(project(rows, "head.dense", parameters, shape)), "head.norm", parameters, shape);
}

/** The table (V, C), and a bias (V) where the head has one. */
interface Decoder {
  readonly table: Tensor;
  readonly bias: Tensor | undefined;
}

function findDecoder(parameters: Parameters, shape: ModelShape): Decoder {
  const bias = shape.head === "transform" ? findParameter(parameters, "head.bias") : undefined;
  return { table: findParameter(parameters, "embedding.word"), bias };
}

/** Logits (P, V) of hidden states (T, C) at `positions` (P) i32. */
export function decodePositions(hidden: Tensor, positions: Tensor, parameters: Parameters, shape: ModelShape): Tensor {
  const { table, bias } = findDecoder(parameters, shape);
  const logits = matmul(prepareRows(hidden, positions, parameters, shape), transpose(table));
  return bias === undefined ? logits : add(logits, bias);
}

/** Logits (P, V) of the tokens at `positions`: what filling in reads. */
export function predictTokens(
  inputs: EncoderInputs & { readonly positions: Tensor },
  parameters: Parameters,
  shape: ModelShape,
): Tensor {
  return decodePositions(encode(inputs, parameters, shape), inputs.positions, parameters, shape);
}

/** Mean loss over the masked positions, by default cross-entropy in nats, shape []. */
export function computeMaskedLoss(
  inputs: MaskedInputs,
  parameters: Parameters,
  shape: ModelShape,
  tileRows = lossTileRows,
  loss: TokenLossSettings = plainCrossEntropy,
): Tensor {
  const rows = prepareRows(encode(inputs, parameters, shape), inputs.positions, parameters, shape);
  return decodeLoss(rows, findDecoder(parameters, shape), inputs.labels, tileRows, loss);
}

/** Mean loss, shape [], of rows (P, C) that are decoded `tileRows` at a time; labels (P) i32 in [0, V). */
export function decodeLoss(
  rows: Tensor,
  { table, bias }: Decoder,
  labels: Tensor,
  tileRows: number,
  settings: TokenLossSettings,
): Tensor {
  const losses = decodedLossOfRows(rows, table, labels, bias, tileRows, settings);
  if (findTokenLoss(settings).counted === "all") return reshape(mean(losses, [0]), []);
  const counted = sum(cast(less(0, losses), "f32"), [0]);
  return reshape(divide(sum(losses, [0]), maximum(counted, 1)), []);
}

/**
 * The same with labels drawn from the model's own predictions: its gradient, squared, estimates the diagonal of the Gauss–Newton matrix
 * (Liu et al. 2023, algorithm 2). `seed` is [1] u32.
 */
export function computeSampledLoss(
  inputs: EncoderInputs & Pick<MaskedInputs, "positions">,
  parameters: Parameters,
  shape: ModelShape,
  seed: Tensor,
  tileRows = lossTileRows,
): Tensor {
  const rows = prepareRows(encode(inputs, parameters, shape), inputs.positions, parameters, shape);
  const { table, bias } = findDecoder(parameters, shape);
  const P = rows.shape[0]!;
  const labels = Array.from({ length: Math.ceil(P / tileRows) }, (_, part) => {
    const tile = slice(rows, 0, part * tileRows, Math.min(P, (part + 1) * tileRows));
    const logits = matmul(tile, transpose(table));
    return sampleLabels(bias === undefined ? logits : add(logits, bias), seed, part);
  });
  return decodeLoss(rows, { table, bias }, concat(labels, 0), tileRows, plainCrossEntropy);
}
