// A group: the stores that one kernel computes, over rows and columns, and what can be asked of it. fusion.ts makes groups, later
// passes join, cut and order them, and a target emits them.

import type { Shape, Tensor } from "../../graph/tensor.ts";
import { combineIndices, type Index, shiftIndex } from "../indices/index-expression.ts";

/** One tensor (or one part of a joined one) that a kernel computes. */
export interface Store {
  readonly target: Tensor;
  /** What is evaluated; differs from `target` for a part of a concat. */
  readonly value: Tensor;
  readonly reduction: "none" | "row" | "column";
  /** The loop over the value, or over the operand of a reduction; size-1 axes included. */
  readonly loop: Shape;
  /** Flat position in the target, of the loop's variables. */
  readonly position: Index;
  /** Where row i of the loop is row rows[i] of the target. */
  readonly rows?: Tensor;
  readonly loads: readonly { readonly tensor: Tensor; readonly flat: Index }[];
  /** "scalar" stores have one value a row of their group. */
  readonly scope: "vector" | "scalar";
}

export interface Group {
  readonly kind: "row" | "column" | "matmul" | "composite" | "scatterAdd";
  readonly rows: Shape;
  readonly columns: number;
  readonly stores: readonly Store[];
  /** The tensor of a template kernel. */
  readonly template: Tensor | undefined;
  readonly dependencies: ReadonlySet<Group>;
}

/** A group while a pass makes it. */
export interface DraftGroup extends Group {
  readonly stores: Store[];
  readonly dependencies: Set<DraftGroup>;
}

/** Copies that wait for each other as the groups do: a pass changes its own, and none that it was given. */
export function copyGroups(groups: readonly Group[]): DraftGroup[] {
  const copies = new Map(
    groups.map(group => [group, { ...group, stores: [...group.stores], dependencies: new Set<DraftGroup>() }]),
  );
  for (const [{ dependencies }, copy] of copies)
    for (const group of dependencies) copy.dependencies.add(copies.get(group)!);
  return [...copies.values()];
}

export interface FusedGraph<Of extends Group = Group> {
  readonly groups: readonly Of[];
  readonly inMemory: ReadonlySet<Tensor>;
}

/** The name under which a tensor leaves the program: a state's new value, or an output. */
export interface Owner {
  readonly kind: "state" | "output";
  readonly name: string;
}

/** What leaves the program, and where it is written. */
export interface Results {
  /** What is written to its place at once. */
  readonly owners: ReadonlyMap<Tensor, Owner>;
  /** New values of states whose old ones are needed to the end: a copy at the end writes them there. */
  readonly copies: readonly { readonly name: string; readonly from: Tensor }[];
  /** The tensors of both. */
  readonly tensors: ReadonlySet<Tensor>;
}

/** Axes that move. A loop's variables keep the numbers of the axes they had. */
export function movingSizes(shape: Shape): number[] {
  return shape.filter(size => size !== 1);
}

/** The tensor in memory that an operand is a view of. */
export function baseOf(operand: Tensor, inMemory: ReadonlySet<Tensor>): Tensor {
  let base = operand;
  while (!inMemory.has(base)) base = base.inputs[0]!;
  return base;
}

/** Whether the moving axes of a loop have these sizes, and one of so many columns after them. */
function movesOver(loop: Shape, rows: Shape, columns = 1): boolean {
  let at = 0;
  for (const size of loop) {
    if (size === 1) continue;
    if (size !== (at === rows.length ? columns : rows[at])) return false;
    at++;
  }
  return at === rows.length + (columns === 1 ? 0 : 1);
}

/** One value for each row of the group: its loop is the group's rows. */
export function isScalarOf(store: Store, group: Group): boolean {
  return store.reduction === "none" && group.columns !== 1 && movesOver(store.loop, group.rows);
}

/** One value for each row and column of the group. */
export function isVectorOf(store: Store, group: Group): boolean {
  return movesOver(store.loop, group.rows, group.columns);
}

/** Renames loop variables by their place among the moving axes, so that loops of different ranks compare. */
export function canonical(index: Index, loop: Shape): Index {
  const places = new Map<string, string>();
  for (const [axis, size] of loop.entries()) if (size !== 1) places.set(`i${axis}`, `m${places.size}`);
  if (index.terms.some(({ atom }) => atom.kind !== "variable")) return shiftIndex(index, Number.NaN);
  const terms = index.terms.map(({ atom, factor }) => {
    const name = places.get((atom as { name: string }).name)!;
    return { atom: { ...atom, name } as typeof atom, key: name, factor };
  });
  return combineIndices([{ index: { offset: index.offset, terms }, factor: 1 }]);
}

/** Whether `from` depends on `to`, itself included. */
export function reaches(from: Group, to: Group, seen = new Set<Group>()): boolean {
  if (from === to) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  for (const dependency of from.dependencies) if (reaches(dependency, to, seen)) return true;
  return false;
}
