// Rewrites a graph into the smaller language that fusion works on: composites without a kernel are expanded, equal nodes
// become one, arithmetic with 0 and 1 and on constants disappears, and so do zeros that parts are padded with to be added, and every
// reduction becomes a row reduction (the last axis) or a column reduction (axis 1 of three). Values stay the same up to the order of summation.

import {
  broadcast,
  constant,
  exactMatmul,
  fill,
  less,
  matmul,
  max,
  permute,
  reshape,
  scatterAdd,
  select,
  sum,
  transpose,
} from "../../graph/operations.ts";
import {
  type Attributes,
  countElements,
  countUses,
  createTensor,
  type Graph,
  isFloat,
  listRoots,
  operationKey,
  sortTopologically,
  type Tensor,
} from "../../graph/tensor.ts";
import type { CompileOptions, Target } from "../target.ts";
import { joinParts } from "./join-parts.ts";

/** Whether the backend has a kernel for a composite. */
type HasKernel = (name: string, attributes: Attributes) => boolean;

/** The same graph in the language of fusion; composites with a kernel stay. */
export function simplifyGraph(
  graph: Graph,
  target: Pick<Target, "columnBlocks" | "scattersSeveral">,
  { findCompositeKernel }: Pick<CompileOptions, "findCompositeKernel">,
): Graph {
  const hasKernel: HasKernel = (name, attributes) => findCompositeKernel?.(name, attributes) !== undefined;
  const inPlace = listReplacedInPlace(graph);
  const expanded = rewriteGraph(graph, (node, original) => {
    const { operation, inputs } = node;
    if (operation.kind === "replaceRows") return inPlace.has(original) ? node : chooseRows(node);
    if (operation.kind !== "composite" || hasKernel(operation.definition.name, operation.attributes)) return node;
    return expandFully(operation.definition.decompose(inputs, operation.attributes), hasKernel);
  });
  const uses = countUses(expanded);
  return rewriteGraph(expanded, (node, original) => {
    if (!original.inputs.every(operand => uses.get(operand) === 1)) return splitReduction(foldNode(node), target);
    const isOnlyUse = original.inputs.length === 1;
    const joined = target.scattersSeveral ? joinScatters(node) : node;
    return splitReduction(foldNode(isOnlyUse ? transposeProduct(joined) : joined), target);
  });
}

/** Tables of which an update writes some rows over the old ones: each a state's new value, which nothing else is or reads. */
function listReplacedInPlace(graph: Graph): ReadonlySet<Tensor> {
  const roots = listRoots(graph);
  const read = countUses(graph);
  const isInPlace = ([name, { operation, inputs }]: readonly [string, Tensor]) => {
    const table = inputs[0]?.operation;
    return operation.kind === "replaceRows" && table?.kind === "state" && table.name === name;
  };
  const updated = Object.entries(graph.updates).filter(isInPlace);
  const tables = updated.map(([, table]) => table);
  return new Set(tables.filter(table => !read.has(table) && roots.filter(root => root === table).length === 1));
}

/** Of every row of a table what replaces it, or itself: rows are written apart, and how many there are of each is counted. */
function chooseRows({ inputs }: Tensor): Tensor {
  const [table, indices, values] = inputs as [Tensor, Tensor, Tensor];
  const [V, N] = [table.shape[0]!, indices.shape[0]!];
  const counts = scatterAdd(fill(1, [N, 1], "f32"), indices, V);
  return select(less(0, counts), scatterAdd(values, indices, V), table);
}

/**
 * The sum of two tables that rows are scattered to as one: neither is written by itself. The right one's rows are added first, so that
 * sums stay what they are where the left one has each row once.
 */
function joinScatters(node: Tensor): Tensor {
  const { operation, inputs, shape, dtype } = node;
  const isSum = operation.kind === "binary" && operation.fn === "add";
  if (!isSum || !inputs.every(table => table.operation.kind === "scatterAdd")) return node;
  const [left, right] = inputs as [Tensor, Tensor];
  return createTensor({ kind: "scatterAdd" }, [...right.inputs, ...left.inputs], shape, dtype);
}

