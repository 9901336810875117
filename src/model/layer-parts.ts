// What layers, embedding and heads are built of: parameters by name, norms and projections as the shape has them.

import { add, matmul, slice } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";
import { applyNorm } from "../nn/norm.ts";
import type { ModelShape } from "./shape.ts";

/** Parameters of a model by the names of listParameters. */
export type Parameters = ReadonlyMap<string, Tensor>;

export function findParameter(parameters: Parameters, name: string): Tensor {
  const found = parameters.get(name);
  if (found === undefined) throw new Error(`the model has no parameter ${name}`);
  return found;
}

/** The norm called `name`. */
export function normalise(x: Tensor, name: string, parameters: Parameters, shape: ModelShape): Tensor {
  const gain = shape.normGain ? findParameter(parameters, `${name}.weight`) : undefined;
  const bias = shape.normBias ? findParameter(parameters, `${name}.bias`) : undefined;
  return applyNorm(x, shape.norm, gain, bias, shape.normEpsilon);
}

/** x · W, and its bias where the shape has biases; of W's columns from one to before another alone, where these are given. */
export function project(
  x: Tensor,
  name: string,
  parameters: Parameters,
  shape: ModelShape,
  columns?: readonly [number, number],
): Tensor {
  const take = (parameter: string, axis: number) => {
    const whole = findParameter(parameters, parameter);
    return columns === undefined ? whole : slice(whole, axis, ...columns);
  };
  const product = matmul(x, take(name, 1));
  return shape.biases ? add(product, take(`${name}.bias`, 0)) : product;
}
