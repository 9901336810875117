// The launches of a program in their order: what the target makes of each group, and copies of what could not be written to its place.

import { createTensor, type Tensor } from "../../graph/tensor.ts";
import type { FusedGraph, Group, Results } from "../kernels/group.ts";
import { isReadOutside, listReaders, listReads, listWrites } from "../kernels/order.ts";
import type { CompileOptions, DraftLaunch, EmitContext, Target } from "../target.ts";
import { describeGroup } from "./describe-group.ts";

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
    isAlone: ordered.groups.length === 1,
    isExternal: (tensor, group) => tensors.has(tensor) || isReadOutside(tensor, group, readers),
    stateOf: tensor => {
      const { operation } = tensor;
      if (operation.kind === "state") return operation.name;
      const owner = owners.get(tensor);
      return owner?.kind === "state" ? owner.name : undefined;
    },
  };
  const known = new Map<string, { readonly drafts: readonly DraftLaunch[]; readonly tensors: readonly Tensor[] }>();
  const emit = (group: Group): readonly DraftLaunch[] => {
    const { key, tensors } = describeGroup(group, context);
    const same = known.get(key);
    if (same !== undefined) {
      const own = (tensor: Tensor) => tensors[same.tensors.indexOf(tensor)]!;
      return same.drafts.map(draft => ({ ...draft, pointers: draft.pointers.map(own) }));
    }
    const { kind } = group;
    const drafts = [target.emitters[kind === "row" || kind === "column" ? "fused" : kind](group, context)].flat();
    // The scratch of several launches is a group's own.
    if (drafts.length === 1) known.set(key, { drafts, tensors });
    return drafts;
  };
  const launched = ordered.groups.map((group): LaunchedGroup => {
    return { launches: emit(group), reads: listReads(group, ordered), writes: listWrites(group) };
  });
  // A finished value goes into a state whose old value was needed to the end.
  for (const { name, from } of copies) {
    const to = createTensor({ kind: "state", name }, [], from.shape, from.dtype);
    launched.push({ launches: [target.emitCopy(from, to)], reads: [from], writes: [to] });
  }
  return launched;
}
