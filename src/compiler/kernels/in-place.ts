// Which results are written where old values stand: a state's new value over its old one, and a temporary over another that
// nobody reads any more. Either way every old value must be read before its place is written.

import { countElements, type Graph, type Tensor } from "../../graph/tensor.ts";
import { indexKey } from "../indices/index-expression.ts";
import type { Target } from "../target.ts";
import {
  baseOf,
  canonical,
  copyGroups,
  type DraftGroup,
  type FusedGraph,
  type Group,
  type Owner,
  type Results,
  reaches,
  type Store,
} from "./group.ts";
import { listReaders, listWrites } from "./order.ts";

/** Whether a store may write over the old values that its group reads. */
function canOverwrite(group: Group, store: Store, isOld: (tensor: Tensor) => boolean, fused: FusedGraph): boolean {
  if (store.reduction !== "none") return false;
  if (group.template?.inputs.some(operand => isOld(baseOf(operand, fused.inMemory)))) return false;
  // In one pass over the columns every value is read before it is written; after a row reduction comes another pass.
  const onePass = group.stores.every(candidate => candidate.reduction !== "row");
  const own = indexKey(canonical(store.position, store.loop));
  return group.stores.every(candidate =>
    candidate.loads.every(
      load =>
        !isOld(load.tensor) ||
        ((onePass || candidate === store) && indexKey(canonical(load.flat, candidate.loop)) === own),
    ),
  );
}

/** The writer of a state's new value waits for every reader of the old one, where it can, and writes over it. */
export function placeResults(
  { groups, inMemory }: FusedGraph,
  { outputs, updates }: Graph,
): { readonly placed: FusedGraph; readonly results: Results } {
  const placed = { groups: copyGroups(groups), inMemory };
  const owners: [Tensor, Owner][] = Object.entries(outputs).map(([name, tensor]) => [tensor, { kind: "output", name }]);
  const ordered = orderUpdates(placed, updates);
  const copies: { name: string; from: Tensor }[] = [];
  for (const [name, tensor] of Object.entries(updates)) {
    if (ordered.has(name)) owners.push([tensor, { kind: "state", name }]);
    else copies.push({ name, from: tensor });
  }
  const tensors = [...owners.map(([tensor]) => tensor), ...copies.map(({ from }) => from)];
  return { placed, results: { owners: new Map(owners), copies, tensors: new Set(tensors) } };
}

/** Makes writers wait. The names of the states whose writer waits for every reader of the old value. */
function orderUpdates(fused: FusedGraph<DraftGroup>, updates: Readonly<Record<string, Tensor>>): ReadonlySet<string> {
  const writers = new Map(fused.groups.flatMap(group => listWrites(group).map(target => [target, group] as const)));
  const readers = new Map<string, Set<DraftGroup>>();
  for (const [{ operation }, groups] of listReaders(fused)) {
    if (operation.kind !== "state") continue;
    const known = readers.get(operation.name) ?? new Set();
    for (const group of groups) known.add(group);
    readers.set(operation.name, known);
  }
  const ordered = Object.entries(updates).filter(([name, value]) =>
    orderUpdate(fused, name, value, writers.get(value)!, readers.get(name) ?? new Set()),
  );
  return new Set(ordered.map(([name]) => name));
}

function orderUpdate(
  fused: FusedGraph,
  name: string,
  value: Tensor,
  writer: DraftGroup,
  readers: ReadonlySet<DraftGroup>,
): boolean {
  if (readers.has(writer)) {
    const isState = ({ operation }: Tensor) => operation.kind === "state" && operation.name === name;
    const store = writer.stores.find(candidate => candidate.target === value);
    if (store === undefined || !canOverwrite(writer, store, isState, fused)) return false;
  }
  const before = [...readers].filter(group => group !== writer);
  if (before.some(reader => reaches(reader, writer))) return false;
  for (const reader of before) writer.dependencies.add(reader);
  return true;
}

/**
 * For each temporary that is written over another of its size and type, the first tensor that stood in that place: none where the
 * target overwrites no operands. A result has memory of its own.
 */
export function findOverwritten(
  fused: FusedGraph,
  { tensors }: Pick<Results, "tensors">,
  { overwritesOperands }: Pick<Target, "overwritesOperands">,
): ReadonlyMap<Tensor, Tensor> {
  const places = new Map<Tensor, Tensor>();
  if (!overwritesOperands) return places;
  const readers = listReaders(fused);
  const placeOf = (tensor: Tensor) => places.get(tensor) ?? tensor;
  const isTemporary = (tensor: Tensor) =>
    tensor.operation.kind !== "input" && tensor.operation.kind !== "state" && !tensors.has(tensor);
  const done = new Set<Group>();
  for (const group of fused.groups) {
    done.add(group);
    const taken = new Set<Tensor>();
    for (const store of group.stores) {
      const { target } = store;
      // A joined tensor has a store for each part, and its readers may run between them.
      if (!isTemporary(target) || target.operation.kind === "concat") continue;
      const old = store.loads.find(({ tensor }) => {
        const place = placeOf(tensor);
        if (!isTemporary(tensor) || taken.has(place) || group.stores.some(own => own.target === tensor)) return false;
        const isLast = [...readers.get(tensor)!].every(reader => done.has(reader));
        const fits = tensor.dtype === target.dtype && countElements(tensor.shape) === countElements(target.shape);
        return isLast && fits && canOverwrite(group, store, other => placeOf(other) === place, fused);
      });
      if (old === undefined) continue;
      taken.add(placeOf(old.tensor));
      places.set(target, placeOf(old.tensor));
    }
  }
  return places;
}
