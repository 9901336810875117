// Norms, of one tensor and of all gradients together, and clipping by the latter.

import { add, divide, minimum, multiply, reshape, sqrt, sum } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";

/** √Σ g² over every element of every gradient, shape [1]. */
export function globalNorm(gradients: Iterable<Tensor>): Tensor {
  const squares = [...gradients].map(gradient =>
    reshape(
      sum(
        multiply(gradient, gradient),
        gradient.shape.map((_, axis) => axis),
      ),
      [1],
    ),
  );
  return sqrt(addAll(squares));
}

/** One addition after another; what is too deep for whoever walks the graph, in parts. */
function addAll(terms: readonly Tensor[], mostTerms = 256): Tensor {
  if (terms.length <= mostTerms) return terms.reduce((total, term) => add(total, term));
  const parts = Array.from({ length: Math.ceil(terms.length / mostTerms) }, (_, i) =>
    addAll(terms.slice(i * mostTerms, (i + 1) * mostTerms), mostTerms),
  );
  return addAll(parts, mostTerms);
}

/** √Σ x² over every element, of shape [1, …], so that it meets the tensor element by element. */
export function normOf(x: Tensor): Tensor {
  return sqrt(
    sum(
      multiply(x, x),
      x.shape.map((_, axis) => axis),
    ),
  );
}

/** min(1, limit / (norm + 1e-6)), as torch.nn.utils.clip_grad_norm_; shape [1]. */
export function clipFactor(norm: Tensor, limit: number): Tensor {
  return minimum(divide(limit, add(norm, 1e-6)), 1);
}
