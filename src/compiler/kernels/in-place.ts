// Which results are written where old values stand: a state's new value over its old one, and a temporary over another that
// nobody reads any more. Either way every old value must be read before its place is written.

import { countElements, type Graph, type Tensor } from "../../graph/tensor.ts";
import { type Index, indexKey } from "../indices/index-expression.ts";
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

/** A group's read of what stands in a place: by which store, and with which index. A template's reads are in no order of ours. */
type Read = { readonly store: Store; readonly flat: Index } | "template";

/** What a group reads, by the place that each tensor stands in; of some tensors nobody asks. */
function listReadsByPlace<Place>(
  group: Group,
  { inMemory }: FusedGraph,
  placeOf: (tensor: Tensor) => Place | undefined,
): ReadonlyMap<Place, readonly Read[]> {
  const reads = new Map<Place, Read[]>();
  const note = (tensor: Tensor, read: Read) => {
    const place = placeOf(tensor);
    if (place === undefined) return;
    const known = reads.get(place);
    if (known === undefined) reads.set(place, [read]);
    else known.push(read);
  };
  for (const store of group.stores) for (const { tensor, flat } of store.loads) note(tensor, { store, flat });
  for (const operand of group.template?.inputs ?? []) note(baseOf(operand, inMemory), "template");
  return reads;
}

/** Whether a store may write over the old values that its group reads so. */
function canOverwrite(group: Group, store: Store, reads: readonly Read[]): boolean {
  if (store.reduction !== "none") return false;
  // In one pass over the columns every value is read before it is written; after a row reduction comes another pass.
  const onePass = group.stores.every(candidate => candidate.reduction !== "row");
  const own = indexKey(canonical(store.position, store.loop));
  return reads.every(
    read =>
      read !== "template" &&
      (onePass || read.store === store) &&
      indexKey(canonical(read.flat, read.store.loop)) === own,
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
    else if (tensor.operation.kind !== "replaceRows") copies.push({ name, from: tensor });
    else throw new Error(`rows of ${name} are replaced before all of its old ones are read`);
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
  const stateOf = ({ operation }: Tensor) => (operation.kind === "state" ? operation.name : undefined);
  const reads = new Map<DraftGroup, ReadonlyMap<string, readonly Read[]>>();
  const readsOf = (group: DraftGroup, name: string) => {
    const known = reads.get(group) ?? listReadsByPlace(group, fused, stateOf);
    reads.set(group, known);
    return known.get(name) ?? [];
  };
  const ordered = Object.entries(updates).filter(([name, value]) => {
    const writer = writers.get(value)!;
    return orderUpdate(value, writer, readers.get(name) ?? new Set(), readsOf(writer, name));
  });
  return new Set(ordered.map(([name]) => name));
}

/** Makes the writer of a state's new value wait for every reader of the old one, if it can. `own` is what it reads of the old value itself. */
function orderUpdate(
  value: Tensor,
  writer: DraftGroup,
  readers: ReadonlySet<DraftGroup>,
  own: readonly Read[],
): boolean {
  if (readers.has(writer)) {
    const store = writer.stores.find(candidate => candidate.target === value);
    if (store === undefined || !canOverwrite(writer, store, own)) return false;
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
    const reads = listReadsByPlace(group, fused, placeOf);
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
        return isLast && fits && canOverwrite(group, store, reads.get(place)!);
      });
      if (old === undefined) continue;
      taken.add(placeOf(old.tensor));
      places.set(target, placeOf(old.tensor));
    }
  }
  return places;
}
