// What can be asked of a group before it is lowered: whether it is over elements whatever their shape, and in which pass over the
// columns each of its stores happens.

import { indexKey } from "../indices/index-expression.ts";
import { canonical, type Group, type Store } from "./group.ts";

/** Every access is to the loop's own place or to one fixed element: the loop is over elements, whatever the shape. */
export function isFlat(group: Group): boolean {
  return group.stores.every(store => {
    if (store.reduction !== "none" || store.scope === "scalar") return false;
    const own = indexKey(canonical(store.position, store.loop));
    return (
      store.loads.every(load => load.flat.terms.length === 0 || indexKey(canonical(load.flat, store.loop)) === own) &&
      isWhole(store)
    );
  });
}

function isWhole(store: Store): boolean {
  return (
    store.target.shape.length === store.loop.length &&
    store.target.shape.every((size, axis) => size === store.loop[axis])
  );
}

/** The pass over the columns in which each store happens: after the reductions it needs. */
export function assignLevels(group: Group): Map<Store, number> {
  const levels = new Map<Store, number>();
  for (const store of group.stores) {
    let level = 0;
    for (const { tensor } of store.loads) {
      const own = group.stores.find(candidate => candidate.target === tensor && levels.has(candidate));
      if (own !== undefined) level = Math.max(level, levels.get(own)! + (own.reduction === "row" ? 1 : 0));
    }
    levels.set(store, level);
  }
  return levels;
}

/** The function of a reduction. */
export function reductionOf({ value }: Store): "sum" | "max" {
  return (value.operation as { readonly fn: "sum" | "max" }).fn;
}

/** Whether a store makes one value for each column of the row that a later pass reads. */
export function isReadLater(store: Store, group: Group, levels: ReadonlyMap<Store, number>): boolean {
  if (store.scope !== "vector" || store.reduction !== "none") return false;
  const level = levels.get(store)!;
  return group.stores.some(
    other => levels.get(other)! > level && other.loads.some(({ tensor }) => tensor === store.target),
  );
}
