// Groups as loops for a cpu: a thread takes whole rows, or elements, or a tile of columns. Threads share nothing, and the innermost
// loop is one that the system's compiler makes vectors of.

import { countElements } from "../../graph/tensor.ts";
import { unflattenPosition } from "../indices/expression.ts";
import {
  combineIndices,
  constantIndex,
  divideIndex,
  type Index,
  indexKey,
  listVariables,
  remainderIndex,
  shiftIndex,
  substituteVariables,
  variableIndex,
  zeroIndex,
} from "../indices/index-expression.ts";
import { type Group, movingSizes, type Store } from "../kernels/group.ts";
import { isFlat, reductionOf } from "../kernels/levels.ts";
import { type Expression, type Loop, type LoopKernel, operandsOf, type Statement } from "./ir.ts";
import { lowerPasses, nameRows, type RowLoop } from "./lower-passes.ts";
import {
  type GroupContext,
  type Lowering,
  lowerStore,
  lowerValue,
  nameValue,
  newName,
  startLowering,
} from "./lower-value.ts";

/** Columns of one block of a column reduction: its sums stay in registers and first-level cache. */
const columnTile = 256;
/** Lanes of a row's sum, four vectors of AVX-512: added up as a tree, once a row. */
const laneCount = 64;
/** Columns that are rounded at once, by an instruction that no compiler finds, and asked of memory: the first that divides a row. */
const stripSizes = [256, 128, laneCount];
/** Elements of one block of a flat kernel. */
const flatGrain = 16_384;

export function lowerForCpu(group: Group, context: GroupContext): LoopKernel {
  if (group.kind === "column") return lowerColumns(group, context);
  return isFlat(group) ? lowerFlat(group, context) : lowerRows(group, context);
}

function vectorLoop(variable: string, from: Index, to: Index, body: readonly Statement[]): Loop {
  return { kind: "loop", variable, from, to, step: 1, form: "vector", body };
}

/** A block is an element. */
function lowerFlat(group: Group, { inMemory, isExternal }: GroupContext): LoopKernel {
  const lowering = startLowering(inMemory);
  const count = countElements(group.rows) * group.columns;
  const values: Statement[] = [];
  const stores: Statement[] = [];
  for (const store of group.stores) {
    const axes = unflattenPosition(variableIndex("c", count), movingSizes(store.loop));
    const value = nameValue(store, axes, lowering, values);
    lowering.values.set(store.target, value);
    if (isExternal(store.target)) stores.push(lowerStore(store, axes, value, lowering));
  }
  return { block: "c", body: [...values, ...stores], lookups: lowering.lookups, blocks: count, grain: flatGrain };
}

/** A block is a row. */
function lowerRows(group: Group, { inMemory, isExternal }: GroupContext): LoopKernel {
  const lowering = startLowering(inMemory);
  const { columns } = group;
  const column = variableIndex("c", columns);
  const isEven = columns % laneCount === 0;
  const isShort = columns < laneCount && columns % 16 === 0 && group.stores.every(store => store.reduction === "none");
  const fetched: Fetched = new Set();
  const row: RowLoop = {
    over: body =>
      isEven || isShort
        ? overStrips(body, columns, lowering, fetched)
        : vectorLoop("c", zeroIndex, constantIndex(columns), body),
    slot: column,
    slots: columns,
    once: statement => statement,
    ...(isEven && { across: "lanes", sums: { count: laneCount, at: placeInStrip(columns) } }),
  };
  const rows = nameRows(group.rows, variableIndex("row", countElements(group.rows)));
  const axes = [...rows.axes, column];
  const { body } = lowerPasses(group, isExternal, row, () => axes, lowering);
  return {
    block: "row",
    body: [...rows.lets, ...body],
    lookups: lowering.lookups,
    blocks: countElements(group.rows),
    grain: Math.max(1, Math.ceil(flatGrain / 4 / columns)),
  };
}

/** The first column of a strip, and a column's place in it. */
const stripIndex = (columns: number) => variableIndex("strip", columns);
const placeInStrip = (columns: number) =>
  combineIndices([
    { index: variableIndex("c", columns), factor: 1 },
    { index: stripIndex(columns), factor: -1 },
  ]);

/** Loads whose memory was asked for ahead already. */
type Fetched = Set<string>;

