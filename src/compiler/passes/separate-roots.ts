// Gives every result a tensor of its own that a kernel writes, so that each can be written to a place of its own.

import { createTensor, type Graph, type Tensor } from "../../graph/tensor.ts";

const written = new Set([
  "unary",
  "binary",
  "select",
  "cast",
  "matmul",
  "scatterAdd",
  "replaceRows",
  "reduce",
  "composite",
]);

/** The same outputs and updates; one that is a view, a source or another's tensor becomes a copy. */
export function separateRoots({ outputs, updates }: Graph): Graph {
  const taken = new Set<Tensor>();
  const separate = (tensor: Tensor): Tensor => {
    const isOwn = !taken.has(tensor) && written.has(tensor.operation.kind);
    const own = isOwn ? tensor : createTensor({ kind: "cast" }, [tensor], tensor.shape, tensor.dtype);
    taken.add(own);
    return own;
  };
  const map = (tensors: Readonly<Record<string, Tensor>>) =>
    Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, separate(tensor)]));
  return { outputs: map(outputs), updates: map(updates) };
}
