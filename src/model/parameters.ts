// The parameters that a shape has: names, sizes, how they begin, and what is counted of them.

import { countElements } from "../graph/tensor.ts";
import { isGated } from "../nn/activation.ts";
import { findNorm } from "../nn/norm.ts";
import { findInitialisation } from "./initialisations.ts";
import type { ParameterMaker } from "./mixers/mixer.ts";
import { findMixer } from "./mixers/mixers.ts";
import { embeddingTable, type Initial, matrix, type Parameter, vector } from "./parameter.ts";
import { findPositions } from "./positions.ts";
import {
  countDepths,
  embeddingWidthOf,
  findStrides,
  hasAttentionNorm,
  hasDecoderBias,
  hasFeedForward,
  type ModelShape,
} from "./shape.ts";
import { checkShape } from "./shape-faults.ts";

/** What small matrices beside the layers' are drawn from. */
const drawnRow: Initial = { kind: "normal", deviation: 0.02 };

/** What every embedding is drawn from. */
function drawEmbedding(shape: ModelShape): Initial {
  const { embeddingDeviation } = findInitialisation(shape.initialisation);
  return embeddingDeviation === undefined ? drawnRow : { kind: "normal", deviation: embeddingDeviation(shape) };
}

/** The parameters of the norm called `name` over `width`. */
function listNorm(name: string, width: number, { norm, normGain, normBias }: ModelShape): Parameter[] {
  const { length, initial } = findNorm(norm).gain(width);
  return [
    ...(normGain ? [vector(`${name}.weight`, length, initial)] : []),
    ...(normBias ? [vector(`${name}.bias`, width, 0)] : []),
  ];
}

/** What makes the parameters whose names begin with `prefix`. */
function createMaker(prefix: string, shape: ModelShape): ParameterMaker {
  const { width, layers, biases, zeroOutputs } = shape;
  const initialisation = findInitialisation(shape.initialisation);
  return {
    projection: (name, rows, columns, kind, parts = 1) => {
      const drawn = initialisation.choose({
        ...{ rows, columns: columns / parts, parts, width, layers },
        kind: parts === 3 ? "attention-in" : kind,
      });
      const initial: Initial = kind === "out" && zeroOutputs ? { kind: "constant", value: 0 } : drawn;
      return [
        matrix(`${prefix}.${name}`, rows, columns, initial, parts),
        ...(biases ? [vector(`${prefix}.${name}.bias`, columns, 0)] : []),
      ];
    },
    vector: (name, length, value) => vector(`${prefix}.${name}`, length, value),
    matrix: (name, rows, columns, begins) =>
      matrix(`${prefix}.${name}`, rows, columns, begins === "zero" ? { kind: "constant", value: 0 } : drawnRow),
    embedding: (name, rows, columns) => embeddingTable(`${prefix}.${name}`, rows, columns, drawEmbedding(shape)),
  };
}

/** Columns of the hidden state that a token shift's gates read. */
export const shiftColumns = ({ width }: ModelShape) => Math.min(12, width);

function listEmbedding(shape: ModelShape): Parameter[] {
  const { width: C, vocabulary: V, segments, embedding } = shape;
  const E = embeddingWidthOf(shape);
  const positioned = { ...shape, embeddingWidth: E, headWidth: 0 };
  const make = createMaker("embedding", shape);
  return [
    embeddingTable("embedding.word", V, E, drawEmbedding(shape)),
    ...findPositions(shape.positions).listParameters(positioned, drawEmbedding(shape)),
    ...(segments ? [embeddingTable("embedding.segment", 2, E, drawEmbedding(shape))] : []),
    ...(embedding.norm ? listNorm("embedding.norm", E, shape) : []),
    ...(E !== C ? make.projection("projection", E, C, "in") : []),
    ...(embedding.tokenShift
      ? [make.matrix("shift", shiftColumns(shape), 2, "drawn"), make.vector("shift.share", 2, 0)]
      : []),
    ...(embedding.neighbours > 0 ? make.projection("neighbours", 2 * embedding.neighbours * C, C, "in") : []),
    ...(embedding.bigramRows > 0
      ? [embeddingTable("embedding.bigram", embedding.bigramRows, C, { kind: "constant", value: 0 })]
      : []),
  ];
}

function listLayer(shape: ModelShape, layer: number): Parameter[] {
  const { width: C, feedForward: F, normalisation, activation, residual, embedding } = shape;
  const prefix = `layers.${layer}`;
  const { mixer, settings } = findMixer(shape.mixer, layer, shape.layers);
  const make = createMaker(`${prefix}.feedForward`, shape);
  const around = (name: string) =>
    normalisation === "sandwich" ? listNorm(`${prefix}.${name}.outputNorm`, C, shape) : [];
  const fed = [
    ...(shape.parallel ? [] : listNorm(`${prefix}.feedForward.norm`, C, shape)),
    ...make.projection("in", C, F, "in"),
    ...make.projection("out", isGated(activation) ? F / 2 : F, C, "out"),
    ...around("feedForward"),
  ];
  return [
    ...(hasAttentionNorm(shape, layer) ? listNorm(`${prefix}.attention.norm`, C, shape) : []),
    ...mixer.listParameters(settings, shape, layer, createMaker(`${prefix}.attention`, shape)),
    ...around("attention"),
    ...(hasFeedForward(shape, layer) ? fed : []),
    ...(residual.scalars ? [vector(`${prefix}.residual`, 1, 1)] : []),
    ...(residual.embeddingSkip ? [vector(`${prefix}.embeddingSkip`, 1, 0)] : []),
    ...(embedding.bigramRows > 0 ? [vector(`${prefix}.bigramShare`, 1, 0.1)] : []),
  ];
}

