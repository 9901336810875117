// What a tensor is here: a node of a graph, an operation with its inputs, shape and element type. Nothing is computed
// when a tensor is made; a backend runs whole graphs. The list of operations below is the whole language: everything
// else (layer norm, attention, an optimizer) is written in it.

export type DType = "f32" | "bf16" | "f16" | "i32" | "u32" | "u8" | "bool";
/** What products may read; sums, statistics and parameters are f32 under each. */
export type Precision = Extract<DType, "f32" | "bf16" | "f16">;
export type Shape = readonly number[];

export type UnaryFunction = "negate" | "exp" | "log" | "sqrt" | "rsqrt" | "sin" | "cos" | "tanh" | "erf" | "detach";
export type BinaryFunction = "add" | "subtract" | "multiply" | "divide" | "maximum" | "minimum";
export type CompareFunction = "less" | "equal";
export type ReduceFunction = "sum" | "max";

export type Operation =
  /** Written by the host before each run. */
  | { readonly kind: "input"; readonly name: string }
  /** Kept on the device between runs: parameters, optimizer state. A graph may update it. */
  | { readonly kind: "state"; readonly name: string }
  /** One number; its shape is []. */
  | { readonly kind: "constant"; readonly value: number }
  /** Element i along the only axis is i (i32). */
  | { readonly kind: "iota" }
  /** Uniform random bits (u32): Philox of (seed input [1] u32, stream, flat index). */
  | { readonly kind: "random"; readonly stream: number }
  | { readonly kind: "unary"; readonly fn: UnaryFunction }
  | { readonly kind: "binary"; readonly fn: BinaryFunction }
  | { readonly kind: "compare"; readonly fn: CompareFunction }
  /** inputs: condition (bool), value where true, value where false. */
  | { readonly kind: "select" }
  | { readonly kind: "cast" }
  /** Reduced axes stay, with size 1. */
  | { readonly kind: "reduce"; readonly fn: ReduceFunction; readonly axes: readonly number[] }
  | { readonly kind: "reshape" }
  /** Axis i of the result is axis order[i] of the input. */
  | { readonly kind: "permute"; readonly order: readonly number[] }
  /** Axes of size 1 repeat; the rank stays. */
  | { readonly kind: "broadcast" }
  /** The part of each axis from starts[i], as long as the result's shape. */
  | { readonly kind: "slice"; readonly starts: readonly number[] }
  | { readonly kind: "concat"; readonly axis: number }
  /** (…, M, K) by (…, K, N), equal leading axes. Sums in f32 at least; the result is f32. */
  | {
      readonly kind: "matmul" /** Whatever the precision policy, its operands are not rounded. */;
      readonly isExact?: true;
    }
  /** inputs: table (V, C), indices (N) i32. Result (N, C). Indices outside the table are a caller's error. */
  | { readonly kind: "gather" }
  /** inputs: values (N, C), indices (N) i32. Result (V, C), rows of equal index summed, in order of N. */
  | { readonly kind: "scatterAdd" }
  /**
   * inputs: table (V, C), indices (N) i32, none twice, values (N, C). Result (V, C): the table with these rows in the place of its own. As
   * the update of a state that is the table, these rows are written over the old ones, and no other is touched.
   */
  | { readonly kind: "replaceRows" }
  | { readonly kind: "composite"; readonly definition: CompositeDefinition; readonly attributes: Attributes };

export type Attributes = Readonly<Record<string, number>>;

/**
 * A named subgraph that a backend may replace by a fused kernel. `decompose` is its definition; a fused kernel must agree
 * with it. Without `differentiate`, the gradient is that of the decomposition.
 */
export interface CompositeDefinition {
  readonly name: string;
  decompose(inputs: readonly Tensor[], attributes: Attributes): Tensor;
  differentiate?(inputs: readonly Tensor[], attributes: Attributes, gradient: Tensor): readonly (Tensor | undefined)[];
}

export interface Tensor {
  /** Larger than the id of every tensor it depends on. */
  readonly id: number;
  readonly operation: Operation;
  readonly inputs: readonly Tensor[];
  readonly shape: Shape;
  readonly dtype: DType;
}

/** What a tensor is without its values. */
export type TensorType = Pick<Tensor, "shape" | "dtype">;

/** What a backend loads: named results for the host, and new values for named states, all read before any is written. */
export interface Graph {
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly updates: Readonly<Record<string, Tensor>>;
  /** Whether what stands in memory long is computed again instead, where that takes less memory: not a bit of any result changes. */
  readonly recomputes?: boolean;
}

let nextId = 0;

/** Makes a node. Shapes are checked by the functions of operations.ts; nothing else calls this but rewriting passes. */
export function createTensor(operation: Operation, inputs: readonly Tensor[], shape: Shape, dtype: DType): Tensor {
  return { id: nextId++, operation, inputs, shape, dtype };
}

const keys = new WeakMap<Operation, string>();

/** Equal for operations that give the same of the same inputs; two composites of one name are taken to be one. */
export function operationKey(operation: Operation): string {
  const known = keys.get(operation);
  if (known !== undefined) return known;
  const key = describeOperation(operation);
  keys.set(operation, key);
  return key;
}

function describeOperation(operation: Operation): string {
  // JSON has no infinities, no NaN and no -0.
  if (operation.kind === "constant") return `constant ${Object.is(operation.value, -0) ? "-0" : operation.value}`;
  if (operation.kind !== "composite") return JSON.stringify(operation);
  return `${operation.definition.name} ${JSON.stringify(operation.attributes)}`;
}

export function countElements(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Elements to skip for one step along each axis, in row-major order. */
export function rowMajorStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

export function equalShapes(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

export const bytesPerElement: Readonly<Record<DType, number>> = {
  f32: 4,
  bf16: 2,
  f16: 2,
  i32: 4,
  u32: 4,
  u8: 1,
  bool: 1,
};

export const countBytes = ({ shape, dtype }: TensorType): number => countElements(shape) * bytesPerElement[dtype];

export function isFloat(dtype: DType): boolean {
  return dtype === "f32" || isNarrow(dtype);
}

/** Whether it is a floating-point type of sixteen bits: arithmetic on it is f32's, and only a cast rounds to it. */
export function isNarrow(dtype: string): dtype is "bf16" | "f16" {
  return dtype === "bf16" || dtype === "f16";
}

/** Every tensor that the given ones depend on, themselves included, each after its inputs; without `known` ones and what only they need. */
export function sortTopologically(roots: readonly Tensor[], known: ReadonlySet<Tensor> = new Set()): Tensor[] {
  const seen = new Set<Tensor>();
  const pending = [...roots];
  while (pending.length > 0) {
    const tensor = pending.pop()!;
    if (seen.has(tensor) || known.has(tensor)) continue;
    seen.add(tensor);
    pending.push(...tensor.inputs);
  }
  return [...seen].sort((a, b) => a.id - b.id);
}

/** The tensors a graph must produce, outputs first. */
export function listRoots(graph: Graph): Tensor[] {
  return [...Object.values(graph.outputs), ...Object.values(graph.updates)];
}

/** For every tensor that others of the graph read, how many do. */
export function countUses(graph: Graph): Map<Tensor, number> {
  const uses = new Map<Tensor, number>();
  for (const node of sortTopologically(listRoots(graph))) {
    for (const operand of new Set(node.inputs)) uses.set(operand, (uses.get(operand) ?? 0) + 1);
  }
  return uses;
}
