// The activations of a feed-forward, as records, and the gated layer made of each. A gated one is a composite for its gradient's sake:
// written by hand, the two halves meet in one concat instead of two padded with zeros and added.

import {
  add,
  composite,
  concat,
  divide,
  erf,
  exp,
  less,
  maximum,
  multiply,
  negate,
  select,
  slice,
  subtract,
  tanh,
} from "../graph/operations.ts";
import type { CompositeDefinition, Tensor } from "../graph/tensor.ts";

/** What an activation is: a function of one element, and its derivative. */
export interface Activation {
  readonly name: string;
  /** Name of the gated layer made of it. */
  readonly gatedName: string;
  readonly summary: string;
  readonly source: string;
  apply(x: Tensor): Tensor;
  slope(x: Tensor): Tensor;
}

/** Φ(x), the standard normal distribution function. */
function normalDistribution(x: Tensor): Tensor {
  return multiply(0.5, add(1, erf(multiply(x, Math.SQRT1_2))));
}

/** x Φ(x), exactly, by the error function (Hendrycks & Gimpel 2016). */
export function gelu(x: Tensor): Tensor {
  return multiply(x, normalDistribution(x));
}

/** d gelu(x) = Φ(x) + x φ(x), φ(x) = exp(-x²/2) / √2π. */
function geluSlope(x: Tensor): Tensor {
  const density = multiply(exp(multiply(multiply(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return add(normalDistribution(x), multiply(x, density));
}

/** 1 / (1 + exp(-x)). */
export const sigmoid = (x: Tensor): Tensor => divide(1, add(1, exp(negate(x))));

/** x σ(x). */
export const silu = (x: Tensor): Tensor => multiply(x, sigmoid(x));

const relu = (x: Tensor): Tensor => maximum(x, 0);

/** max(0, x)² (So et al. 2021, Primer). */
export const reluSquared = (x: Tensor): Tensor => multiply(relu(x), relu(x));

const activations = [
  {
    name: "gelu",
    gatedName: "geglu",
    summary: "x Φ(x), by the error function",
    source: "Hendrycks & Gimpel 2016, arXiv 1606.08415",
    apply: gelu,
    slope: geluSlope,
  },
  {
    name: "relu",
    gatedName: "reglu",
    summary: "max(0, x)",
    source: "Nair & Hinton 2010",
    apply: relu,
    slope: x => select(less(0, x), 1, multiply(x, 0)),
  },
  {
    name: "relu-squared",
    gatedName: "relu-squared-glu",
    summary: "max(0, x)²",
    source: "So et al. 2021, Primer, arXiv 2109.08668",
    apply: reluSquared,
    slope: x => multiply(relu(x), 2),
  },
  {
    name: "silu",
    gatedName: "swiglu",
    summary: "x σ(x), also called swish",
    source: "Elfwing et al. 2017, arXiv 1702.03118",
    apply: silu,
    // σ(x) (1 + x (1 - σ(x)))
    slope: x => multiply(sigmoid(x), add(1, multiply(x, subtract(1, sigmoid(x))))),
  },
  {
    name: "tanh",
    gatedName: "tanh-glu",
    summary: "the hyperbolic tangent",
    source: "LeCun et al. 1998, Efficient BackProp",
    apply: tanh,
    slope: x => subtract(1, multiply(tanh(x), tanh(x))),
  },
] as const satisfies readonly Activation[];

/** Names of all, plain and gated, with what each is. */
export const listedActivations = [
  ...activations.map(({ gatedName, name, summary }) => ({
    name: gatedName,
    summary: `half of the columns times ${name} of the other half (${summary})`,
    source: "Shazeer 2020, arXiv 2002.05202",
  })),
  ...activations.map(({ name, summary, source }) => ({ name, summary, source })),
];

type Names = (typeof activations)[number];
export type ActivationName = Names["name"] | Names["gatedName"];

export const activationNames = listedActivations.map(({ name }) => name) as [ActivationName, ...ActivationName[]];

const find = (name: ActivationName): Activation =>
  activations.find(each => each.name === name || each.gatedName === name)!;

/** Whether half of the columns are a gate. */
export const isGated = (name: ActivationName): boolean => find(name).gatedName === name;

/** Columns of (T, 2F): the value (T, F), then its gate (T, F). */
function splitGate(hidden: Tensor): [Tensor, Tensor] {
  const width = hidden.shape[1]!;
  return [slice(hidden, 1, 0, width / 2), slice(hidden, 1, width / 2, width)];
}

const defineGated = ({ gatedName, apply, slope }: Activation): CompositeDefinition => ({
  name: gatedName,
  decompose: ([hidden]) => {
    const [value, gate] = splitGate(hidden!);
    return multiply(value, apply(gate));
  },
  differentiate: ([hidden], _, gradient) => {
    const [value, gate] = splitGate(hidden!);
    const toValue = multiply(gradient, apply(gate));
    const toGate = multiply(multiply(gradient, value), slope(gate));
    return [concat([toValue, toGate], 1)];
  },
});

const gatedDefinitions = new Map(activations.map(each => [each.gatedName as string, defineGated(each)] as const));

/**
 * The activation called `name`, element by element; of a gated one value · activation(gate), (T, 2F) to (T, F), the value in the
 * first half of the columns.
 */
export function activate(hidden: Tensor, name: ActivationName): Tensor {
  const definition = gatedDefinitions.get(name);
  if (definition === undefined) return find(name).apply(hidden);
  const [rows, width] = hidden.shape as [number, number];
  if (hidden.shape.length !== 2 || width % 2 !== 0) throw new Error(`${name}: shape [${hidden.shape.join(", ")}]`);
  return composite(definition, [hidden], {}, [rows, width / 2]);
}

/** value · gelu(gate): (T, 2F) to (T, F), the value in the first half of the columns (Shazeer 2020). */
export const geglu = (hidden: Tensor): Tensor => activate(hidden, "geglu");
