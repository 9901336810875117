// The launches of a program in their order: what the target makes of each group, and copies of what could not be written to its place.

import { createTensor, type Tensor } from "../../graph/tensor.ts";
import type { FusedGraph, Results } from "../kernels/group.ts";
import { listReaders, listReads, listWrites } from "../kernels/order.ts";
import type { CompileOptions, DraftLaunch, EmitContext, Target } from "../target.ts";

/** Launches that are run together, what they read of others, and what they write. */
export interface LaunchedGroup {
  readonly launches: readonly DraftLaunch[];
  readonly reads: readonly Tensor[];
  readonly writes: readonly Tensor[];
}

export function emitLaunches(
  ordered: FusedGraph,
  { owners, copies, tensors }: Results,
  target: Target,
  options: CompileOptions,
): LaunchedGroup[] {
  const readers = listReaders(ordered);
  const context: EmitContext = {
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
  const launched = ordered.groups.map((group): LaunchedGroup => {
    const emit = group.kind === "row" || group.kind === "column" ? target.emitters.fused : target.emitters[group.kind];
    return { launches: [emit(group, context)].flat(), reads: listReads(group, ordered), writes: listWrites(group) };
  });
  // A finished value goes into a state whose old value was needed to the end.
  for (const { name, from } of copies) {
    const to = createTensor({ kind: "state", name }, [], from.shape, from.dtype);
    launched.push({ launches: [target.emitCopy(from, to)], reads: [from], writes: [to] });
  }
  return launched;
}
