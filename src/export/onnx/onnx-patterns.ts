// What is one operator of ONNX and several of ours: layer norm, softmax, GELU. The graph has them in primitives; they are found by what
// they are, so whoever writes them elsewhere gets the operator too.

import type { Tensor } from "../../graph/tensor.ts";

/** The tensor below repeated axes and axes of size 1 in front: what an operator of ONNX, which repeats by itself, reads. */
export function skipBroadcasts(tensor: Tensor): Tensor {
  const { operation, inputs, shape } = tensor;
  const [x] = inputs;
  if (operation.kind === "broadcast") return skipBroadcasts(x!);
  const added = shape.length - (x?.shape.length ?? 0);
  const isAligned = operation.kind === "reshape" && added >= 0 && shape.slice(0, added).every(size => size === 1);
  return isAligned && shape.slice(added).every((size, axis) => size === x!.shape[axis]) ? skipBroadcasts(x!) : tensor;
}

function operandsOf(tensor: Tensor | undefined, fn: string): Tensor[] | undefined {
  const { operation, inputs } = tensor ?? {};
  const isIt = operation !== undefined && "fn" in operation && operation.fn === fn;
  return isIt ? inputs!.map(skipBroadcasts) : undefined;
}

/** Both orders of a commutative operation's operands. */
function ordersOf(tensor: Tensor | undefined, fn: "add" | "multiply"): [Tensor, Tensor][] {
  const [a, b] = operandsOf(tensor, fn) ?? [];
  if (a === undefined || b === undefined) return [];
  return [
    [a, b],
    [b, a],
  ];
}

const isNumber = ({ operation }: Tensor, value: number): boolean =>
  operation.kind === "constant" && Math.abs(operation.value - value) <= 1e-7 * Math.abs(value);

/** x where the tensor is the sum of x, or the mean, over its last axis. */
function summed(tensor: Tensor | undefined, fn: "sum" | "max"): Tensor | undefined {
  const operation = tensor?.operation;
  if (operation?.kind !== "reduce" || operation.fn !== fn) return undefined;
  const [x] = tensor!.inputs as [Tensor];
  return operation.axes.length === 1 && operation.axes[0] === x.shape.length - 1 ? x : undefined;
}

function averaged(tensor: Tensor | undefined): Tensor | undefined {
  for (const [total, share] of ordersOf(tensor, "multiply")) {
    const x = summed(total, "sum");
    if (x !== undefined && isNumber(share, 1 / x.shape.at(-1)!)) return x;
  }
  return undefined;
}

export interface LayerNorm {
  readonly x: Tensor;
  readonly epsilon: number;
  /** States of one number a column. */
  readonly gain?: Tensor;
  readonly bias?: Tensor;
}

/** (x - mean) · rsqrt(mean (x - mean)² + ε) over the last axis. */
function findNormal(tensor: Tensor | undefined): LayerNorm | undefined {
  for (const [centred, scale] of ordersOf(tensor, "multiply")) {
    const [x, middle] = operandsOf(centred, "subtract") ?? [];
    if (x === undefined || averaged(middle) !== x) continue;
    for (const [variance, epsilon] of ordersOf(operandsOf(scale, "rsqrt")?.[0], "add")) {
      const squares = operandsOf(averaged(variance), "multiply");
      const isSquare = squares?.every(operand => operand === centred);
      if (isSquare === true && epsilon.operation.kind === "constant") return { x, epsilon: epsilon.operation.value };
    }
  }
  return undefined;
}

const isColumnState = (tensor: Tensor, { x }: LayerNorm) =>
  tensor.operation.kind === "state" && tensor.shape.length === 1 && tensor.shape[0] === x.shape.at(-1);

function findScaled(tensor: Tensor | undefined): LayerNorm | undefined {
  for (const [normal, gain] of ordersOf(tensor, "multiply")) {
    const norm = findNormal(normal);
    if (norm !== undefined && isColumnState(gain, norm)) return { ...norm, gain };
  }
  return findNormal(tensor);
}

/** A layer norm with what there is of gain and bias. */
export function findLayerNorm(tensor: Tensor): LayerNorm | undefined {
  for (const [scaled, bias] of ordersOf(tensor, "add")) {
    const norm = findScaled(scaled);
    if (norm !== undefined && isColumnState(bias, norm)) return { ...norm, bias };
  }
  return findScaled(tensor);
}

/** x of softmax(x) over the last axis. */
export function findSoftmax(tensor: Tensor): Tensor | undefined {
  const [raised, total] = operandsOf(tensor, "divide") ?? [];
  if (raised === undefined || summed(total, "sum") !== raised) return undefined;
  const [x, largest] = operandsOf(operandsOf(raised, "exp")?.[0], "subtract") ?? [];
  const peak = operandsOf(largest, "detach")?.[0] ?? largest;
  return x !== undefined && summed(peak, "max") === x ? x : undefined;
}

/** x of x Φ(x), by the error function. */
export function findGelu(tensor: Tensor): Tensor | undefined {
  for (const [x, share] of ordersOf(tensor, "multiply")) {
    for (const [half, raised] of ordersOf(share, "multiply")) {
      if (!isNumber(half, 0.5)) continue;
      for (const [one, error] of ordersOf(raised, "add")) {
        if (!isNumber(one, 1)) continue;
        const argument = operandsOf(error, "erf")?.[0];
        if (ordersOf(argument, "multiply").some(([of, by]) => of === x && isNumber(by, Math.SQRT1_2))) return x;
      }
    }
  }
  return undefined;
}
