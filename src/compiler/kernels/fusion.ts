// Groups the tensors to be written into kernels. A group runs over rows × columns; a row reduction and everything of the
// same rows that needs it or shares its operands join one group, so layer norm, softmax or a loss is one pass over memory.
// A matrix product takes the elementwise work on its result into its write-out.

import {
  countElements,
  type Graph,
  isNarrow,
  listRoots,
  type Shape,
  sortTopologically,
  type Tensor,
} from "../../graph/tensor.ts";
import { flattenPosition, listLoads, lookUpKey, loopPosition } from "../indices/expression.ts";
import { type Index, indexKey, loadIndex, shiftIndex } from "../indices/index-expression.ts";
import type { ProductAbilities, Target } from "../target.ts";
import {
  baseOf,
  canonical,
  type DraftGroup,
  type FusedGraph,
  type Group,
  isScalarOf,
  isVectorOf,
  movingSizes,
  reaches,
  type Store,
} from "./group.ts";

/** What a kernel of its own computes: a library's product, a template. */
const templates = ["matmul", "composite", "scatterAdd"] as const;

function isTemplate({ operation }: Tensor): boolean {
  return templates.some(kind => kind === operation.kind);
}

/** The groups that write the tensors of `inMemory`, in an order in which each comes after those it depends on. */
export function fuseGraph(
  graph: Graph,
  inMemory: ReadonlySet<Tensor>,
  { products }: Pick<Target, "products">,
): FusedGraph {
  const nodes = sortTopologically(listRoots(graph)).filter(
    node => inMemory.has(node) && node.operation.kind !== "input" && node.operation.kind !== "state",
  );
  const made: Made = { places: new Map(), writers: new Map(), readers: new Map() };
  const { places, writers, readers } = made;
  const storesOf = new Map(nodes.filter(node => !isTemplate(node)).map(node => [node, listStores(node, inMemory)]));
  const epilogues = findEpilogues(nodes, graph, inMemory, products, storesOf);
  const add = (group: DraftGroup, target: Tensor, reads: readonly Tensor[]) => {
    if (!places.has(group)) places.set(group, places.size);
    writers.set(target, (writers.get(target) ?? new Set()).add(group));
    for (const read of reads) {
      readers.set(read, (readers.get(read) ?? new Set()).add(group));
      for (const from of writers.get(read) ?? []) if (from !== group) group.dependencies.add(from);
    }
  };
  for (const node of nodes) {
    const stores = storesOf.get(node);
    if (stores === undefined) {
      const kind = node.operation.kind as (typeof templates)[number];
      const group = { kind, rows: [], columns: 1, stores: [], template: node, dependencies: new Set<DraftGroup>() };
      const reads = node.inputs.map(operand => baseOf(operand, inMemory));
      add(group, node, reads);
      continue;
    }
    const product = epilogues.get(node);
    if (product !== undefined) {
      const [group] = [...writers.get(product)!] as [DraftGroup];
      group.stores.push(...stores);
      const reads = stores.flatMap(store => store.loads.map(load => load.tensor));
      add(group, node, reads);
      continue;
    }
    for (const store of stores) {
      const reads = store.loads.map(load => load.tensor);
      const dependencies = new Set(reads.flatMap(read => [...(writers.get(read) ?? [])]));
      const home = findHome(store, made, dependencies) ?? newGroup(store);
      const scope = home.kind === "row" && isScalarOf(store, home) ? "scalar" : "vector";
      home.stores.push({ ...store, scope });
      add(home, node, reads);
    }
  }
  return { groups: sortGroups([...places.keys()]), inMemory };
}

/** The groups so far. */
interface Made {
  /** In the order they were made. */
  readonly places: Map<DraftGroup, number>;
  /** The groups that write a tensor: several for the parts of a concat. */
  readonly writers: Map<Tensor, Set<DraftGroup>>;
  readonly readers: Map<Tensor, Set<DraftGroup>>;
}

