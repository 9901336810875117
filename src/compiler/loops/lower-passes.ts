// Lowers the stores of a row: one pass over its columns for each level of reductions, between them what there is one of a row. How
// threads share the row is the machine's (`RowLoop`); what several passes need of a column stays in its thread.

import type { Shape } from "../../graph/tensor.ts";
import { unflattenPosition } from "../indices/expression.ts";
import { type Index, variableIndex, zeroIndex } from "../indices/index-expression.ts";
import type { Group, Store } from "../kernels/group.ts";
import { assignLevels, isReadLater, reductionOf } from "../kernels/levels.ts";
import type { Across, Declaration, Expression, Reduction, Statement } from "./ir.ts";
import { type Lowering, lowerStore, nameValue, newName } from "./lower-value.ts";

/** How a machine goes over the columns of a row. */
export interface RowLoop {
  /** The loop over the columns that a thread has, with `c` for the column. */
  over(body: readonly Statement[]): Statement;
  /** Where a thread keeps what it has of column c, and of how many columns. */
  readonly slot: Index;
  readonly slots: number;
  /** The threads that share a row, if it is not one, or the lanes of its sums. */
  readonly across?: Across;
  /** How many lanes a row's sum has until they are added up, if not one, and which of them takes column c. */
  readonly sums?: { readonly count: number; readonly at: Index };
  /** A statement that one thread of the row does. */
  once(statement: Statement): Statement;
}

export interface Passes {
  readonly body: readonly Statement[];
  /** Arrays of a thread's part of the group's sums of columns, in the order of their stores. */
  readonly totals: readonly string[];
}

export function lowerPasses(
  group: Group,
  isExternal: (tensor: Store["target"]) => boolean,
  row: RowLoop,
  axesOf: (store: Store) => readonly Index[],
  lowering: Lowering,
): Passes {
  const levels = assignLevels(group);
  const body: Statement[] = [];
  const totals: string[] = [];
  const finishOne = (store: Store, value: Expression) => {
    lowering.values.set(store.target, value);
    if (isExternal(store.target)) body.push(row.once(lowerStore(store, axesOf(store), value, lowering)));
  };
  for (let level = 0; level <= Math.max(...levels.values()); level++) {
    const here = group.stores.filter(store => levels.get(store) === level);
    for (const store of here.filter(({ scope }) => scope === "scalar")) {
      finishOne(store, nameValue(store, axesOf(store), lowering, body));
    }
    const vectors = here.filter(({ scope }) => scope === "vector");
    if (vectors.length === 0) continue;
    const named: Statement[] = [];
    const written: Statement[] = [];
    const kept: { readonly store: Store; readonly read: Expression }[] = [];
    const reduced: { readonly store: Store; readonly name: string; readonly fn: Reduction }[] = [];
    for (const store of vectors) {
      const value = nameValue(store, axesOf(store), lowering, named);
      if (store.reduction === "column") {
        const name = newName(lowering, "s");
        totals.push(name);
        written.push({ kind: "accumulate", name, at: row.slot, fn: reductionOf(store), value });
        continue;
      }
      if (store.reduction === "row") {
        const [name, fn] = [newName(lowering, "s"), reductionOf(store)];
        body.push({ kind: "declare", name, type: "f32", begin: fn, ...(row.sums && { count: row.sums.count }) });
        written.push({ kind: "accumulate", name, fn, value, ...(row.sums && { at: row.sums.at }) });
        reduced.push({ store, name, fn });
        continue;
      }
      if (isExternal(store.target)) written.push(lowerStore(store, axesOf(store), value, lowering));
      lowering.values.set(store.target, value);
      if (!isReadLater(store, group, levels)) continue;
      const name = newName(lowering, "s");
      body.push(declareSlots(name, row));
      written.push({ kind: "set", name, at: row.slot, value });
      kept.push({ store, read: { kind: "read", type: "f32", name, at: row.slot } });
    }
    body.push(row.over([...named, ...written]));
    for (const { store, read } of kept) lowering.values.set(store.target, read);
    for (const { store, name, fn } of reduced) {
      if (row.across !== undefined) body.push({ kind: "reduce", name, fn, across: row.across });
      finishOne(store, { kind: "read", type: "f32", name, ...(row.sums && { at: zeroIndex }) });
    }
  }
  return { body, totals };
}

/** An array of a thread for one value of each of its columns. */
function declareSlots(name: string, { slots }: RowLoop): Declaration {
  return { kind: "declare", name, type: "f32", count: slots };
}

/** Variables for the axes that a running number of rows goes over, and the statements that name them. */
export function nameRows(
  sizes: Shape,
  running: Index,
): { readonly lets: Statement[]; readonly axes: readonly Index[] } {
  const positions = unflattenPosition(running, sizes);
  return {
    lets: positions.map((at, place) => ({
      kind: "let",
      name: `r${place}`,
      value: { kind: "position", type: "index", at },
    })),
    axes: sizes.map((size, place) => variableIndex(`r${place}`, size)),
  };
}
