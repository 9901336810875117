// Decides which tensors of a simplified graph stand in memory. The rest are computed again inside every kernel that
// needs them, which is cheaper than a pass over memory as long as the expression is short and reads one large array.

import { countElements, type Graph, listRoots, sortTopologically, type Tensor } from "../../graph/tensor.ts";
import { isRoundedState, stridedView } from "../indices/expression.ts";
import type { ProductAbilities, Target } from "../target.ts";

/** Operations whose result a kernel of its own (or a reduction) writes. */
const ownKernel = new Set(["matmul", "composite", "scatterAdd", "reduce"]);
const sources = new Set(["input", "state"]);
const views = new Set(["reshape", "permute", "broadcast", "slice"]);

const transcendentalCost = 8;
/** An expression shared by kernels is computed once when it costs more than this, or reads more than one large array. */
const recomputeCostLimit = 60;
/** Ten rounds of multiplications: what is made of random bits is drawn once, and stands in memory in its own type. */
const randomCost = recomputeCostLimit + 1;

export function isView(tensor: Tensor): boolean {
  return views.has(tensor.operation.kind);
}

/** The tensors that stand in memory: inputs, states, and every tensor some kernel writes. */
export function chooseMaterialised(graph: Graph, { products }: Pick<Target, "products">): Set<Tensor> {
  const nodes = sortTopologically(listRoots(graph));
  const inMemory = new Set(
    nodes.filter(({ operation }) => sources.has(operation.kind) || ownKernel.has(operation.kind)),
  );
  for (const root of listRoots(graph)) inMemory.add(root);
  // A product that is rounded is written rounded.
  for (const node of nodes) {
    if (node.operation.kind === "cast" && node.inputs[0]!.operation.kind === "matmul") inMemory.add(node);
  }
  // Operands of kernels that take addresses: a strided view of memory for products, a contiguous one for the rest.
  for (const node of nodes) {
    const { kind } = node.operation;
    if (kind !== "matmul" && kind !== "composite" && kind !== "scatterAdd") continue;
    for (const operand of node.inputs) keepOperand(operand, inMemory, kind === "matmul" ? products : undefined);
  }
  // Rows are gathered where something stands in memory for others.
  for (const node of nodes) {
    if (node.operation.kind !== "gather") continue;
    for (const operand of node.inputs) if (!isReadThere(operand, inMemory)) keepOperand(operand, inMemory);
  }
  const spread = listSpread(nodes);
  const users = findUsingKernels(nodes, inMemory);
  // The sum of two products is the write-out of the later one, so that one of them less stands in memory.
  const fromProducts = new Set(nodes.filter(node => node.operation.kind === "matmul"));
  const weights = new Map<Tensor, { cost: number; reads: Set<Tensor> }>();
  for (const node of nodes) {
    const own = { cost: nodeCost(node), reads: new Set<Tensor>() };
    for (const operand of node.inputs) {
      if (inMemory.has(operand)) {
        own.reads.add(operand);
        continue;
      }
      const weight = weights.get(operand)!;
      own.cost += weight.cost;
      for (const tensor of weight.reads) own.reads.add(tensor);
    }
    weights.set(node, own);
    if (isView(node) || own.cost === 0 || inMemory.has(node) || countElements(node.shape) === 1) continue;
    // Bits are four bytes an element; what is compared or cast of them may be one.
    if (node.operation.kind === "random") continue;
    const shared = users.get(node) === "several";
    const large = [...own.reads].filter(read => countElements(read.shape) * 4 > countElements(node.shape));
    const heavy = own.cost > recomputeCostLimit || large.length > 1;
    const joins =
      node.operation.kind === "binary" &&
      node.operation.fn === "add" &&
      node.inputs.every(part => fromProducts.has(part));
    if (joins) fromProducts.add(node);
    if ((shared && heavy) || spread.has(node) || node.operation.kind === "concat" || joins) inMemory.add(node);
  }
  return inMemory;
}

/** Whether an element of the operand is one of memory, whose type may be another: rows of it are read there, and no others. */
function isReadThere(operand: Tensor, inMemory: ReadonlySet<Tensor>): boolean {
  let base = operand;
  while (!inMemory.has(base) && (isView(base) || base.operation.kind === "cast")) base = base.inputs[0]!;
  return inMemory.has(base);
}

/**
 * Makes an operand addressable: through views if the memory under it allows, else by writing the operand itself. Products say what
 * they take; other kernels take what is contiguous.
 */
