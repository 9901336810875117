// The precision policy: which values are bf16 or f16 in a graph that was written in f32. Parameters, statistics, sums and everything
// elementwise stay f32; what the matrix units read is narrow, and so is what they write where it would cross memory.

import { cast } from "../../graph/operations.ts";
import {
  countUses,
  createTensor,
  type Graph,
  listRoots,
  type Precision,
  sortTopologically,
  type Tensor,
} from "../../graph/tensor.ts";
import type { CompileOptions, Target } from "../target.ts";
import { isView } from "./materialise.ts";
import { rewriteGraph } from "./simplify.ts";

/**
 * bf16 and f16: operands of products and of composites that have a kernel are cast to it. A composite's result is stored so, and
 * so is a product that stands in memory to be worked on: that of several uses, and where products cannot do elementwise work as
 * they are written, that of one use too, unless it is added to something.
 */
export function applyPrecision(
  graph: Graph,
  { products }: Pick<Target, "products">,
  { precision }: Pick<CompileOptions, "precision">,
): Graph {
  if (precision === "f32") return graph;
  const narrow = (tensor: Tensor) => narrowTo(precision, tensor);
  const uses = countUses(graph);
  // A rewritten node has other inputs than the one that was counted, so uses are found by the tensor it replaces.
  const shared = new Set([...uses].filter(([, count]) => count > 1).map(([tensor]) => tensor.id));
  if (!products.writeAnything) for (const product of listWorkedOn(graph)) shared.add(product.id);
  return rewriteGraph(graph, (node, original) => {
    const { operation, inputs, shape, dtype } = node;
    if (dtype !== "f32") return node;
    if (operation.kind === "composite") {
      return cast(createTensor(operation, inputs.map(narrow), shape, precision), "f32");
    }
    if (operation.kind !== "matmul" || operation.isExact) return node;
    const product = createTensor(operation, inputs.map(narrow), shape, "f32");
    return shared.has(original.id) ? cast(cast(product, precision), "f32") : product;
  });
}

/** Products that elementwise work other than a sum of two tensors reads. */
function listWorkedOn(graph: Graph): Tensor[] {
  return sortTopologically(listRoots(graph)).flatMap(({ operation, inputs }) => {
    if (!["unary", "binary", "select", "cast", "reduce"].includes(operation.kind)) return [];
    const isSum = operation.kind === "binary" && operation.fn === "add";
    const isSpread = inputs.some(operand => operand.operation.kind === "broadcast");
    return isSum && !isSpread ? [] : inputs.map(skipViews).filter(operand => operand.operation.kind === "matmul");
  });
}

function isSource(tensor: Tensor): boolean {
  const { kind } = skipViews(tensor).operation;
  return kind === "input" || kind === "state";
}

function skipViews(tensor: Tensor): Tensor {
  return isView(tensor) ? skipViews(tensor.inputs[0]!) : tensor;
}

/**
 * The tensor as bf16 or f16: the cast lies below views, joined parts and rows that are gathered of what is computed, and what was so before
 * is taken as it was.
 */
function narrowTo(precision: Precision, tensor: Tensor): Tensor {
  const { operation, inputs, shape, dtype } = tensor;
  if (dtype !== "f32") return tensor;
  if (operation.kind === "gather" && !isSource(inputs[0]!)) {
    return createTensor(operation, [narrowTo(precision, inputs[0]!), inputs[1]!], shape, precision);
  }
  if (operation.kind === "select" && skipViews(inputs[1]!).operation.kind === "gather") {
    const [condition, ...branches] = inputs as [Tensor, Tensor, Tensor];
    return createTensor(operation, [condition, ...branches.map(each => narrowTo(precision, each))], shape, precision);
  }
  if (isView(tensor) || operation.kind === "concat") {
    const parts = inputs.map(part => narrowTo(precision, part));
    return createTensor(operation, parts, shape, precision);
  }
  return operation.kind === "cast" && inputs[0]!.dtype === precision ? inputs[0]! : cast(tensor, precision);
}