/** The stores that write `node`: one, or one for each part of a concat. */
function listStores(node: Tensor, inMemory: ReadonlySet<Tensor>): Store[] {
  const isInMemory = (tensor: Tensor) => inMemory.has(tensor);
  const listRead = (value: Tensor, at: readonly Index[]) =>
    value === node || !isInMemory(value)
      ? listLoads(value, at, isInMemory)
      : [{ tensor: value, flat: flattenPosition(at, value.shape) }];
  const make = (value: Tensor, loop: Shape, position: Index, reduction: Store["reduction"]): Store => {
    const loads = listRead(value, loopPosition(loop));
    return { target: node, value, reduction, loop, position, loads, scope: "vector" };
  };
  const { operation, shape } = node;
  if (operation.kind === "reduce") {
    const loop = node.inputs[0]!.shape;
    const axis = operation.axes[0]!;
    const position = loopPosition(loop).map((index, i) => (i === axis ? { offset: 0, terms: [] } : index));
    const isRow = axis === loop.length - 1;
    return [make(node, loop, flattenPosition(position, shape), isRow ? "row" : "column")];
  }
  if (operation.kind === "replaceRows") {
    const [, rows, values] = node.inputs as [Tensor, Tensor, Tensor];
    const [row, column] = loopPosition(values.shape) as [Index, Index];
    const position = flattenPosition([loadIndex(lookUpKey(rows, row), shape[0]!), column], shape);
    const store = make(values, values.shape, position, "none");
    return [{ ...store, rows, loads: [...store.loads, ...listRead(rows, [row])] }];
  }
  if (operation.kind !== "concat") return [make(node, shape, flattenPosition(loopPosition(shape), shape), "none")];
  let start = 0;
  return node.inputs.map(part => {
    const position = loopPosition(part.shape).map((index, axis) =>
      axis === operation.axis ? shiftIndex(index, start) : index,
    );
    start += part.shape[operation.axis]!;
    return make(part, part.shape, flattenPosition(position, shape), "none");
  });
}

/** Elementwise tensors that are the only use of a matrix product of their shape, by tensor. */
function findEpilogues(
  nodes: readonly Tensor[],
  graph: Graph,
  inMemory: ReadonlySet<Tensor>,
  { writeAnything }: ProductAbilities,
  storesOf: ReadonlyMap<Tensor, readonly Store[]>,
): Map<Tensor, Tensor> {
  const users = new Map<Tensor, Set<Tensor>>();
  const loadsOf = new Map<Tensor, Store["loads"]>();
  const use = (tensor: Tensor, user: Tensor) => users.set(tensor, (users.get(tensor) ?? new Set()).add(user));
  for (const node of nodes) {
    const stores = storesOf.get(node);
    if (stores === undefined) {
      for (const operand of node.inputs) use(baseOf(operand, inMemory), node);
      continue;
    }
    const loads = stores.flatMap(store => store.loads);
    loadsOf.set(node, loads);
    for (const load of loads) use(load.tensor, node);
  }
  const roots = new Set(listRoots(graph));
  const epilogues = new Map<Tensor, Tensor>();
  const taken = new Set<Tensor>();
  for (const [node, loads] of loadsOf) {
    if (["reduce", "concat", "replaceRows"].includes(node.operation.kind)) continue;
    if (writeAnything ? node.shape.length !== 2 : !isPlainWriteOut(node, inMemory)) continue;
    const own = indexKey(flattenPosition(loopPosition(node.shape), node.shape));
    const isFree = ({ tensor, flat }: (typeof loads)[number]) => {
      if (tensor.operation.kind !== "matmul" || roots.has(tensor) || taken.has(tensor)) return false;
      if (writeAnything && tensor.shape.length !== 2) return false;
      return users.get(tensor)!.size === 1 && indexKey(flat) === own;
    };
    // Of several products the last: what else the write-out reads must exist before the product runs.
    const [product] = loads.filter(isFree).sort((x, y) => y.tensor.id - x.tensor.id);
    const others = loads.filter(load => load.tensor !== product?.tensor);
    if (product === undefined || loads.some(load => load.tensor === product.tensor && indexKey(load.flat) !== own))
      continue;
    if (others.some(({ tensor }) => dependsOn(tensor, product.tensor))) continue;
    taken.add(product.tensor);
    epilogues.set(node, product.tensor);
  }
  return epilogues;
}