function listHead(shape: ModelShape): Parameter[] {
  const { width: C, vocabulary: V, head, decoder, isEncoder = false } = shape;
  if (isEncoder) return [];
  const E = embeddingWidthOf(shape);
  const make = createMaker("head", shape);
  return [
    ...(head === "transform" ? [...make.projection("dense", C, E, "in"), ...listNorm("head.norm", E, shape)] : []),
    ...(head === "tied" && E !== C ? make.projection("projection", C, E, "in") : []),
    ...(decoder.tied ? [] : [embeddingTable("head.decoder", V, E, drawEmbedding(shape))]),
    ...(hasDecoderBias(shape) ? [vector("head.bias", V, 0)] : []),
  ];
}

/**
 * Every parameter, in the order of files and of the initialisation's random numbers. Matrices are stored (in, out), so that
 * a layer is x · W; torch stores Linear.weight as (out, in), the transpose.
 */
export function listParameters(shape: ModelShape): Parameter[] {
  checkShape(shape);
  const { width, layers, normalisation } = shape;
  return [
    ...listEmbedding(shape),
    ...Array.from({ length: layers }, (_, layer) => listLayer(shape, layer)).flat(),
    ...(normalisation === "pre" || normalisation === "sandwich" ? listNorm("final.norm", width, shape) : []),
    ...listHead(shape),
  ];
}

/** The head by which an encoder tells replaced tokens, in the order of files. */
export function listDiscriminator({ width: C }: Pick<ModelShape, "width">): Parameter[] {
  return [
    matrix("discriminator.dense", C, C, drawnRow),
    vector("discriminator.dense.bias", C, 0),
    embeddingTable("discriminator.output", C, 1, drawnRow),
    vector("discriminator.output.bias", 1, 0),
  ];
}

export function countParameters(shape: ModelShape): number {
  return listParameters(shape).reduce((total, parameter) => total + countElements(parameter.shape), 0);
}

/** Rows of a sequence that enter a layer, and those that leave its mixer. */
export interface LayerTokens {
  readonly entering: number;
  readonly leaving: number;
}

type TokensAt = (depth: number) => LayerTokens;

/** Every row goes through every layer, and `read` of them, a share, leave the last mixer. */
export const leaveRead =
  (shape: ModelShape, read: number): TokensAt =>
  depth => {
    const { before, behind } = findStrides(shape, depth);
    const [entering, leaving] = [shape.sequenceLength / before, shape.sequenceLength / behind];
    const isLast = depth === countDepths(shape) - 1;
    return { entering, leaving: isLast ? read * leaving : leaving };
  };

/**
 * Floating-point operations of training on one token: matrix products only, 2 an element and 3 passes (forward, and backward
 * to data and to weights). The head is counted at the share of the tokens that is decoded, and layers at the tokens that `tokensAt`
 * says of a depth, by default those that its strides leave, of which those that are decoded leave the last mixer.
 */
export function countTrainingFlops(
  shape: ModelShape,
  decoded: number,
  tokensAt: TokensAt = leaveRead(shape, decoded),
): number {
  const { vocabulary: V, layers, sequenceLength: S } = shape;
  const matrices = listParameters(shape).filter(({ role }) => role === "matrix");
  const count = (part: string) =>
    matrices
      .filter(({ name }) => name.startsWith(part))
      .reduce((total, parameter) => total + countElements(parameter.shape), 0);
  const countLayer = (depth: number) => {
    const layer = depth % layers;
    const { mixer, settings } = findMixer(shape.mixer, layer, layers);
    const { entering, leaving } = tokensAt(depth);
    const asksFew = mixer.asksFew(settings) && !shape.training?.separateDocuments;
    const behind = count(`layers.${layer}.attention.output`) + count(`layers.${layer}.feedForward.`);
    const before = count(`layers.${layer}.`) - behind;
    const products = mixer.countProducts(settings, { ...shape, sequenceLength: entering });
    return (entering * before + (asksFew ? Math.min(entering, leaving) : entering) * products + leaving * behind) / S;
  };
  const depths = Array.from({ length: countDepths(shape) }, (_, depth) => countLayer(depth));
  const body = count("embedding.") + depths.reduce((a, b) => a + b);
  return 6 * (body + decoded * (count("head.") + V * embeddingWidthOf(shape)));
}
