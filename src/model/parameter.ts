// What a parameter is, and the kinds of parameters that a model is made of.

import type { Shape } from "../graph/tensor.ts";

/**
 * matrix: between hidden layers, what Muon trains; norm: of norms, and biases, the only ones without weight decay; scale: of the sinusoids.
 */
export type ParameterRole = "matrix" | "embedding" | "norm" | "scale";

export type Initial =
  | { readonly kind: "normal"; readonly deviation: number; readonly lastDeviation?: number }
  | { readonly kind: "orthogonal" }
  | { readonly kind: "constant"; readonly value: number };

export interface Parameter {
  readonly name: string;
  readonly shape: Shape;
  readonly role: ParameterRole;
  /** Equal matrices side by side in the columns: 3 for q, k and v in one projection. */
  readonly parts: number;
  /** lastDeviation: of the last part, where it is another. */
  readonly initial: Initial;
}

/** A table of rows (rows, columns), read by index. */
export const embeddingTable = (name: string, rows: number, columns: number, initial: Initial): Parameter => ({
  ...{ name, shape: [rows, columns], role: "embedding", parts: 1, initial },
});

/** A gain, a bias or a scalar, not decayed. */
export const vector = (name: string, length: number, value: number, role: "norm" | "scale" = "norm"): Parameter => ({
  ...{ name, shape: [length], role, parts: 1, initial: { kind: "constant", value } },
});

/** (rows, columns), so that a layer is x · W. */
export const matrix = (name: string, rows: number, columns: number, initial: Initial, parts = 1): Parameter => ({
  ...{ name, shape: [rows, columns], role: "matrix", parts, initial },
});
