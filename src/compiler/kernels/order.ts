// The order in which kernels run, so that little memory is needed at once: of the kernels that can run, the one after which
// the least stands in memory; among equals, the one that the graph made first. A kernel that reads no result of another, such
// as one that draws the bits of a dropout, waits for the first that reads it. What takes no memory, frees none, and is read by no other comes
// last: it fills the time of threads that others leave nothing to do.

import { bytesPerElement, countElements, type Tensor } from "../../graph/tensor.ts";
import { baseOf, type FusedGraph, type Group, type Results } from "./group.ts";

/** The tensors in memory that a group reads. */
export function listReads(group: Group, fused: FusedGraph): Tensor[] {
  const operands = group.template?.inputs.map(operand => baseOf(operand, fused.inMemory)) ?? [];
  return [...operands, ...group.stores.flatMap(store => store.loads.map(load => load.tensor))];
}

/** The tensors that a group writes; one whose readers are all in the group itself never stands in memory. */
export function listWrites(group: Group): Tensor[] {
  const targets = group.stores.map(store => store.target);
  return group.template === undefined || targets.length > 0 ? targets : [group.template];
}

/** The groups that read each tensor. */
export function listReaders<Of extends Group>(fused: FusedGraph<Of>): ReadonlyMap<Tensor, ReadonlySet<Of>> {
  const readers = new Map<Tensor, Set<Of>>();
  for (const group of fused.groups) {
    for (const tensor of listReads(group, fused)) {
      readers.set(tensor, (readers.get(tensor) ?? new Set()).add(group));
    }
  }
  return readers;
}

/** Every group after those it depends on. What is written to a place of its own neither takes nor frees memory. */
export function orderGroups(fused: FusedGraph, { owners }: Pick<Results, "owners">): FusedGraph {
  const readers = listReaders(fused);
  const bytes = new Map<Tensor, number>();
  const reads = new Map<Group, Set<Tensor>>();
  const writes = new Map<Group, Set<Tensor>>();
  for (const group of fused.groups) {
    const written = listWrites(group).filter(tensor => !owners.has(tensor) && isReadOutside(tensor, group, readers));
    for (const tensor of written) bytes.set(tensor, countElements(tensor.shape) * bytesPerElement[tensor.dtype]);
    writes.set(group, new Set(written));
  }
  // Of the group's own results it frees none, and what is no temporary is never freed.
  for (const group of fused.groups) {
    const own = writes.get(group)!;
    reads.set(group, new Set(listReads(group, fused).filter(tensor => bytes.has(tensor) && !own.has(tensor))));
  }
  const awaited = new Set(fused.groups.flatMap(group => [...group.dependencies]));
  const comesLast = (group: Group) =>
    !awaited.has(group) && reads.get(group)!.size === 0 && writes.get(group)!.size === 0;
  const isFirst = (group: Group) => group.dependencies.size === 0 && writes.get(group)!.size > 0;

  const order: Group[] = [];
  const done = new Set<Group>();
  const standing = new Set<Tensor>();
  /** The groups that must run before this one; undefined where some of them wait for others. */
  const findBefore = (group: Group): Group[] | undefined => {
    const before: Group[] = [];
    for (const dependency of group.dependencies) {
      if (done.has(dependency)) continue;
      if (!isFirst(dependency)) return undefined;
      before.push(dependency);
    }
    return before;
  };
  /** Bytes that stand in memory after these groups beyond those that do now. */
  const growth = (groups: readonly Group[]): number => {
    const running = new Set(groups);
    const made = new Set(groups.flatMap(group => [...writes.get(group)!]).filter(tensor => !standing.has(tensor)));
    const touched = new Set([...made, ...groups.flatMap(group => [...reads.get(group)!])]);
    let total = 0;
    for (const tensor of touched) {
      const isLast = [...readers.get(tensor)!].every(reader => done.has(reader) || running.has(reader));
      total += (made.has(tensor) ? bytes.get(tensor)! : 0) - (isLast ? bytes.get(tensor)! : 0);
    }
    return total;
  };
  const run = (group: Group) => {
    order.push(group);
    done.add(group);
    for (const tensor of writes.get(group)!) standing.add(tensor);
  };
  const waiting = new Set(fused.groups.filter(group => !isFirst(group)));
  while (waiting.size > 0) {
    let best: { group: Group; before: Group[]; growth: number } | undefined;
    for (const group of waiting) {
      const before = findBefore(group);
      if (before === undefined) continue;
      const candidate = { group, before, growth: comesLast(group) ? Number.MAX_VALUE : growth([...before, group]) };
      if (best === undefined || candidate.growth < best.growth) best = candidate;
    }
    best!.before.forEach(run);
    run(best!.group);
    waiting.delete(best!.group);
  }
  return { ...fused, groups: order };
}

/** Whether another group reads the tensor. */
export function isReadOutside(tensor: Tensor, group: Group, readers: ReadonlyMap<Tensor, ReadonlySet<Group>>): boolean {
  const of = readers.get(tensor);
  return of !== undefined && of.size > (of.has(group) ? 1 : 0);
}
