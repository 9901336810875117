// How the gradients of a step's micro-batches agree: products of the newest with itself and with the sum of those before it, one number a
// parameter. The graph that adds a gradient to that sum measures them, so nothing of a gradient's size is kept for it.

import { multiply, reshape, sum } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";

/** Of a step's newest micro-batch with gradient g, and S, the sum of the gradients before it: one number a parameter. */
export interface GradientProducts {
  /** g · g. */
  readonly newest: readonly number[];
  /** g · S. */
  readonly across: readonly number[];
  /** S · S. */
  readonly before: readonly number[];
}

/** Outputs of shape [1] by kind and parameter, of gradients and the sums of those before them; a first micro-batch has none before it. */
export function measureProducts(
  gradients: ReadonlyMap<string, Tensor>,
  sums: ReadonlyMap<string, Tensor> | undefined,
): Record<string, Tensor> {
  return Object.fromEntries(
    [...gradients].flatMap(([name, gradient]) => {
      const newest = [`newest.${name}`, multiplyAll(gradient, gradient)] as const;
      const before = sums?.get(name);
      if (before === undefined) return [newest];
      return [
        newest,
        [`across.${name}`, multiplyAll(gradient, before)],
        [`before.${name}`, multiplyAll(before, before)],
      ];
    }),
  );
}

/** What those outputs say of parameters, where the loss was multiplied by `scale`. */
export function readProducts(
  outputs: Readonly<Record<string, ArrayLike<number>>>,
  parameters: readonly string[],
  scale: number,
): GradientProducts {
  const read = (kind: string) => parameters.map(name => (outputs[`${kind}.${name}`]?.[0] ?? 0) / scale ** 2);
  return { newest: read("newest"), across: read("across"), before: read("before") };
}

/** Σ a b over every element, shape [1]. */
function multiplyAll(a: Tensor, b: Tensor): Tensor {
  const axes = a.shape.map((_, axis) => axis);
  return reshape(sum(multiply(a, b), axes), [1]);
}