/** (a · b)ᵀ as bᵀ · aᵀ, so that the product is written as it is read; the sums are the same. */
function transposeProduct(node: Tensor): Tensor {
  const { operation, inputs } = node;
  const product = inputs[0]?.operation;
  if (operation.kind !== "permute" || product?.kind !== "matmul") return node;
  const rank = node.shape.length;
  const swapsLastTwo = operation.order.every((axis, i) => axis === (i < rank - 2 ? i : 2 * rank - 3 - i));
  const [a, b] = inputs[0]!.inputs as [Tensor, Tensor];
  const multiply = product.isExact ? exactMatmul : matmul;
  return swapsLastTwo ? multiply(transpose(b), transpose(a)) : node;
}

function expandFully(body: Tensor, hasKernel: HasKernel): Tensor {
  const nested = sortTopologically([body]).some(
    ({ operation }) => operation.kind === "composite" && !hasKernel(operation.definition.name, operation.attributes),
  );
  if (!nested) return body;
  return rewriteGraph({ outputs: { body }, updates: {} }, node => {
    const { operation, inputs } = node;
    if (operation.kind !== "composite" || hasKernel(operation.definition.name, operation.attributes)) return node;
    return expandFully(operation.definition.decompose(inputs, operation.attributes), hasKernel);
  }).outputs.body!;
}

/** Rebuilds a graph bottom up through `rewrite`, sharing equal nodes; `rewrite` also gets the node that `node` rebuilds. */
export function rewriteGraph(graph: Graph, rewrite: (node: Tensor, original: Tensor) => Tensor): Graph {
  const replaced = new Map<Tensor, Tensor>();
  const known = new Map<string, Tensor>();
  const share = (node: Tensor): Tensor => {
    const key = nodeKey(node);
    const same = known.get(key);
    if (same === undefined) known.set(key, node);
    return same ?? node;
  };
  /** Makes the nodes that a rewrite created shared too. */
  const intern = (node: Tensor): Tensor => {
    const done = replaced.get(node);
    if (done !== undefined) return done;
    const inputs = node.inputs.map(intern);
    const same = inputs.every((operand, i) => operand === node.inputs[i]);
    const rebuilt = share(same ? node : createTensor(node.operation, inputs, node.shape, node.dtype));
    replaced.set(node, rebuilt);
    replaced.set(rebuilt, rebuilt);
    return rebuilt;
  };
  for (const node of sortTopologically(listRoots(graph))) {
    const inputs = node.inputs.map(operand => replaced.get(operand)!);
    const same = inputs.every((operand, i) => operand === node.inputs[i]);
    const rebuilt = same ? node : createTensor(node.operation, inputs, node.shape, node.dtype);
    const result = intern(rewrite(rebuilt, node));
    replaced.set(node, result);
  }
  const map = (tensors: Readonly<Record<string, Tensor>>) =>
    Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, replaced.get(tensor)!]));
  return { outputs: map(graph.outputs), updates: map(graph.updates) };
}

function nodeKey({ operation, inputs, shape, dtype }: Tensor): string {
  return `${operationKey(operation)} ${inputs.map(operand => operand.id).join(",")} ${shape.join(",")} ${dtype}`;
}

/** The number a tensor holds everywhere, if it is a constant under views. */
function constantValue(tensor: Tensor): number | undefined {
  const { operation, inputs } = tensor;
  if (operation.kind === "constant") return operation.value;
  const isView = ["reshape", "permute", "broadcast", "slice"].includes(operation.kind);
  return isView ? constantValue(inputs[0]!) : undefined;
}