/** A product rounded, or added to a tensor of its shape in memory: what a library of products writes out by itself. */
function isPlainWriteOut({ operation, inputs, shape, dtype }: Tensor, inMemory: ReadonlySet<Tensor>): boolean {
  const isProduct = (tensor: Tensor) => tensor.operation.kind === "matmul";
  if (operation.kind === "cast") return isNarrow(dtype) && isProduct(inputs[0]!);
  if (operation.kind !== "binary" || operation.fn !== "add" || dtype !== "f32") return false;
  return [0, 1].some(at => {
    let addend = inputs[1 - at]!;
    if (addend === inputs[at]) return false;
    while (addend.operation.kind === "reshape" && !inMemory.has(addend)) addend = addend.inputs[0]!;
    return isProduct(inputs[at]!) && inMemory.has(addend) && countElements(addend.shape) === countElements(shape);
  });
}

/** Whether computing `tensor` needs `other`. */
function dependsOn(tensor: Tensor, other: Tensor, seen = new Set<Tensor>()): boolean {
  if (tensor === other) return true;
  if (tensor.id < other.id || seen.has(tensor)) return false;
  seen.add(tensor);
  return tensor.inputs.some(operand => dependsOn(operand, other, seen));
}

function newGroup(store: Store): DraftGroup {
  const sizes = movingSizes(store.loop);
  const kind = store.reduction === "column" ? "column" : "row";
  // A reduced last axis of size 1 cannot occur: such a reduction is the identity and was never made.
  const columns = sizes[sizes.length - 1] ?? 1;
  return { kind, rows: sizes.slice(0, -1), columns, stores: [], template: undefined, dependencies: new Set() };
}

/** The latest group that a store can join: same rows, something in common, and no way back through another group. */
function findHome(
  store: Store,
  { places, writers, readers }: Made,
  dependencies: ReadonlySet<DraftGroup>,
): DraftGroup | undefined {
  const related = new Set(dependencies);
  for (const { tensor } of store.loads)
    for (const group of readers.get(tensor) ?? []) if (isLarge(tensor, group)) related.add(group);
  const latestFirst = [...related].sort((a, b) => places.get(b)! - places.get(a)!);
  return latestFirst.find(group => {
    if (group.kind !== (store.reduction === "column" ? "column" : "row")) return false;
    if (isParted(store, group)) return false;
    const scalar = isScalarOf(store, group);
    if (scalar ? !dependencies.has(group) : !isVectorOf(store, group)) return false;
    if (!readsInPlace(store, scalar, group, writers)) return false;
    const seen = new Set<Group>();
    return ![...dependencies].some(dependency => dependency !== group && reaches(dependency, group, seen));
  });
}

/** Rows that are replaced are read and written in one pass, so that they may stand where the old ones did. */
function isParted({ rows, reduction }: Store, group: Group): boolean {
  if (rows !== undefined) return group.stores.some(other => other.reduction !== "none");
  return reduction !== "none" && group.stores.some(other => other.rows !== undefined);
}

function isLarge(tensor: Tensor, group: Group): boolean {
  return countElements(tensor.shape) >= countElements(group.rows) * group.columns;
}

/** Whether everything the store reads of the group's own results is at the row and column where it is made. */
function readsInPlace(
  store: Store,
  scalar: boolean,
  group: Group,
  writers: ReadonlyMap<Tensor, ReadonlySet<Group>>,
): boolean {
  return store.loads.every(({ tensor, flat }) => {
    if (!writers.get(tensor)?.has(group)) return true;
    const made = group.stores.filter(other => other.target === tensor);
    if (made.length !== 1 || made[0]!.value !== tensor || group.kind === "column") return false;
    const [own] = made as [Store];
    const oneARow = own.reduction === "row" || own.scope === "scalar";
    if (scalar && !oneARow) return false;
    return indexKey(canonical(flat, store.loop)) === indexKey(canonical(own.position, own.loop));
  });
}

/** Every group after those it depends on; otherwise in the order they were made. */
function sortGroups(groups: readonly Group[]): Group[] {
  const sorted: Group[] = [];
  const done = new Set<Group>();
  const visit = (group: Group) => {
    if (done.has(group)) return;
    done.add(group);
    for (const dependency of group.dependencies) visit(dependency);
    sorted.push(group);
  };
  for (const group of groups) visit(group);
  return sorted;
}
