// Joins kernels that fusion left apart, where a GPU gains by it. The gradients of a norm's weight and bias read what the norm's own
// gradient reads: one kernel of rows makes both. Their last sums are short, so they share a launch, and what is done with them
// (added to a gradient so far) is done as they are written. On a cpu such loops differ too much to be one, and a launch costs little.

import { bytesPerElement, countElements, type Tensor } from "../../graph/tensor.ts";
import { indexKey } from "../indices/index-expression.ts";
import { canonical, copyGroups, type DraftGroup, type FusedGraph, type Group, reaches } from "../kernels/group.ts";
import { fitsSums } from "../loops/lower-gpu-rows.ts";
import { joinPasses } from "./cuda-passes.ts";
import type { GpuDevice } from "./gpu-device.ts";

/** The same tensors made by kernels that suit a GPU. */
export function regroupForCuda({ groups, inMemory }: FusedGraph, gpu: GpuDevice): FusedGraph {
  const left = copyGroups(joinPasses(groups));
  const join = (isGuest: (group: Group) => boolean, isHome: (guest: Group, home: Group) => boolean) => {
    for (const guest of [...left].filter(isGuest)) {
      const home = left.find(group => group !== guest && isHome(guest, group));
      if (home !== undefined) joinTo(home, guest, left);
    }
  };
  join(isPartialSum, (columns, rows) => sharesRows(columns, rows, gpu));
  join(isLastSum, isTwin);
  join(isOfOneRow, isMadeOfSums);
  return { groups: left, inMemory };
}

function joinTo(home: DraftGroup, guest: DraftGroup, left: DraftGroup[]): void {
  home.stores.push(...guest.stores);
  for (const dependency of guest.dependencies) if (dependency !== home) home.dependencies.add(dependency);
  left.splice(left.indexOf(guest), 1);
  for (const { dependencies } of left) if (dependencies.delete(guest)) dependencies.add(home);
}

/** Sums over rows within blocks of rows: (blocks, rows, columns) to (blocks, columns). */
function isPartialSum({ kind, rows, stores }: Group): boolean {
  return (
    kind === "column" &&
    rows.length === 2 &&
    stores.every(({ value }) => (value.operation as { fn?: string }).fn === "sum")
  );
}

/** Rows as many and as long, which read the same, and neither group needs the other. */
function sharesRows(columns: Group, rows: Group, gpu: GpuDevice): boolean {
  if (rows.kind !== "row" || rows.columns !== columns.columns) return false;
  if (countElements(rows.rows) !== countElements(columns.rows)) return false;
  const stores = [...rows.stores, ...columns.stores];
  const totals = stores.filter(({ reduction }) => reduction === "column").length;
  const own = new Set(stores.map(({ target }) => target));
  const loaded = stores.flatMap(({ loads }) => loads.map(({ tensor }) => tensor));
  const operands = new Set(loaded.filter(tensor => tensor.shape.at(-1) === rows.columns && !own.has(tensor)));
  // A thread has one register for each sum and each operand of its columns.
  if (!fitsSums(columns.columns, totals + operands.size, gpu)) return false;
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

/** A sum of one block of rows: the last stage of a sum of columns. */
function isLastSum({ kind, rows }: Group): boolean {
  return kind === "column" && rows.length === 1;
}

/** A last sum of the same shape that needs the same kernels. */
function isTwin(sum: Group, other: Group): boolean {
  if (!isLastSum(other) || other.columns !== sum.columns || other.rows[0] !== sum.rows[0]) return false;
  const needed = [...sum.dependencies];
  return needed.length === other.dependencies.size && needed.every(group => other.dependencies.has(group));
}

/** Tensors that are made of sums as they are written. */
const mostMadeOfSums = 8;

/** Elementwise work on one row. */
function isOfOneRow({ kind, rows, stores }: Group): boolean {
  if (stores.length > mostMadeOfSums) return false;
  return kind === "row" && rows.length === 0 && stores.every(({ reduction }) => reduction === "none");
}

/** Last sums that the row is made of, each of its columns of the same one, with no other kernel between. */
function isMadeOfSums(row: Group, sums: Group): boolean {
  if (!isLastSum(sums) || sums.columns !== row.columns || !row.dependencies.has(sums)) return false;
  const made = new Set(sums.stores.map(({ target }) => target));
  const isInPlace = row.stores.every(({ loads, loop }) =>
    loads.every(({ tensor, flat }) => !made.has(tensor) || indexKey(canonical(flat, loop)) === "1*m0+0"),
  );
  return isInPlace && [...row.dependencies].every(group => group === sums || !reaches(group, sums));
}
