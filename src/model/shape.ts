// The shape of a model: the numbers that decide which parameters exist. Its fields are those of a recipe's model section, so
// that section is a shape. Everything that counts (parameters, floating-point operations) is derived from it here.

import { UserError } from "../base/errors.ts";
import { quoteValue } from "../base/printable.ts";
import { countElements, type Shape } from "../graph/tensor.ts";

export interface ModelShape {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** Width of the feed-forward's input projection; with a gate its output projection reads half of it. */
  readonly feedForward: number;
  readonly vocabulary: number;
  readonly sequenceLength: number;
  readonly positions: "scaled-sinusoidal" | "rotary" | "learned";

  // In the following published models differ. Absent, each is as crammed BERT has it: the first value named.

  /** pre: norms before attention and feed-forward, and at the end; post: after each sum, as BERT. */
  readonly normalisation?: "pre" | "post";
  /** Added to the variance in every norm: 1e-12. */
  readonly normEpsilon?: number;
  /** false: the first layer's attention reads the embedding's norm as it is, as in ModernBERT. */
  readonly firstAttentionNorm?: boolean;
  /** true: projections of the layers, and of the head, have biases. */
  readonly biases?: boolean;
  readonly activation?: "geglu" | "gelu";
  /** true: tokens of a pair's second text carry another embedding than those of the first. */
  readonly segments?: boolean;
  /** Bases of the rotary frequencies; layer i turns by the i-th, counted round: [10000]. */
  readonly rotaryBases?: readonly number[];
  /** What predicts tokens. tied: the embedding matrix alone; transform: a dense layer, GELU and a norm before it, a bias after. */
  readonly head?: "tied" | "transform";
}

/** The most of each size: far above any encoder, and such that a slip of the finger is an error and takes no memory. */
export const largestSizes = {
  width: 65_536,
  layers: 1000,
  heads: 4096,
  feedForward: 524_288,
  vocabulary: 2 ** 20,
  sequenceLength: 131_072,
} as const;

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

/** What is wrong with a shape that no model can have, beginning with the field's name; undefined where all is well. */
export function findShapeFault(shape: ModelShape): { readonly message: string; readonly advice: string } | undefined {
  const { width, heads, feedForward, positions, activation = "geglu", normEpsilon = 1e-12, rotaryBases } = shape;
  for (const [name, most] of Object.entries(largestSizes)) {
    const value = shape[name as keyof typeof largestSizes];
    if (!(Number.isInteger(value) && value > 0 && value <= most)) {
      return { message: `${name} is ${quoteValue(value)}`, advice: `It must be a whole number from 1 to ${most}.` };
    }
  }
  const { layers } = shape;
  const faults: readonly (readonly [boolean, string, string])[] = [
    [width % heads !== 0, `width ${width} is not a multiple of heads ${heads}`, "Change one of the two."],
    [width % 2 !== 0, `width ${width} is odd`, "Make it even."],
    [
      positions === "rotary" && (width / heads) % 2 !== 0,
      `positions are rotary and need an even head width, not ${width / heads}`,
      "Change width or heads.",
    ],
    [
      activation === "geglu" && feedForward % 2 !== 0,
      `feedForward ${feedForward} is odd, and the gate takes half of it`,
      "Make it even.",
    ],
    [!(normEpsilon > 0 && normEpsilon < 1), `normEpsilon is ${normEpsilon}`, "It must be small and above 0."],
    [
      rotaryBases !== undefined && positions !== "rotary",
      `rotaryBases change nothing with ${positions} positions`,
      "Leave them out, or make positions rotary.",
    ],
    [
      rotaryBases !== undefined && (rotaryBases.length === 0 || rotaryBases.some(base => !(base > 1))),
      `rotaryBases are [${rotaryBases?.join(", ")}]`,
      "Each must be a number above 1.",
    ],
    [
      (rotaryBases?.length ?? 0) > layers,
      `rotaryBases are ${rotaryBases?.length} and there are ${layers} layers`,
      "Leave out those that no layer uses.",
    ],
    [
      shape.firstAttentionNorm !== undefined && shape.normalisation === "post",
      "firstAttentionNorm changes nothing with normalisation post",
      "Leave it out.",
    ],
  ];
  const fault = faults.find(([holds]) => holds);
  return fault && { message: fault[1], advice: fault[2] };
}

/** Refuses a shape that no model can have: E_MODEL_SHAPE. */
export function checkShape(shape: ModelShape): void {
  const fault = findShapeFault(shape);
  if (fault !== undefined) throw new UserError("E_MODEL_SHAPE", `the model's shape: ${fault.message}`, fault.advice);
}

/** Whether layer 0 normalises what its attention reads. */
export const hasAttentionNorm = (shape: ModelShape, layer: number) => layer > 0 || shape.firstAttentionNorm !== false;

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
