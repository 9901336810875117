// The launches of a program in their order: what the target makes of each group, and copies of what could not be written to its place.

import { createTensor } from "../../graph/tensor.ts";
import type { FusedGraph, Results } from "../kernels/group.ts";
import { listReaders } from "../kernels/order.ts";
import type { CompileOptions, DraftLaunch, PrintContext, Target } from "../target.ts";

export function emitLaunches(
  ordered: FusedGraph,
  { owners, copies, tensors }: Results,
  target: Target,
  options: CompileOptions,
): DraftLaunch[] {
  const readers = listReaders(ordered);
  const context: PrintContext = {
    options,
    inMemory: ordered.inMemory,
    isExternal: (tensor, group) =>
      tensors.has(tensor) || [...(readers.get(tensor) ?? [])].some(reader => reader !== group),
    stateOf: tensor => {
      const { operation } = tensor;
      if (operation.kind === "state") return operation.name;
      const owner = owners.get(tensor);
      return owner?.kind === "state" ? owner.name : undefined;
    },
  };
  const launches = ordered.groups.flatMap(group => {
    const emit = group.kind === "row" || group.kind === "column" ? target.emitters.fused : target.emitters[group.kind];
    return emit(group, context);
  });
  // A finished value goes into a state whose old value was needed to the end.
  for (const { name, from } of copies) {
    launches.push(target.emitCopy(from, createTensor({ kind: "state", name }, [], from.shape, from.dtype)));
  }
  return launches;
}
