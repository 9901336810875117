// Lets a sum of columns be made where rows are worked on anyway: the gradients of a norm's weight and bias read what the norm's
// own gradient reads, and one kernel for both reads it once. On a cpu the two loops differ too much to be one.

import { bytesPerElement, countElements, type Tensor } from "../graph/tensor.ts";
import { longestWarpRow } from "./cuda-rows.ts";
import { type FusedGraph, type Group, reaches } from "./fusion.ts";

/** Registers that a thread of the joined kernel may need for its columns: one for each sum and each operand. */
const mostRegisters = 168;

/** The same kernels with each group of partial sums of columns joined to a group of rows that reads the same. */
export function joinColumnSums({ groups, inMemory }: FusedGraph): FusedGraph {
  const left = [...groups];
  for (const columns of groups.filter(group => isPartialSum(group))) {
    const home = left.find(group => canJoin(columns, group));
    if (home === undefined) continue;
    home.stores.push(...columns.stores);
    for (const dependency of columns.dependencies) home.dependencies.add(dependency);
    left.splice(left.indexOf(columns), 1);
    for (const { dependencies } of left) if (dependencies.delete(columns)) dependencies.add(home);
  }
  return { groups: left, inMemory };
}

/** Sums over rows within blocks of rows: (blocks, rows, columns) to (blocks, columns). */
function isPartialSum({ kind, rows, stores }: Group): boolean {
  return (
    kind === "column" &&
    rows.length === 2 &&
    stores.every(({ value }) => (value.operation as { fn?: string }).fn === "sum")
  );
}

function canJoin(columns: Group, rows: Group): boolean {
  if (rows.kind !== "row" || rows.columns !== columns.columns || columns.columns > longestWarpRow) return false;
  if (countElements(rows.rows) !== countElements(columns.rows)) return false;
  const stores = [...rows.stores, ...columns.stores];
  const totals = stores.filter(({ reduction }) => reduction === "column").length;
  const own = new Set(stores.map(({ target }) => target));
  const loaded = stores.flatMap(({ loads }) => loads.map(({ tensor }) => tensor));
  const operands = new Set(loaded.filter(tensor => tensor.shape.at(-1) === rows.columns && !own.has(tensor)));
  if (Math.ceil(columns.columns / 32) * (totals + operands.size) > mostRegisters) return false;
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
