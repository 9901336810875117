// GELU and the gated layer made of it. The gated one is a composite for its gradient's sake: written by hand, the two halves
// meet in one concat instead of two padded with zeros and added.

import { add, composite, concat, erf, exp, multiply, slice } from "../graph/operations.ts";
import type { CompositeDefinition, Tensor } from "../graph/tensor.ts";

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

/** Columns of (T, 2F): the value (T, F), then its gate (T, F). */
function splitGate(hidden: Tensor): [Tensor, Tensor] {
  const width = hidden.shape[1]!;
  return [slice(hidden, 1, 0, width / 2), slice(hidden, 1, width / 2, width)];
}

const gegluDefinition: CompositeDefinition = {
  name: "geglu",
  decompose: ([hidden]) => {
    const [value, gate] = splitGate(hidden!);
    return multiply(value, gelu(gate));
  },
  differentiate: ([hidden], _, gradient) => {
    const [value, gate] = splitGate(hidden!);
    const toValue = multiply(gradient, gelu(gate));
    const toGate = multiply(multiply(gradient, value), geluSlope(gate));
    return [concat([toValue, toGate], 1)];
  },
};

/** value · gelu(gate): (T, 2F) to (T, F), the value in the first half of the columns (Shazeer 2020). */
export function geglu(hidden: Tensor): Tensor {
  const [rows, width] = hidden.shape as [number, number];
  if (hidden.shape.length !== 2 || width % 2 !== 0) throw new Error(`geglu: shape [${hidden.shape.join(", ")}]`);
  return composite(gegluDefinition, [hidden], {}, [rows, width / 2]);
}
