// The shape of a model: the numbers that decide which parameters exist. Its fields are those of a recipe's model section, so
// that section is a shape. Everything that counts (parameters, floating-point operations) is derived from it here.

import { UserError } from "../base/errors.ts";
import { countElements, type Shape } from "../graph/tensor.ts";

export interface ModelShape {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** Width of the gated feed-forward's input projection; its output projection reads half of it. */
  readonly feedForward: number;
  readonly vocabulary: number;
  readonly sequenceLength: number;
  readonly positions: "scaled-sinusoidal" | "rotary";
}

/** Added to the variance in every layer norm. */
export const normEpsilon = 1e-12;

/** matrix: between hidden layers, what Muon trains; norm: the only ones without weight decay; scale: of the sinusoids. */
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

/** Refuses a shape that no model can have. */
export function checkShape(shape: ModelShape): void {
  const refuse = (message: string, advice: string): never => {
    throw new UserError("E_MODEL_SHAPE", `the model's shape: ${message}`, advice);
  };
  const { width, heads, feedForward, positions } = shape;
  for (const [name, value] of Object.entries(shape)) {
    if (name !== "positions" && !(Number.isInteger(value) && value > 0)) {
      refuse(`${name} is ${value}`, "It must be a whole number above 0.");
    }
  }
  if (width % heads !== 0) refuse(`width ${width} is not a multiple of heads ${heads}`, "Change one of the two.");
  if (width % 2 !== 0) refuse(`width ${width} is odd`, "Make it even.");
  if (positions === "rotary" && (width / heads) % 2 !== 0) {
    refuse(`rotary positions need an even head width, not ${width / heads}`, "Change width or heads.");
  }
  if (feedForward % 2 !== 0)
    refuse(`feedForward ${feedForward} is odd, and the gate takes half of it`, "Make it even.");
}

/**
 * Every parameter, in the order of files and of the initialisation's random numbers. Matrices are stored (in, out), so that
 * a layer is x · W; torch stores Linear.weight as (out, in), the transpose.
 */
export function listParameters(shape: ModelShape): Parameter[] {
  checkShape(shape);
  const { width: C, layers, feedForward: F, vocabulary: V, positions } = shape;
  const normal = { kind: "normal", deviation: 0.02 } as const;
  const constant = (value: number) => ({ kind: "constant", value }) as const;
  const matrix = (name: string, rows: number, columns: number, parts = 1): Parameter => ({
    name,
    shape: [rows, columns],
    role: "matrix",
    parts,
    initial: normal,
  });
  const norm = (name: string): Parameter[] => [
    { name: `${name}.weight`, shape: [C], role: "norm", parts: 1, initial: constant(1) },
    { name: `${name}.bias`, shape: [C], role: "norm", parts: 1, initial: constant(0) },
  ];
  const scale: Parameter = {
    name: "embedding.scale",
    shape: [1],
    role: "scale",
    parts: 1,
    initial: constant(1 / Math.sqrt(C)),
  };
  return [
    { name: "embedding.word", shape: [V, C], role: "embedding", parts: 1, initial: normal },
    ...(positions === "scaled-sinusoidal" ? [scale] : []),
    ...norm("embedding.norm"),
    ...Array.from({ length: layers }, (_, i) => [
      ...norm(`layers.${i}.attention.norm`),
      matrix(`layers.${i}.attention.qkv`, C, 3 * C, 3),
      matrix(`layers.${i}.attention.output`, C, C),
      ...norm(`layers.${i}.feedForward.norm`),
      matrix(`layers.${i}.feedForward.in`, C, F),
      matrix(`layers.${i}.feedForward.out`, F / 2, C),
    ]).flat(),
    ...norm("final.norm"),
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
  const matrices = listParameters(shape)
    .filter(({ role }) => role === "matrix")
    .reduce((total, parameter) => total + countElements(parameter.shape), 0);
  const attention = layers * 2 * S * C; // q kᵀ and the weighted sum of v
  return 6 * (matrices + attention + maskFraction * V * C);
}
