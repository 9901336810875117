// The parameters that a shape has: names, sizes, how they begin, and what is counted of them.

import { countElements, type Shape } from "../graph/tensor.ts";
import { checkShape, hasAttentionNorm, type ModelShape } from "./shape.ts";

/** matrix: between hidden layers, what Muon trains; norm: of norms, and biases, the only ones without weight decay; scale: of the sinusoids. */
export type ParameterRole = "matrix" | "embedding" | "norm" | "scale";

export interface Parameter {
  readonly name: string;
  readonly shape: Shape;
  readonly role: ParameterRole;
  /** Equal matrices side by side in the columns: 3 for q, k and v in one projection. */
  readonly parts: number;
  readonly initial:
    | { readonly kind: "normal"; readonly deviation: number }
    | { readonly kind: "constant"; readonly value: number };
}

/**
 * Every parameter, in the order of files and of the initialisation's random numbers. Matrices are stored (in, out), so that
 * a layer is x · W; torch stores Linear.weight as (out, in), the transpose.
 */
export function listParameters(shape: ModelShape): Parameter[] {
  checkShape(shape);
  const { width: C, layers, feedForward: F, vocabulary: V, sequenceLength: S, positions } = shape;
  const normal = { kind: "normal", deviation: 0.02 } as const;
  const embedding = (name: string, rows: number): Parameter => ({
    name: `embedding.${name}`,
    shape: [rows, C],
    role: "embedding",
    parts: 1,
    initial: normal,
  });
  const vector = (name: string, length: number, role: "norm" | "scale", value: number): Parameter => ({
    name,
    shape: [length],
    role,
    parts: 1,
    initial: { kind: "constant", value },
  });
  const norm = (name: string) => [vector(`${name}.weight`, C, "norm", 1), vector(`${name}.bias`, C, "norm", 0)];
  const matrix = (name: string, rows: number, columns: number, parts = 1): Parameter[] => [
    { name, shape: [rows, columns], role: "matrix", parts, initial: normal },
    ...(shape.biases ? [vector(`${name}.bias`, columns, "norm", 0)] : []),
  ];
  return [
    embedding("word", V),
    ...(positions === "scaled-sinusoidal" ? [vector("embedding.scale", 1, "scale", 1 / Math.sqrt(C))] : []),
    ...(positions === "learned" ? [embedding("position", S)] : []),
    ...(shape.segments ? [embedding("segment", 2)] : []),
    ...norm("embedding.norm"),
    ...Array.from({ length: layers }, (_, i) => [
      ...(hasAttentionNorm(shape, i) ? norm(`layers.${i}.attention.norm`) : []),
      ...matrix(`layers.${i}.attention.qkv`, C, 3 * C, 3),
      ...matrix(`layers.${i}.attention.output`, C, C),
      ...norm(`layers.${i}.feedForward.norm`),
      ...matrix(`layers.${i}.feedForward.in`, C, F),
      ...matrix(`layers.${i}.feedForward.out`, shape.activation === "gelu" ? F : F / 2, C),
    ]).flat(),
    ...(shape.normalisation === "post" ? [] : norm("final.norm")),
    ...(shape.head === "transform"
      ? [...matrix("head.dense", C, C), ...norm("head.norm"), vector("head.bias", V, "norm", 0)]
      : []),
  ];
}

export function countParameters(shape: ModelShape): number {
  return listParameters(shape).reduce((total, parameter) => total + countElements(parameter.shape), 0);
}

/**
 * Floating-point operations of training on one token: matrix products only, 2 an element and 3 passes (forward, and backward
 * to data and to weights). The head is counted at the masked positions alone.
 */
export function countTrainingFlops(shape: ModelShape, maskFraction: number): number {
  const { width: C, layers, vocabulary: V, sequenceLength: S } = shape;
  const matrices = listParameters(shape).filter(({ role }) => role === "matrix");
  const count = (inHead: boolean) =>
    matrices
      .filter(({ name }) => name.startsWith("head.") === inHead)
      .reduce((total, parameter) => total + countElements(parameter.shape), 0);
  const attention = layers * 2 * S * C; // q kᵀ and the weighted sum of v
  return 6 * (count(false) + attention + maskFraction * (count(true) + V * C));
}