/** Arithmetic that needs no kernel: identities with 0 and 1, constants of constants, views of views. */
function foldNode(node: Tensor): Tensor {
  const { operation, inputs, shape, dtype } = node;
  const [a, b] = inputs as [Tensor, Tensor];
  if (operation.kind === "unary" && operation.fn === "detach") return a;
  if (operation.kind === "unary" && operation.fn === "negate" && constantValue(a) !== undefined) {
    return broadcast(constant(-constantValue(a)!, dtype), shape);
  }
  if (operation.kind === "reshape" && a.operation.kind === "reshape") return reshape(a.inputs[0]!, shape);
  if (operation.kind === "cast" && constantValue(a) !== undefined && isFloat(dtype) && isFloat(a.dtype)) {
    return dtype === "f32" ? broadcast(constant(constantValue(a)!, dtype), shape) : node;
  }
  if (operation.kind !== "binary" || dtype !== "f32") return node;
  const left = constantValue(a);
  const right = constantValue(b);
  if (left !== undefined && right !== undefined) {
    const values = { add: left + right, subtract: left - right, multiply: left * right, divide: left / right };
    const value = values[operation.fn as keyof typeof values];
    if (value !== undefined) return broadcast(constant(value), shape);
  }
  if (operation.fn === "add") {
    const joined = joinParts(a, b, part => constantValue(part) === 0);
    if (joined !== undefined) return joined;
  }
  if (operation.fn === "add" && left === 0) return b;
  if ((operation.fn === "add" || operation.fn === "subtract") && right === 0) return a;
  if (operation.fn === "multiply" && left === 1) return b;
  if ((operation.fn === "multiply" || operation.fn === "divide") && right === 1) return a;
  if (operation.fn === "divide" && right !== undefined && Number.isInteger(Math.log2(Math.abs(right)))) {
    return createTensor({ kind: "binary", fn: "multiply" }, [a, broadcast(constant(1 / right), shape)], shape, dtype);
  }
  return node;
}

/** A reduction over any axes as reductions over the last axis, or over axis 1 of three. */
function splitReduction(node: Tensor, target: Pick<Target, "columnBlocks">): Tensor {
  const { operation, inputs } = node;
  if (operation.kind !== "reduce") return node;
  const x = inputs[0]!;
  const reduce = operation.fn === "sum" ? sum : max;
  const reduced = operation.axes.filter(axis => x.shape[axis] !== 1);
  const kept = x.shape.flatMap((size, axis) => (size !== 1 && !reduced.includes(axis) ? [axis] : []));
  const keptCount = countElements(kept.map(axis => x.shape[axis]!));
  const reducedCount = countElements(x.shape) / keptCount;
  const finish = (result: Tensor) => reshape(result, node.shape);

  if (kept.length === 0) {
    const width = x.shape[reduced[reduced.length - 1]!]!;
    if (width === reducedCount) return finish(rowReduction(reduce, reshape(x, [1, width])));
    const rows = rowReduction(reduce, reshape(x, [reducedCount / width, width]));
    return finish(rowReduction(reduce, reshape(rows, [1, reducedCount / width])));
  }
  if (Math.max(...reduced) < Math.min(...kept)) {
    const table = reshape(x, [reducedCount, keptCount]);
    const blocks = largestDivisor(reducedCount, target.columnBlocks(reducedCount, keptCount));
    if (operation.fn === "max" || blocks === 1) {
      return finish(columnReduction(operation.fn, table));
    }
    const partial = createTensor(
      { kind: "reduce", fn: operation.fn, axes: [1] },
      [reshape(x, [blocks, reducedCount / blocks, keptCount])],
      [blocks, 1, keptCount],
      x.dtype,
    );
    return finish(columnReduction(operation.fn, reshape(partial, [blocks, keptCount])));
  }
  const keptShape = kept.map(axis => x.shape[axis]!);
  const ones = x.shape.flatMap((size, axis) => (size === 1 ? [axis] : []));
  const grouped = permute(x, [...ones, ...kept, ...reduced]);
  return finish(rowReduction(reduce, reshape(grouped, [...keptShape, reducedCount])));
}

function rowReduction(reduce: typeof sum, x: Tensor): Tensor {
  return reduce(x, [-1]);
}

function columnReduction(fn: "sum" | "max", x: Tensor): Tensor {
  const [rows, columns] = x.shape as [number, number];
  const node = { kind: "reduce", fn, axes: [1] } as const;
  return rows === 1 ? x : createTensor(node, [reshape(x, [1, rows, columns])], [1, 1, columns], x.dtype);
}

function largestDivisor(count: number, limit: number): number {
  for (let divisor = Math.min(limit, count); divisor > 1; divisor--) if (count % divisor === 0) return divisor;
  return 1;
}
