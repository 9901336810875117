// Joins elementwise work on rows to an earlier kernel of the same rows, where all that stands between is one number a row: the
// gradient of a cross-entropy needs of the logits what the loss needed, and of the loss each row's share of the mean. In one
// kernel the row is still in a cache when it is read again.

import { countElements, type Tensor } from "../../graph/tensor.ts";
import { indexKey } from "../indices/index-expression.ts";
import {
  canonical,
  copyGroups,
  type DraftGroup,
  type Group,
  isScalarOf,
  reaches,
  type Store,
} from "../kernels/group.ts";

/** The same tensors made by fewer groups, which are in no order. */
export function joinPasses(separate: readonly Group[]): readonly Group[] {
  const groups = copyGroups(separate);
  for (const later of groups.filter(isElementwise)) {
    for (const first of groups) {
      const between = later === first ? undefined : findBetween(first, later);
      if (between === undefined) continue;
      for (const [group, stores] of between) {
        group.stores.splice(0, group.stores.length, ...group.stores.filter(store => !stores.includes(store)));
        group.dependencies.add(first);
        for (const store of stores) first.stores.push({ ...store, scope: "scalar" });
      }
      first.stores.push(...later.stores);
      for (const dependency of later.dependencies) {
        if (dependency !== first && !between.has(dependency)) first.dependencies.add(dependency);
      }
      groups.splice(groups.indexOf(later), 1);
      for (const { dependencies } of groups) if (dependencies.delete(later)) dependencies.add(first);
      break;
    }
  }
  return groups;
}

function isElementwise({ kind, rows, stores }: Group): boolean {
  return (
    kind === "row" &&
    rows.length > 0 &&
    stores.every(({ reduction, scope }) => reduction === "none" && scope === "vector")
  );
}

/**
 * The groups between two kernels of the same rows, each with its stores that `later` reads, when those can be made a row at a time
 * by `first`; undefined when the two cannot be one.
 */
function findBetween(first: DraftGroup, later: DraftGroup): Map<DraftGroup, readonly Store[]> | undefined {
  const isSameRows = first.kind === "row" && first.columns === later.columns && first.rows.join() === later.rows.join();
  if (!isSameRows || !reaches(later, first) || !sharesRows(first, later)) return undefined;
  const between = new Map<DraftGroup, readonly Store[]>();
  for (const group of later.dependencies) {
    if (group === first || !reaches(group, first)) continue;
    const stores = group.stores.filter(({ target }) => listRead(later.stores).has(target));
    // Left alone, the rest of the group must still stand.
    if (group.kind !== "row" || stores.length === 0 || stores.length === group.stores.length) return undefined;
    if (!stores.every(store => canMove(store, group, first))) return undefined;
    between.set(group, stores);
  }
  const made = [...first.stores, ...[...between.values()].flat()];
  return later.stores.every(store => readsInPlace(store, made)) ? between : undefined;
}

/** Whether a store is one number a row, made of what `first` makes of each row and of what `first` can wait for. */
function canMove(store: Store, group: Group, first: Group): boolean {
  if (store.reduction !== "none" || !isScalarOf(store, first) || !readsInPlace(store, first.stores)) return false;
  const reads = listRead([store]);
  const readsVector = first.stores.some(
    ({ target, reduction, scope }) => reads.has(target) && reduction !== "row" && scope !== "scalar",
  );
  if (readsVector || group.stores.some(({ target }) => reads.has(target))) return false;
  const own = new Set(first.stores.map(({ target }) => target));
  return [...reads].every(tensor => own.has(tensor) || !isMade(tensor));
}

/** Whether a kernel writes the tensor. */
function isMade({ operation }: Tensor): boolean {
  return operation.kind !== "input" && operation.kind !== "state";
}

const listRead = (stores: readonly Store[]) =>
  new Set(stores.flatMap(({ loads }) => loads.map(({ tensor }) => tensor)));

/** Whether a store reads whatever these stores make at the row and column where it is made. */
function readsInPlace({ loads, loop }: Store, made: readonly Store[]): boolean {
  return loads.every(({ tensor, flat }) =>
    made.every(
      ({ target, value, position, loop: own }) =>
        target !== tensor ||
        (value === target && indexKey(canonical(flat, loop)) === indexKey(canonical(position, own))),
    ),
  );
}

/** Whether both read the same whole rows. */
function sharesRows(first: Group, later: Group): boolean {
  const size = countElements(first.rows) * first.columns;
  const read = listRead(first.stores);
  return [...listRead(later.stores)].some(tensor => read.has(tensor) && countElements(tensor.shape) >= size);
}
