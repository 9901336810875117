// The gradient of the residual stream in bf16. Forward the stream is f32 and stays so; backward every layer adds to its gradient, which is
// read and written once by each half of a layer and by the products before it, and rounding it there halves what that moves. Sums and
// everything a layer computes are still f32, and the rounding is an ordinary cast: all backends do the same.

import { cast, composite } from "../graph/operations.ts";
import type { CompositeDefinition, Tensor } from "../graph/tensor.ts";

const definition: CompositeDefinition = {
  name: "narrowGradient",
  decompose: ([x]) => x!,
  differentiate: (_inputs, _attributes, gradient) => [cast(cast(gradient, "bf16"), "f32")],
};

/** x itself, whose gradient is rounded to bf16: 2⁻⁹ of each element. */
export function narrowGradient(x: Tensor): Tensor {
  return composite(definition, [x], {}, x.shape);
}
