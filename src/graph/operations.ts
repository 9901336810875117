// The functions that model code calls. Each checks its shapes once, here, and makes one node, or the few that a
// broadcast needs; a plain number stands for a constant of the other operand's type. No arithmetic happens here.

import {
  type Attributes,
  type BinaryFunction,
  type CompareFunction,
  type CompositeDefinition,
  countElements,
  createTensor,
  type DType,
  equalShapes,
  isFloat,
  type ReduceFunction,
  type Shape,
  type Tensor,
  type UnaryFunction,
} from "./tensor.ts";

/** A mistake in model code: always a bug, so a plain error with what was seen. */
function refuse(operation: string, problem: string, ...tensors: readonly Tensor[]): never {
  const seen = tensors.map(tensor => `${tensor.dtype}[${tensor.shape.join(", ")}]`).join(" and ");
  throw new Error(`${operation}: ${problem}${seen === "" ? "" : `; seen ${seen}`}`);
}

export function input(name: string, shape: Shape, dtype: DType): Tensor {
  return createTensor({ kind: "input", name }, [], shape, dtype);
}

export function state(name: string, shape: Shape, dtype: DType = "f32"): Tensor {
  return createTensor({ kind: "state", name }, [], shape, dtype);
}

export function constant(value: number, dtype: DType = "f32"): Tensor {
  return createTensor({ kind: "constant", value }, [], [], dtype);
}

/** A constant repeated to a shape. */
export function fill(value: number, shape: Shape, dtype: DType = "f32"): Tensor {
  return broadcast(constant(value, dtype), shape);
}

/** 0, 1, …, length - 1. */
export function iota(length: number): Tensor {
  return createTensor({ kind: "iota" }, [], [length], "i32");
}

/** Random 32-bit words that depend on (seed [1] u32, stream, flat index) alone. */
export function randomBits(seed: Tensor, stream: number, shape: Shape): Tensor {
  if (seed.dtype !== "u32" || countElements(seed.shape) !== 1) refuse("randomBits", "the seed is one u32", seed);
  return createTensor({ kind: "random", stream }, [seed], shape, "u32");
}

function unary(fn: UnaryFunction, x: Tensor): Tensor {
  if (!isFloat(x.dtype)) refuse(fn, "needs a floating-point tensor", x);
  return createTensor({ kind: "unary", fn }, [x], x.shape, x.dtype);
}

export const negate = (x: Tensor): Tensor => unary("negate", x);
export const exp = (x: Tensor): Tensor => unary("exp", x);
export const log = (x: Tensor): Tensor => unary("log", x);
export const sqrt = (x: Tensor): Tensor => unary("sqrt", x);
/** 1 / sqrt(x). */
export const rsqrt = (x: Tensor): Tensor => unary("rsqrt", x);
export const sin = (x: Tensor): Tensor => unary("sin", x);
export const cos = (x: Tensor): Tensor => unary("cos", x);
export const tanh = (x: Tensor): Tensor => unary("tanh", x);
/** The error function, 2/√π ∫₀ˣ exp(-t²) dt. */
export const erf = (x: Tensor): Tensor => unary("erf", x);
/** The same values, with no gradient. */
export const detach = (x: Tensor): Tensor => unary("detach", x);

type Operand = Tensor | number;

/** Two operands of one shape and type: numbers become constants, axes of size 1 (or missing in front) repeat. */
function align(operation: string, a: Operand, b: Operand): [Tensor, Tensor] {
  if (typeof a === "number" && typeof b === "number") return [constant(a), constant(b)];
  const left = typeof a === "number" ? constant(a, (b as Tensor).dtype) : a;
  const right = typeof b === "number" ? constant(b, left.dtype) : b;
  if (left.dtype !== right.dtype) refuse(operation, "element types differ; cast one", left, right);
  const shape = commonShape(operation, left, right);
  return [broadcast(left, shape), broadcast(right, shape)];
}

function commonShape(operation: string, a: Tensor, b: Tensor): number[] {
  const rank = Math.max(a.shape.length, b.shape.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a.shape[axis - rank + a.shape.length] ?? 1;
    const right = b.shape[axis - rank + b.shape.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) refuse(operation, "shapes do not fit together", a, b);
    return left === 1 ? right : left;
  });
}

function binary(fn: BinaryFunction, a: Operand, b: Operand): Tensor {
  const [left, right] = align(fn, a, b);
  if (left.dtype === "bool") refuse(fn, "needs numbers", left, right);
  return createTensor({ kind: "binary", fn }, [left, right], left.shape, left.dtype);
}