/**
 * A loop over the columns of a row, strip by strip where it sums, rounds or reads memory: what is rounded waits in an array for the end of
 * its strip, and what later strips or rows read is asked of memory before.
 */
function overStrips(body: readonly Statement[], columns: number, lowering: Lowering, fetched: Fetched): Statement {
  const strip = stripIndex(columns);
  const rounds: Extract<Statement, { kind: "round" }>[] = [];
  const inner = body.map((statement): Statement => {
    const rounded = statement.kind === "store" ? findRounded(statement, body, columns) : undefined;
    if (rounded === undefined) return statement;
    const { value, ...target } = rounded;
    const name = newName(lowering, "w");
    rounds.push({ kind: "round", ...target, name, count: 0 });
    return { kind: "set", name, at: placeInStrip(columns), value };
  });
  const sums = body.some(({ kind }) => kind === "accumulate");
  const step = sums ? laneCount : (stripSizes.find(size => columns % size === 0) ?? columns);
  const fetches = fetchBehind(body, columns, strip, step, lowering, fetched);
  if (!sums && rounds.length === 0 && fetches.length === 0)
    return vectorLoop("c", zeroIndex, constantIndex(columns), body);
  return {
    ...{ kind: "loop", variable: "strip", from: zeroIndex, to: constantIndex(columns), step },
    body: [
      ...fetches,
      ...rounds.map(({ name }) => ({ kind: "declare", name, type: "f32", count: step }) as const),
      vectorLoop("c", strip, shiftIndex(strip, step), inner),
      ...rounds.map(round => ({ ...round, count: step })),
    ],
  };
}

/** The place where column `to` stands instead of c, of a place whose columns are neighbours in memory. */
function moveColumn(at: Index, columns: number, to: Index): Index | undefined {
  const placeOf = (column: Index) =>
    substituteVariables(at, (name, size) => (name === "c" ? column : variableIndex(name, size)));
  const neighbours = combineIndices([
    { index: placeOf(zeroIndex), factor: 1 },
    { index: variableIndex("c", columns), factor: 1 },
  ]);
  return indexKey(neighbours) === indexKey(at) ? placeOf(to) : undefined;
}

/**
 * What asks memory for the columns behind those from `first` on that these statements load, and no others did: of tensors that have more
 * than a row, whose next one lies behind. A processor that asks by itself begins anew with every page, four rows of 256.
 */
function fetchBehind(
  body: readonly Statement[],
  columns: number,
  first: Index,
  count: number,
  { lookups }: Lowering,
  fetched: Fetched,
): Statement[] {
  const fetches: Statement[] = [];
  const visit = (value: Expression): void => {
    for (const operand of operandsOf(value)) visit(operand);
    if (value.kind !== "load") return;
    const { tensor, at } = value;
    const key = `${tensor.id} ${indexKey(at)}`;
    const variables = listVariables(at);
    const from = moveColumn(at, columns, first);
    if (fetched.has(key) || from === undefined || variables.length < 2 || variables.some(name => lookups.has(name)))
      return;
    fetched.add(key);
    fetches.push({ kind: "fetch", tensor, at: from, count });
  };
  for (const statement of body) if ("value" in statement) visit(statement.value);
  return fetches;
}

/** What a store rounds to bf16, and where a strip of it begins in memory if its columns are neighbours there. */
function findRounded(
  { tensor, at, value }: Extract<Statement, { kind: "store" }>,
  body: readonly Statement[],
  columns: number,
) {
  const made = body.find(
    statement => statement.kind === "let" && value.kind === "read" && statement.name === value.name,
  );
  const cast = made?.kind === "let" && made.value.kind === "apply" ? made.value : undefined;
  if (tensor.dtype !== "bf16" || cast?.operation.kind !== "cast" || cast.type !== "bf16") return undefined;
  const begin = moveColumn(at, columns, stripIndex(columns));
  return begin && { tensor, at: begin, value: cast.operands[0]! };
}

