// Reverse-mode differentiation, graph to graph: the gradient of one number with respect to any tensors is more graph, so
// the compiler treats forward and backward alike. One rule per operation, each beside its formula.

import {
  add,
  alias,
  broadcast,
  cast,
  concat,
  constant,
  cos,
  divide,
  equal,
  exp,
  fill,
  gather,
  less,
  matmul,
  multiply,
  negate,
  permute,
  replaceRows,
  reshape,
  scatterAdd,
  select,
  sin,
  slice,
  subtract,
  sum,
  transpose,
} from "./operations.ts";
import {
  type BinaryFunction,
  countElements,
  isFloat,
  sortTopologically,
  type Tensor,
  type UnaryFunction,
} from "./tensor.ts";

/**
 * Gradients of `loss` (one element) with respect to each of `parameters`, in their shapes and types.
 * A parameter the loss does not depend on gets zeros.
 */
export function differentiate(loss: Tensor, parameters: readonly Tensor[]): Tensor[] {
  if (countElements(loss.shape) !== 1) throw new Error(`differentiate: the loss has shape [${loss.shape.join(", ")}]`);
  const needed = dependents(loss, new Set(parameters));
  const gradients = new Map<Tensor, Tensor>([[loss, fill(1, loss.shape, loss.dtype)]]);
  for (const tensor of sortTopologically([loss]).reverse()) {
    const gradient = gradients.get(tensor);
    if (gradient === undefined || !needed.has(tensor)) continue;
    const contributions = differentiateNode(tensor, gradient);
    tensor.inputs.forEach((operand, i) => {
      const contribution = contributions[i];
      if (contribution === undefined || !needed.has(operand)) return;
      const sofar = gradients.get(operand);
      gradients.set(operand, sofar === undefined ? contribution : add(sofar, contribution));
    });
  }
  return parameters.map(parameter => gradients.get(parameter) ?? fill(0, parameter.shape, parameter.dtype));
}

/** The tensors under `loss` through which a parameter reaches it. */
function dependents(loss: Tensor, parameters: ReadonlySet<Tensor>): Set<Tensor> {
  const needed = new Set<Tensor>();
  for (const tensor of sortTopologically([loss])) {
    if (parameters.has(tensor) || tensor.inputs.some(operand => needed.has(operand))) needed.add(tensor);
  }
  return needed;
}

/** The contribution of `gradient`, that of a node's result, to each of its inputs; undefined where there is none. */
function differentiateNode(node: Tensor, gradient: Tensor): readonly (Tensor | undefined)[] {
  const { operation, inputs } = node;
  const [x, y] = inputs as [Tensor, Tensor];
  switch (operation.kind) {
    case "input":
    case "state":
    case "constant":
    case "iota":
    case "random":
    case "compare":
      return [];
    case "unary":
      return [differentiateUnary(operation.fn, x, node, gradient)];
    case "binary":
      return differentiateBinary(operation.fn, x, y, node, gradient);
    case "select":
      return [undefined, select(x, gradient, 0), select(x, 0, gradient)];
    case "cast":
      return [isFloat(x.dtype) ? cast(gradient, x.dtype) : undefined];
    case "reduce": {
      const spread = broadcast(gradient, x.shape);
      if (operation.fn === "sum") return [spread];
      const isLargest = equal(x, broadcast(node, x.shape)); // equal elements share the gradient
      const share = cast(isLargest, x.dtype);
      return [divide(multiply(spread, share), broadcast(sum(share, operation.axes), x.shape))];
    }
    case "reshape":
      return [reshape(gradient, x.shape)];
    case "permute": {
      const inverse = operation.order.map((_, axis) => operation.order.indexOf(axis));
      return [permute(gradient, inverse)];
    }
    case "broadcast": {
      const repeated = x.shape.flatMap((size, axis) => (size === 1 && node.shape[axis] !== 1 ? [axis] : []));
      return [sum(gradient, repeated)];
    }
    case "slice":
      return [padWithZeros(gradient, x, operation.starts)];
    case "concat": {
      let start = 0;
      return inputs.map(part => {
        const end = start + part.shape[operation.axis]!;
        const piece = slice(gradient, operation.axis, start, end);
        start = end;
        return piece;
      });
    }
    case "matmul": // dA = dC Bᵀ, dB = Aᵀ dC; in the operands' type when that is narrow
      return [
        cast(matmul(cast(gradient, y.dtype), transpose(y)), x.dtype),
        cast(matmul(transpose(x), cast(gradient, x.dtype)), y.dtype),
      ];
    case "gather":
      return [scatterAdd(gradient, y, x.shape[0]!), undefined];
    case "scatterAdd":
      return [gather(gradient, y), undefined];
    case "replaceRows":
      return [replaceRows(gradient, y, fill(0, inputs[2]!.shape, node.dtype)), undefined, gather(gradient, y)];
    case "composite": {
      const { definition, attributes } = operation;
      if (definition.differentiate !== undefined) return definition.differentiate(inputs, attributes, gradient);
      // By nodes of its own: the gradient may depend on the inputs, too, and is held fixed here.
      const own = inputs.map(alias);
      return differentiateDecomposition(definition.decompose(own, attributes), own, gradient);
    }
    default:
      return operation satisfies never;
  }
}

