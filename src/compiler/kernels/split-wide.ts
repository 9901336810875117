// Cuts a group that has gathered many independent tensors (all norms of a model in an update) into groups: first by levels of
// reductions, then into stores that read each other. On a cpu one loop over all of them is as good; on a GPU it would be one
// warp, and a kernel whose values fit in no register file. The parts of equal tensors emit the same text.

import type { Tensor } from "../../graph/tensor.ts";
import type { Target } from "../target.ts";
import { copyGroups, type DraftGroup, type FusedGraph, type Group, type Store } from "./group.ts";
import { assignLevels } from "./levels.ts";

/** The same stores in groups that read and write at most so many tensors each, as far as stores can be parted. */
export function splitWideGroups(
  { groups, inMemory }: FusedGraph,
  { mostTensors }: Pick<Target, "mostTensors">,
): FusedGraph {
  /** What becomes of each group. */
  const partsOf = new Map(
    copyGroups(groups).map(group => [group, isWide(group, mostTensors) ? splitGroup(group) : [group]]),
  );
  const split = [...partsOf.values()].flat();
  for (const { dependencies } of split) {
    for (const [group, parts] of partsOf) {
      if (parts.length === 1 || !dependencies.delete(group)) continue;
      for (const part of parts) dependencies.add(part);
    }
  }
  return { groups: split, inMemory };
}

const listRead = (store: Store): Tensor[] => store.loads.map(({ tensor }) => tensor);

function isWide({ kind, stores }: Group, mostTensors: number): boolean {
  return kind === "row" && new Set(stores.flatMap(store => [store.target, ...listRead(store)])).size > mostTensors;
}

/** Parts in an order in which each comes after those it reads. */
function splitGroup(group: DraftGroup): DraftGroup[] {
  const levels = assignLevels(group);
  // What there is one of a row comes before what is made of it in the same level.
  const stageOf = (store: Store) => 2 * levels.get(store)! + (store.scope === "scalar" ? 0 : 1);
  const parts: Store[][] = [];
  for (const store of [...group.stores].sort((a, b) => stageOf(a) - stageOf(b))) {
    const reads = new Set(listRead(store));
    const joined = parts.filter(
      part => stageOf(part[0]!) === stageOf(store) && part.some(({ target }) => reads.has(target)),
    );
    for (const part of joined) parts.splice(parts.indexOf(part), 1);
    parts.push([...joined.flat(), store]);
  }
  const made: DraftGroup[] = [];
  for (const stores of parts) {
    const reads = new Set(stores.flatMap(listRead));
    const before = made.filter(part => part.stores.some(({ target }) => reads.has(target)));
    made.push({ ...group, stores, dependencies: new Set([...group.dependencies, ...before]) });
  }
  return made;
}