/** A block is a tile of columns, and of the rows the block that is summed apart. */
function lowerColumns(group: Group, { inMemory }: GroupContext): LoopKernel {
  const lowering = startLowering(inMemory);
  const { columns } = group;
  const outer = group.rows.slice(0, -1);
  const inner = group.rows[group.rows.length - 1]!;
  const tiles = Math.ceil(columns / columnTile);
  const blocks = countElements(outer) * tiles;
  const block = variableIndex("block", blocks);
  const tile = combineIndices([{ index: remainderIndex(block, tiles), factor: columnTile }]);
  const [first, column] = ["first", "c"].map(name => variableIndex(name, columns)) as [Index, Index];
  const last = variableIndex("last", columns + 1);
  const rows = nameRows(outer, divideIndex(block, tiles));
  const axes = [...rows.axes, variableIndex("inner", inner), column];
  const slot = combineIndices([
    { index: column, factor: 1 },
    { index: first, factor: -1 },
  ]);
  const named: Statement[] = [];
  const sums = group.stores.map((store, n) => {
    const value = nameValue(store, axes, lowering, named);
    return { store, value, name: `sum${n}`, fn: reductionOf(store) };
  });
  const end: Expression = {
    kind: "apply",
    type: "index",
    operation: { kind: "binary", fn: "minimum" },
    operands: [position(shiftIndex(first, columnTile)), position(constantIndex(columns))],
  };
  const body: Statement[] = [
    { kind: "let", name: "first", value: position(tile) },
    { kind: "let", name: "last", value: columns % columnTile === 0 ? position(shiftIndex(first, columnTile)) : end },
    ...rows.lets,
    ...sums.map(({ name, fn }) => ({ kind: "declare", name, type: "f32", count: columnTile, begin: fn }) as const),
    {
      kind: "loop",
      variable: "inner",
      from: zeroIndex,
      to: constantIndex(inner),
      step: 1,
      body: [
        ...(columns % columnTile === 0 ? fetchBehind(named, columns, first, columnTile, lowering, new Set()) : []),
        vectorLoop("c", first, last, [
          ...named,
          ...sums.map(({ name, fn, value }) => ({ kind: "accumulate", name, at: slot, fn, value }) as const),
        ]),
      ],
    },
    vectorLoop(
      "c",
      first,
      last,
      sums.map(({ store, name }) => lowerStore(store, axes, { kind: "read", type: "f32", name, at: slot }, lowering)),
    ),
  ];
  return { block: "block", body, lookups: lowering.lookups, blocks, grain: 1 };
}

/** The write-out of a matrix product in `row`, for the columns from `first` to `last`, whose sums are in the array `tile`. */
export interface WriteOut {
  readonly body: readonly Statement[];
  readonly lookups: LoopKernel["lookups"];
  /** A result of bf16 is written over its sums first, and rounded from there as a whole. */
  readonly rounds?: { readonly tensor: Store["target"]; readonly at: Index };
}

export function lowerWriteOut(group: Group, inMemory: GroupContext["inMemory"]): WriteOut {
  const [store] = group.stores as [Store];
  const lowering = startLowering(inMemory);
  const { lookups } = lowering;
  const columns = store.loop.at(-1)!;
  const [first, column] = ["first", "c"].map(name => variableIndex(name, columns)) as [Index, Index];
  const placeAt = (columnIndex: Index) =>
    store.loop.flatMap((size, axis) => (size === 1 ? [] : [axis === 0 ? variableIndex("row", size) : columnIndex]));
  const slot = combineIndices([
    { index: column, factor: 1 },
    { index: first, factor: -1 },
  ]);
  const sum: Expression = { kind: "read", type: "f32", name: "tile", at: slot };
  lowering.values.set(group.template!, sum);
  const over = (statement: Statement) => vectorLoop("c", first, variableIndex("last", columns + 1), [statement]);
  const { operation, inputs, dtype } = store.value;
  if (store.target.dtype !== "bf16" || operation.kind !== "cast" || dtype !== "bf16") {
    const value = lowerValue(store, placeAt(column), lowering);
    return { body: [over(lowerStore(store, placeAt(column), value, lowering))], lookups };
  }
  const isSum = inputs[0] === group.template;
  const value = isSum ? sum : lowerValue({ ...store, value: inputs[0]! }, placeAt(column), lowering);
  const { tensor, at } = lowerStore(store, placeAt(first), value, lowering);
  return { body: isSum ? [] : [over({ kind: "set", name: "tile", at: slot, value })], lookups, rounds: { tensor, at } };
}

function position(at: Index): Expression {
  return { kind: "position", type: "index", at };
}
