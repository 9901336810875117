// The masked language model's head: the embedding matrix again, transposed, and before it a transform where the shape has one.
// Only the positions asked for are decoded, which saves three quarters of the head's work when a quarter is masked.
//
// T tokens, P predictions, width C, E of the embedding, vocabulary V.

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
  select,
  slice,
  sum,
  transpose,
} from "../graph/operations.ts";
import { countElements, type Tensor } from "../graph/tensor.ts";
import { gelu } from "../nn/activation.ts";
import { capLogits, decodedLogTotals, decodedLossOfRows } from "../nn/decoded-loss.ts";
import { sampleLabels } from "../nn/sample-labels.ts";
import { findTokenLoss, plainCrossEntropy, type TokenLossSettings } from "../nn/token-losses/token-losses.ts";
import { encode } from "./encoder.ts";
import type { EncoderInputs, MaskedInputs } from "./inputs.ts";
import { findParameter, normalise, type Parameters, project } from "./layer-parts.ts";
import { embeddingWidthOf, hasDecoderBias, type ModelShape } from "./shape.ts";

/**
 * Rows of logits that stand in memory at once while a loss is computed: 128 MiB of a vocabulary of 32,768 in bf16. Micro-batches of eight
 * times as many predictions are a GPU's, which has the memory: a tile of 1 GiB is work for all its multiprocessors, and the gradient of the
 * table is written once and not added to with every tile.
 */
const chooseTileRows = (predictions: number): number => (predictions < 16_384 ? 2048 : 16_384);

/** What the decoder multiplies, (P, E), of hidden states (P, C). */
function prepareRows(rows: Tensor, parameters: Parameters, shape: ModelShape): Tensor {
  if (shape.head !== "transform") {
    return embeddingWidthOf(shape) !== shape.width ? project(rows, "head.projection", parameters, shape) : rows;
  }
  return normalise(gelu(project(rows, "head.dense", parameters, shape)), "head.norm", parameters, shape);
}

/** The table (V, E), a bias (V) where there is one, and the cap of the logits, 0 for none. */
interface Decoder {
  readonly table: Tensor;
  readonly bias: Tensor | undefined;
  readonly cap: number;
}

function findDecoder(parameters: Parameters, shape: ModelShape): Decoder {
  const bias = hasDecoderBias(shape) ? findParameter(parameters, "head.bias") : undefined;
  const table = findParameter(parameters, shape.decoder.tied ? "embedding.word" : "head.decoder");
  return { table, bias, cap: shape.decoder.logitCap };
}

/** Logits (P, V) of hidden states (P, C). */
export function decodeRows(rows: Tensor, parameters: Parameters, shape: ModelShape): Tensor {
  const { table, bias, cap } = findDecoder(parameters, shape);
  const logits = matmul(prepareRows(rows, parameters, shape), transpose(table));
  return capLogits(bias === undefined ? logits : add(logits, bias), cap);
}

/** Logits (P, V) of the tokens at `positions`: what filling in reads. */
export function predictTokens(
  inputs: EncoderInputs & { readonly positions: Tensor },
  parameters: Parameters,
  shape: ModelShape,
): Tensor {
  return decodeRows(encode(inputs, parameters, shape, { rows: inputs.positions }), parameters, shape);
}

/** Tokens that a loss tells labels apart from, instead of the whole vocabulary. */
export interface Candidates {
  /** (K) i32. Labels are places among them. */
  readonly tokens: Tensor;
  /** (K): what is added to their logits, since those that were drawn stand for others, too. */
  weigh(): Tensor;
}

export interface MaskedLossOptions {
  /** Default: the whole vocabulary. */
  readonly candidates?: Candidates | undefined;
  /** Default: cross-entropy in nats. */
  readonly loss?: TokenLossSettings | undefined;
  /** Whether labels may be -1: such a position is not counted. */
  readonly hasGaps?: boolean;
  /** Rows of logits that stand in memory at once. */
  readonly tileRows?: number;
}

/** Mean loss over the masked positions, shape []. */
export function computeMaskedLoss(
  inputs: MaskedInputs,
  parameters: Parameters,
  shape: ModelShape,
  options: MaskedLossOptions = {},
): Tensor {
  const rows = encode(inputs, parameters, shape, { rows: inputs.positions });
  return computeRowLoss(rows, inputs.labels, parameters, shape, options);
}

/** Mean loss, shape [], of hidden states (P, C) with labels (P) i32. */
export function computeRowLoss(
  rows: Tensor,
  labels: Tensor,
  parameters: Parameters,
  shape: ModelShape,
  options: MaskedLossOptions = {},
): Tensor {
  return averageLosses(computeRowLosses(rows, labels, parameters, shape, options), labels, options);
}