export const add = (a: Operand, b: Operand): Tensor => binary("add", a, b);
export const subtract = (a: Operand, b: Operand): Tensor => binary("subtract", a, b);
export const multiply = (a: Operand, b: Operand): Tensor => binary("multiply", a, b);
/** Division; of integers, rounded towards zero. */
export const divide = (a: Operand, b: Operand): Tensor => binary("divide", a, b);
export const maximum = (a: Operand, b: Operand): Tensor => binary("maximum", a, b);
export const minimum = (a: Operand, b: Operand): Tensor => binary("minimum", a, b);

function compare(fn: CompareFunction, a: Operand, b: Operand): Tensor {
  const [left, right] = align(fn, a, b);
  return createTensor({ kind: "compare", fn }, [left, right], left.shape, "bool");
}

/** a < b, element by element. */
export const less = (a: Operand, b: Operand): Tensor => compare("less", a, b);
export const equal = (a: Operand, b: Operand): Tensor => compare("equal", a, b);

/** Where the condition holds, a; elsewhere b. */
export function select(condition: Tensor, a: Operand, b: Operand): Tensor {
  if (condition.dtype !== "bool") refuse("select", "the condition is bool", condition);
  const [left, right] = align("select", a, b);
  const shape = commonShape("select", condition, left);
  const operands = [broadcast(condition, shape), broadcast(left, shape), broadcast(right, shape)];
  return createTensor({ kind: "select" }, operands, shape, left.dtype);
}

/** To f32: exact; f32 to bf16 or f16: nearest, ties to even; bool to number: 0 or 1; float to integer: towards zero; u8 is 0 to 255. */
export function cast(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : createTensor({ kind: "cast" }, [x], x.shape, dtype);
}

function reduce(fn: ReduceFunction, x: Tensor, axes: readonly number[]): Tensor {
  const reduced = axes.map(axis => (axis < 0 ? axis + x.shape.length : axis)).sort((a, b) => a - b);
  if (reduced.some((axis, i) => axis < 0 || axis >= x.shape.length || axis === reduced[i - 1])) {
    refuse(fn, `cannot reduce axes ${axes.join(", ")}`, x);
  }
  if (!isFloat(x.dtype)) refuse(fn, "needs a floating-point tensor", x);
  const shape = x.shape.map((size, axis) => (reduced.includes(axis) ? 1 : size));
  if (equalShapes(shape, x.shape)) return x;
  return createTensor({ kind: "reduce", fn, axes: reduced }, [x], shape, x.dtype);
}

/** Sum over the axes (negative ones count from the end), which stay with size 1. */
export const sum = (x: Tensor, axes: readonly number[]): Tensor => reduce("sum", x, axes);
/** Largest over the axes, which stay with size 1. */
export const max = (x: Tensor, axes: readonly number[]): Tensor => reduce("max", x, axes);

/** Arithmetic mean over the axes, which stay with size 1. */
export function mean(x: Tensor, axes: readonly number[]): Tensor {
  const total = sum(x, axes);
  return multiply(total, countElements(total.shape) / countElements(x.shape));
}

export function reshape(x: Tensor, shape: Shape): Tensor {
  if (countElements(shape) !== countElements(x.shape)) refuse("reshape", `not ${shape.join(" × ")} elements`, x);
  return equalShapes(shape, x.shape) ? x : createTensor({ kind: "reshape" }, [x], shape, x.dtype);
}

/** The same values as a node of its own: what is differentiated by it leaves out other uses of x. */
export function alias(x: Tensor): Tensor {
  return createTensor({ kind: "reshape" }, [x], x.shape, x.dtype);
}

/** Axis i of the result is axis order[i] of x. */
export function permute(x: Tensor, order: readonly number[]): Tensor {
  if ([...order].sort((a, b) => a - b).some((axis, i) => axis !== i) || order.length !== x.shape.length) {
    refuse("permute", `${order.join(", ")} is no order of the axes`, x);
  }
  if (order.every((axis, i) => axis === i)) return x;
  const shape = order.map(axis => x.shape[axis]!);
  return createTensor({ kind: "permute", order }, [x], shape, x.dtype);
}

/** The last two axes exchanged. */
export function transpose(x: Tensor): Tensor {
  const rank = x.shape.length;
  return permute(x, [...Array.from({ length: rank - 2 }, (_, axis) => axis), rank - 1, rank - 2]);
}

/** Repeats axes of size 1; missing leading axes are added. */
export function broadcast(x: Tensor, shape: Shape): Tensor {
  if (equalShapes(shape, x.shape)) return x;
  const missing = shape.length - x.shape.length;
  if (missing < 0) refuse("broadcast", `to [${shape.join(", ")}] would lose axes`, x);
  const aligned = reshape(x, [...Array<number>(missing).fill(1), ...x.shape]);
  if (aligned.shape.some((size, axis) => size !== 1 && size !== shape[axis])) {
    refuse("broadcast", `does not fit [${shape.join(", ")}]`, x);
  }
  return equalShapes(shape, aligned.shape) ? aligned : createTensor({ kind: "broadcast" }, [aligned], shape, x.dtype);
}