/** d fn(x) · gradient; `y` is fn(x). */
function differentiateUnary(fn: UnaryFunction, x: Tensor, y: Tensor, gradient: Tensor): Tensor | undefined {
  switch (fn) {
    case "negate":
      return negate(gradient);
    case "exp":
      return multiply(gradient, y);
    case "log":
      return divide(gradient, x);
    case "sqrt":
      return divide(multiply(gradient, 0.5), y);
    case "rsqrt": // d x^-1/2 = -1/2 x^-3/2
      return multiply(multiply(gradient, -0.5), multiply(y, multiply(y, y)));
    case "sin":
      return multiply(gradient, cos(x));
    case "cos":
      return negate(multiply(gradient, sin(x)));
    case "tanh":
      return multiply(gradient, subtract(1, multiply(y, y)));
    case "erf": // d erf x = 2/√π exp(-x²)
      return multiply(gradient, multiply(2 / Math.sqrt(Math.PI), exp(negate(multiply(x, x)))));
    case "detach":
      return undefined;
    default:
      return fn satisfies never;
  }
}

function differentiateBinary(fn: BinaryFunction, x: Tensor, y: Tensor, result: Tensor, gradient: Tensor): Tensor[] {
  switch (fn) {
    case "add":
      return [gradient, gradient];
    case "subtract":
      return [gradient, negate(gradient)];
    case "multiply":
      return [multiply(gradient, y), multiply(gradient, x)];
    case "divide":
      return [divide(gradient, y), negate(divide(multiply(gradient, result), y))];
    case "maximum":
      return splitBetween(gradient, less(y, x), equal(x, y));
    case "minimum":
      return splitBetween(gradient, less(x, y), equal(x, y));
    default:
      return fn satisfies never;
  }
}

/** Gradient to (a, b) of a choice between them: all to a where `first`, half to each where `tied`. */
function splitBetween(gradient: Tensor, first: Tensor, tied: Tensor): [Tensor, Tensor] {
  const share = select(tied, 0.5, select(first, constant(1, gradient.dtype), 0));
  return [multiply(gradient, share), multiply(gradient, subtract(1, share))];
}

/** Puts a slice's gradient back where it was cut, zeros around it. */
function padWithZeros(gradient: Tensor, whole: Tensor, starts: readonly number[]): Tensor {
  let padded = gradient;
  starts.forEach((start, axis) => {
    const size = whole.shape[axis]!;
    const length = padded.shape[axis]!;
    if (length === size) return;
    const zeros = (count: number) =>
      fill(
        0,
        padded.shape.map((n, i) => (i === axis ? count : n)),
        padded.dtype,
      );
    const parts = [padded];
    if (start > 0) parts.unshift(zeros(start));
    if (start + length < size) parts.push(zeros(size - start - length));
    padded = concat(parts, axis);
  });
  return padded;
}

/** Differentiates through a composite's decomposition: the gradient of Σ result · gradient, with `gradient` held fixed. */
export function differentiateDecomposition(result: Tensor, inputs: readonly Tensor[], gradient: Tensor): Tensor[] {
  const axes = result.shape.map((_, axis) => axis);
  return differentiate(sum(multiply(result, gradient), axes), inputs);
}