/** The loss of each, (P, 1), of hidden states (P, C) with labels (P) i32; where a label is -1 it means nothing. */
export function computeRowLosses(
  rows: Tensor,
  labels: Tensor,
  parameters: Parameters,
  shape: ModelShape,
  options: MaskedLossOptions = {},
): Tensor {
  const whole = findDecoder(parameters, shape);
  const decoder = options.candidates === undefined ? whole : chooseCandidates(whole, options.candidates);
  return decodeLosses(prepareRows(rows, parameters, shape), decoder, labels, options);
}

/** A decoder of K candidates for V tokens. */
function chooseCandidates({ table, bias, cap }: Decoder, { tokens, weigh }: Candidates): Decoder {
  const [V, K] = [table.shape[0]!, tokens.shape[0]!];
  const weight = weigh();
  const own = bias === undefined ? weight : add(weight, reshape(gather(reshape(bias, [V, 1]), tokens), [K]));
  return { table: gather(table, tokens), bias: own, cap };
}

function decodeLosses(
  rows: Tensor,
  { table, bias, cap }: Decoder,
  labels: Tensor,
  { loss = plainCrossEntropy, tileRows = chooseTileRows(rows.shape[0]!) }: MaskedLossOptions,
): Tensor {
  return decodedLossOfRows(rows, table, labels, bias, tileRows, loss, cap);
}

/** Mean loss, shape [], of rows (P, C); labels (P) i32 in [0, V). */
export function decodeLoss(rows: Tensor, decoder: Decoder, labels: Tensor, options: MaskedLossOptions): Tensor {
  return averageLosses(decodeLosses(rows, decoder, labels, options), labels, options);
}

/** Mean, shape [], of the losses (P, 1) that count. */
export function averageLosses(
  all: Tensor,
  labels: Tensor,
  { loss = plainCrossEntropy, hasGaps = false }: MaskedLossOptions,
): Tensor {
  const { counted } = findTokenLoss(loss);
  if (counted === "all" && !hasGaps) return reshape(mean(all, [0]), []);
  const isLabelled = less(-1, reshape(labels, all.shape));
  const losses = hasGaps ? select(isLabelled, all, 0) : all;
  const count = sum(cast(counted === "all" ? isLabelled : less(0, losses), "f32"), [0]);
  return reshape(divide(sum(losses, [0]), maximum(count, 1)), []);
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
  tileRows = chooseTileRows(countElements(inputs.positions.shape)),
): Tensor {
  const rows = prepareRows(encode(inputs, parameters, shape, { rows: inputs.positions }), parameters, shape);
  const decoder = findDecoder(parameters, shape);
  return decodeLoss(rows, decoder, drawLabels(rows, decoder, seed, tileRows), { tileRows });
}

/** Tokens (P) i32 drawn from what hidden states (P, C) predict. `seed` is [1] u32. */
export function samplePredictions(rows: Tensor, parameters: Parameters, shape: ModelShape, seed: Tensor): Tensor {
  return drawLabels(
    prepareRows(rows, parameters, shape),
    findDecoder(parameters, shape),
    seed,
    chooseTileRows(rows.shape[0]!),
  );
}

function drawLabels(rows: Tensor, { table, bias, cap }: Decoder, seed: Tensor, tileRows: number): Tensor {
  const P = rows.shape[0]!;
  const labels = Array.from({ length: Math.ceil(P / tileRows) }, (_, part) => {
    const tile = slice(rows, 0, part * tileRows, Math.min(P, (part + 1) * tileRows));
    const logits = matmul(tile, transpose(table));
    return sampleLabels(capLogits(bias === undefined ? logits : add(logits, bias), cap), seed, part);
  });
  return concat(labels, 0);
}

/** log Σ exp of the logits of each of the hidden states (P, C): (P, 1). */
export function computeLogTotals(hidden: Tensor, parameters: Parameters, shape: ModelShape): Tensor {
  const { table, bias, cap } = findDecoder(parameters, shape);
  return decodedLogTotals(prepareRows(hidden, parameters, shape), table, bias, chooseTileRows(hidden.shape[0]!), cap);
}

/** Logits (T, 1) of each token of hidden states (T, C) having been replaced (Clark et al. 2020, ELECTRA, arXiv 2003.10555). */
export function detectReplaced(hidden: Tensor, parameters: Parameters): Tensor {
  const layer = (x: Tensor, name: string) =>
    add(matmul(x, findParameter(parameters, name)), findParameter(parameters, `${name}.bias`));
  return layer(gelu(layer(hidden, "discriminator.dense")), "discriminator.output");
}