/** Along `axis`, the elements from `start` up to and without `end`. */
export function slice(x: Tensor, axis: number, start: number, end: number): Tensor {
  const along = axis < 0 ? axis + x.shape.length : axis;
  if (!(0 <= start && start < end && end <= (x.shape[along] ?? 0)))
    refuse("slice", `${start} to ${end} of axis ${axis}`, x);
  const shape = x.shape.map((size, i) => (i === along ? end - start : size));
  if (equalShapes(shape, x.shape)) return x;
  const starts = x.shape.map((_, i) => (i === along ? start : 0));
  return createTensor({ kind: "slice", starts }, [x], shape, x.dtype);
}

export function concat(parts: readonly Tensor[], axis: number): Tensor {
  const [first] = parts;
  if (first === undefined) throw new Error("concat: no parts");
  if (parts.length === 1) return first;
  const along = axis < 0 ? axis + first.shape.length : axis;
  const fits = (part: Tensor) =>
    part.dtype === first.dtype &&
    part.shape.length === first.shape.length &&
    part.shape.every((size, i) => i === along || size === first.shape[i]);
  if (!parts.every(fits)) refuse("concat", `along axis ${axis}`, ...parts);
  const shape = first.shape.map((size, i) =>
    i === along ? parts.reduce((all, part) => all + part.shape[i]!, 0) : size,
  );
  return createTensor({ kind: "concat", axis: along }, parts, shape, first.dtype);
}

/** (…, M, K) by (…, K, N) gives (…, M, N) in f32. Operands are of one floating-point type. */
export function matmul(a: Tensor, b: Tensor): Tensor {
  const rank = a.shape.length;
  const fits =
    rank >= 2 &&
    b.shape.length === rank &&
    a.dtype === b.dtype &&
    isFloat(a.dtype) &&
    a.shape.slice(0, -2).every((size, axis) => size === b.shape[axis]) &&
    a.shape[rank - 1] === b.shape[rank - 2];
  if (!fits) refuse("matmul", "operands do not fit", a, b);
  return createTensor({ kind: "matmul" }, [a, b], [...a.shape.slice(0, -1), b.shape[rank - 1]!], "f32");
}

/** A product whose operands stay f32 whatever the precision of the model's: for what is solved and not learnt. */
export function exactMatmul(a: Tensor, b: Tensor): Tensor {
  const { inputs, shape, dtype } = matmul(a, b);
  return createTensor({ kind: "matmul", isExact: true }, inputs, shape, dtype);
}

/** Rows of a table (V, C) by index (N): (N, C). */
export function gather(table: Tensor, indices: Tensor): Tensor {
  if (table.shape.length !== 2 || indices.shape.length !== 1 || indices.dtype !== "i32") {
    refuse("gather", "needs a table (V, C) and i32 indices (N)", table, indices);
  }
  return createTensor({ kind: "gather" }, [table, indices], [indices.shape[0]!, table.shape[1]!], table.dtype);
}

/** Sums rows (N, C) into a table of `tableRows` rows, row n at indices[n]; the other rows are zero. */
export function scatterAdd(values: Tensor, indices: Tensor, tableRows: number): Tensor {
  if (values.shape.length !== 2 || indices.dtype !== "i32" || indices.shape[0] !== values.shape[0]) {
    refuse("scatterAdd", "needs values (N, C) and i32 indices (N)", values, indices);
  }
  return createTensor({ kind: "scatterAdd" }, [values, indices], [tableRows, values.shape[1]!], values.dtype);
}

/** The table (V, C) with values (N, C) in the place of its rows at these indices (N), none of which is there twice. */
export function replaceRows(table: Tensor, indices: Tensor, values: Tensor): Tensor {
  const [N, C] = values.shape;
  const fits = values.shape.length === 2 && indices.shape.length === 1 && indices.shape[0] === N;
  if (!fits || table.shape.length !== 2 || table.shape[1] !== C || values.dtype !== table.dtype) {
    refuse("replaceRows", "needs a table (V, C), i32 indices (N) and values (N, C)", table, indices, values);
  }
  if (indices.dtype !== "i32") refuse("replaceRows", "needs i32 indices", indices);
  return createTensor({ kind: "replaceRows" }, [table, indices, values], table.shape, table.dtype);
}

/** A named subgraph that a backend may run as one kernel. */
export function composite(
  definition: CompositeDefinition,
  inputs: readonly Tensor[],
  attributes: Attributes,
  shape: Shape,
  dtype: DType = "f32",
): Tensor {
  return createTensor({ kind: "composite", definition, attributes }, inputs, shape, dtype);
}
