// Joins kernels that fusion left apart, where a GPU gains by it. The gradients of a norm's weight and bias read what the norm's own
// gradient reads: one kernel of rows makes both. Their last sums are short, so they share a launch, and what is done with them
// (added to a gradient so far) is done as they are written.

import { indexKey } from "../indices/index-expression.ts";
import { canonical, type FusedGraph, type Group, reaches } from "../kernels/group.ts";
import { isPartialSum, sharesRows, startJoining } from "../kernels/join.ts";
import { fitsSums } from "../loops/lower-gpu-rows.ts";
import { joinPasses } from "./cuda-passes.ts";
import type { GpuDevice } from "./gpu-device.ts";

/** The same tensors made by kernels that suit a GPU. */
export function regroupForCuda({ groups, inMemory }: FusedGraph, gpu: GpuDevice): FusedGraph {
  const { left, join } = startJoining(joinPasses(groups));
  join(isPartialSum, (columns, rows) => sharesRows(columns, rows) && fitsRegisters(columns, rows, gpu));
  join(isLastSum, isTwin);
  join(isOfOneRow, isMadeOfSums);
  return { groups: left, inMemory };
}

/** A thread has one register for each sum and each operand of its columns. */
function fitsRegisters(columns: Group, rows: Group, gpu: GpuDevice): boolean {
  const stores = [...rows.stores, ...columns.stores];
  const totals = stores.filter(({ reduction }) => reduction === "column").length;
  const own = new Set(stores.map(({ target }) => target));
  const loaded = stores.flatMap(({ loads }) => loads.map(({ tensor }) => tensor));
  const operands = new Set(loaded.filter(tensor => tensor.shape.at(-1) === rows.columns && !own.has(tensor)));
  return fitsSums(columns.columns, totals + operands.size, gpu);
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