function keepOperand(operand: Tensor, inMemory: Set<Tensor>, products?: ProductAbilities): void {
  let base = operand;
  const isPassed = (tensor: Tensor) => isView(tensor) || (products?.packRounded === true && isRoundedState(tensor));
  while (isPassed(base) && !inMemory.has(base)) base = base.inputs[0]!;
  const known = inMemory.has(base);
  // Of what nobody else needs whole, the part that is read.
  if (!known && products === undefined && countElements(operand.shape) < countElements(base.shape)) base = operand;
  inMemory.add(base);
  if (base === operand) return;
  const view = stridedView(operand, tensor => inMemory.has(tensor));
  const usable =
    products === undefined
      ? view !== undefined && view.offset === 0 && isContiguous(operand, view.strides)
      : view !== undefined && canMultiply(operand, view.strides, products);
  if (usable) return;
  if (!known) inMemory.delete(base);
  inMemory.add(operand);
}

function isContiguous(tensor: Tensor, strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = tensor.shape.length - 1; axis >= 0; axis--) {
    if (tensor.shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= tensor.shape[axis]!;
  }
  return true;
}

/**
 * The leading axes of a product's operand as two loops: batch b is at (b / innerCount) · outer + (b mod innerCount) · inner.
 * Undefined when two strides are not enough.
 */
export function batchStrides(
  operand: Tensor,
  strides: readonly number[],
): { readonly outer: number; readonly inner: number; readonly innerCount: number } | undefined {
  const loops: { size: number; stride: number }[] = [];
  for (const [axis, size] of operand.shape.slice(0, -2).entries()) {
    if (size === 1) continue;
    const last = loops[loops.length - 1];
    const stride = strides[axis]!;
    if (last !== undefined && last.stride === stride * size) Object.assign(last, { size: last.size * size, stride });
    else loops.push({ size, stride });
  }
  if (loops.length > 2) return undefined;
  const inner = loops.pop() ?? { size: 1, stride: 0 };
  return { outer: loops[0]?.stride ?? 0, inner: inner.stride, innerCount: inner.size };
}

/** Whether a product takes an operand with these strides. */
function canMultiply(operand: Tensor, strides: readonly number[], products: ProductAbilities): boolean {
  const batches = batchStrides(operand, strides);
  if (batches === undefined || products.takeAnyStrides) return batches !== undefined;
  const isOneLoop = batches.innerCount === countElements(operand.shape.slice(0, -2));
  return isOneLoop && matrixStrides(operand, strides) !== undefined;
}

/**
 * The strides of an operand's rows and columns where one of the two is contiguous and the other does not overlap it: what a library
 * of matrix products takes. An axis of one element has the stride that fits.
 */
export function matrixStrides(
  operand: Tensor,
  strides: readonly number[],
): { readonly row: number; readonly column: number } | undefined {
  const [rows, columns] = operand.shape.slice(-2) as [number, number];
  const [row, column] = strides.slice(-2) as [number, number];
  if (columns === 1 || column === 1) {
    const apart = rows === 1 ? columns : row;
    if (apart >= columns) return { row: apart, column: 1 };
  }
  if (rows === 1 || row === 1) {
    const apart = columns === 1 ? rows : column;
    if (apart >= rows) return { row: 1, column: apart };
  }
  return undefined;
}

function nodeCost({ operation }: Tensor): number {
  if (operation.kind === "unary") {
    return ["exp", "log", "sin", "cos", "tanh", "erf", "rsqrt", "sqrt"].includes(operation.fn) ? transcendentalCost : 1;
  }
  if (operation.kind === "random") return randomCost;
  return ["binary", "compare", "select", "cast", "concat"].includes(operation.kind) ? 1 : 0;
}

/** Elementwise tensors that are repeated along an axis on their way to a use: computing them there would repeat the work. */
function listSpread(nodes: readonly Tensor[]): Set<Tensor> {
  const spread = new Set<Tensor>();
  for (const node of nodes) {
    const { operation, inputs } = node;
    if (operation.kind !== "broadcast" && operation.kind !== "gather") continue;
    let source = inputs[0]!;
    while (isView(source)) source = source.inputs[0]!;
    if (nodeCost(source) > 0 && countElements(node.shape) > countElements(source.shape)) spread.add(source);
  }
  return spread;
}

/** For every tensor, the tensor in memory whose kernel would compute it, or that there are several. */
function findUsingKernels(nodes: readonly Tensor[], inMemory: ReadonlySet<Tensor>): Map<Tensor, Tensor | "several"> {
  const users = new Map<Tensor, Tensor | "several">();
  for (const node of [...nodes].reverse()) {
    const user = inMemory.has(node) ? node : users.get(node)!;
    for (const operand of node.inputs) {
      const known = users.get(operand) ?? user;
      users.set(operand, known === user ? user : "several");
    }
  }
  return users;
}
