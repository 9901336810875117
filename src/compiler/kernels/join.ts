// Groups that a target joins to one kernel after fusion left them apart, because they read the same memory: sums of columns to the
// kernel of the rows that they are sums of.

import { bytesPerElement, countElements, type Tensor } from "../../graph/tensor.ts";
import { copyGroups, type DraftGroup, type Group, reaches } from "./group.ts";

export type Join = (isGuest: (group: Group) => boolean, isHome: (guest: Group, home: Group) => boolean) => void;

/** Copies of the groups, which `join` joins: each guest to the first group that is a home for it. */
export function startJoining(groups: readonly Group[]): { readonly left: readonly Group[]; readonly join: Join } {
  const left = copyGroups(groups);
  const join: Join = (isGuest, isHome) => {
    for (const guest of [...left].filter(isGuest)) {
      const home = left.find(group => group !== guest && isHome(guest, group));
      if (home !== undefined) joinTo(home, guest, left);
    }
  };
  return { left, join };
}

function joinTo(home: DraftGroup, guest: DraftGroup, left: DraftGroup[]): void {
  home.stores.push(...guest.stores);
  for (const dependency of guest.dependencies) if (dependency !== home) home.dependencies.add(dependency);
  left.splice(left.indexOf(guest), 1);
  for (const { dependencies } of left) if (dependencies.delete(guest)) dependencies.add(home);
}

/** Sums over rows within blocks of rows: (blocks, rows, columns) to (blocks, columns). */
export function isPartialSum({ kind, rows, stores }: Group): boolean {
  return (
    kind === "column" &&
    rows.length === 2 &&
    stores.every(({ value }) => (value.operation as { fn?: string }).fn === "sum")
  );
}

/** Rows as many and as long, which read the same in the same blocks, and neither group needs the other. */
export function sharesRows(columns: Group, rows: Group): boolean {
  if (rows.kind !== "row" || rows.columns !== columns.columns) return false;
  if (countElements(rows.rows) !== countElements(columns.rows)) return false;
  const otherBlocks = rows.stores.find(({ reduction }) => reduction === "column")?.loop;
  if (otherBlocks !== undefined && otherBlocks.join() !== columns.stores[0]!.loop.join()) return false;
  return sharesMost(columns, rows) && !reaches(columns, rows) && !reaches(rows, columns);
}

/** Whether half of what the sums read of whole rows is read by the other kernel too. */
function sharesMost(columns: Group, rows: Group): boolean {
  const size = countElements(rows.rows) * rows.columns;
  const listLarge = (group: Group) =>
    new Set(
      group.stores
        .flatMap(({ loads }) => loads.map(({ tensor }) => tensor))
        .filter(({ shape }) => countElements(shape) >= size),
    );
  const bytesOf = (tensors: Iterable<Tensor>) =>
    [...tensors].reduce((sum, { dtype }) => sum + bytesPerElement[dtype], 0);
  const own = listLarge(columns);
  const other = listLarge(rows);
  const shared = [...own].filter(tensor => other.has(tensor));
  return shared.length > 0 && 2 * bytesOf(shared) >= bytesOf(own);
}
