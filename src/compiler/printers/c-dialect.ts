// Prints fused kernels as C for the cpu: one function a kernel, of (pointers, first block, end block), with loops that the
// system's compiler vectorises.

import type { DType, Shape, Tensor } from "../../graph/tensor.ts";
import { type Index, printIndex } from "../indices/index-expression.ts";
import type { Group, Store } from "../kernels/group.ts";
import {
  assignLevels,
  isFlat,
  isSum,
  PointerList,
  printExpression,
  printRowVariables,
  printStored,
  printTarget,
  type Scope,
  valueTypes,
} from "./print-expression.ts";

const cTypes: Readonly<Record<DType, string>> = {
  f32: "float",
  bf16: "bf16",
  i32: "int32_t",
  u32: "uint32_t",
  bool: "uint8_t",
};
/** Columns of one block of a column reduction: its sums stay in registers and first-level cache. */
const columnTile = 256;
/** Elements of one block of a flat kernel. */
const flatGrain = 16_384;

export interface PrintedKernel {
  readonly body: string;
  /** Tensors whose addresses the kernel takes, in order. */
  readonly pointers: readonly Tensor[];
  readonly blocks: number;
  readonly grain: number;
}

/** C names of loop variables by canonical name; "flat" where c is the row-major position of every access. */
type Variables = ReadonlyMap<string, string> | "flat";

/** A scope whose statements all belong to the innermost loop. */
interface CScope extends Scope {
  /** Statements of the loop body, by right-hand side. */
  readonly statements: Map<string, string>;
  count: number;
}

function openScope(pointers: PointerList, inMemory: Scope["inMemory"], variables: Variables): CScope {
  const scope: CScope = {
    pointers,
    inMemory,
    position: (index, { loop }, loads) => printPosition(index, loop, variables, loads),
    values: new Map(),
    statements: new Map(),
    count: 0,
    bind: (dtype, expression) => {
      const known = scope.statements.get(expression);
      if (known !== undefined) return known;
      const name = `v${scope.count++}`;
      scope.statements.set(expression, name);
      scope.statements.set(`${name} `, `const ${valueTypes[dtype]} ${name} = ${expression};`);
      return name;
    },
    load: (tensor, _flat, _store, print) => `${pointers.nameOf(tensor)}[${print()}]`,
  };
  return scope;
}

function printPosition(index: Index, loop: Shape, variables: Variables, loads: ReadonlyMap<string, string>): string {
  if (variables === "flat") return index.terms.length === 0 ? String(index.offset) : "c";
  const moving = loop.flatMap((size, axis) => (size === 1 ? [] : [axis]));
  const names = new Map(moving.map((axis, place) => [`i${axis}`, variables.get(`m${place}`)!]));
  return printIndex(index, key => loads.get(key)!).replace(/\bi\d+\b/g, name => names.get(name) ?? "0");
}

/** Declares the pointers of a function of (p, …). */
export function declarePointers({ tensors }: PointerList): string {
  return tensors.map((tensor, i) => `  ${cTypes[tensor.dtype]} *restrict a${i} = (void *)p[${i}];\n`).join("");
}

function storeStatement(store: Store, value: string, scope: Scope): string {
  return `${printTarget(store, scope)} = ${printStored(store, value)};`;
}

function takeStatements(scope: CScope, indent: string): string {
  const lines = [...scope.statements].filter(([key]) => key.endsWith(" ")).map(([, line]) => `${indent}${line}\n`);
  scope.statements.clear();
  return lines.join("");
}

/** `external` holds for tensors that something outside the group reads. */
export function printGroup(
  group: Group,
  inMemory: (tensor: Tensor) => boolean,
  external: (tensor: Tensor) => boolean,
): PrintedKernel {
  if (group.kind === "column") return printColumns(group, inMemory);
  return isFlat(group) ? printFlat(group, inMemory, external) : printRows(group, inMemory, external);
}

function printFlat(group: Group, inMemory: Scope["inMemory"], external: Scope["inMemory"]): PrintedKernel {
  const pointers = new PointerList();
  const count = group.rows.reduce((product, size) => product * size, 1) * group.columns;
  const scope = openScope(pointers, inMemory, "flat");
  let stores = "";
  for (const store of group.stores) {
    const value = printExpression(store, scope);
    scope.values.set(store.target, value);
    if (external(store.target)) stores += `    ${storeStatement(store, value, scope)}\n`;
  }
  const statements = takeStatements(scope, "    ");
  const loop = `#pragma GCC ivdep\n  for (long c = begin; c < end; c++) {\n${statements}${stores}  }\n`;
  return { body: `${declarePointers(pointers)}${loop}`, pointers: pointers.tensors, blocks: count, grain: flatGrain };
}

function printRows(group: Group, inMemory: Scope["inMemory"], external: Scope["inMemory"]): PrintedKernel {
  const pointers = new PointerList();
  const rowCount = group.rows.reduce((product, size) => product * size, 1);
  const variables = new Map(group.rows.map((_, place) => [`m${place}`, `r${place}`]));
  variables.set(`m${group.rows.length}`, "c");
  const scope = openScope(pointers, inMemory, variables);
  const levels = assignLevels(group);
  const lastLevel = Math.max(...levels.values());
  let body = "";
  let scratch = "";
  for (let level = 0; level <= lastLevel; level++) {
    const here = group.stores.filter(store => levels.get(store) === level);
    for (const store of here.filter(candidate => candidate.scope === "scalar")) {
      const value = printExpression(store, scope);
      body += takeStatements(scope, "    ");
      scope.values.set(store.target, value);
      if (external(store.target)) body += `    ${storeStatement(store, value, scope)}\n`;
    }
    const vectors = here.filter(store => store.scope === "vector");
    if (vectors.length === 0) continue;
    let stores = "";
    let reductions = "";
    const after: [Tensor, string][] = [];
    for (const store of vectors) {
      const value = printExpression(store, scope);
      const name = `s${scope.count++}`;
      if (store.reduction === "row") {
        body += `    float ${name} = ${isSum(store) ? "0" : "-INFINITY"};\n`;
        reductions += ` reduction(${isSum(store) ? "+" : "max"}:${name})`;
        stores += isSum(store)
          ? `      ${name} += ${value};\n`
          : `      ${name} = ${value} > ${name} ? ${value} : ${name};\n`;
        after.push([store.target, name]);
        continue;
      }
      if (external(store.target)) stores += `      ${storeStatement(store, value, scope)}\n`;
      scope.values.set(store.target, value);
      const later = group.stores.some(
        other => levels.get(other)! > level && other.loads.some(load => load.tensor === store.target),
      );
      if (!later) continue;
      scratch += `  float ${name}[${group.columns}];\n`;
      stores += `      ${name}[c] = ${value};\n`;
      after.push([store.target, `${name}[c]`]);
    }
    const pragma = reductions === "" ? "#pragma GCC ivdep" : `#pragma omp simd${reductions}`;
    body += `${pragma}\n    for (long c = 0; c < ${group.columns}; c++) {\n${takeStatements(scope, "      ")}${stores}    }\n`;
    for (const [target, value] of after) {
      scope.values.set(target, value);
      const store = group.stores.find(candidate => candidate.target === target)!;
      if (store.reduction === "row" && external(target)) body += `    ${storeStatement(store, value, scope)}\n`;
    }
  }
  const rows = printRowVariables(group.rows, "row", "    ");
  const text = `${declarePointers(pointers)}${scratch}  for (long row = begin; row < end; row++) {\n${rows}${body}  }\n`;
  const grain = Math.max(1, Math.ceil(flatGrain / 4 / group.columns));
  return { body: text, pointers: pointers.tensors, blocks: rowCount, grain };
}

function printColumns(group: Group, inMemory: Scope["inMemory"]): PrintedKernel {
  const pointers = new PointerList();
  const { rows, columns } = group;
  const outer = rows.slice(0, -1);
  const variables = new Map(rows.map((_, place) => [`m${place}`, place === rows.length - 1 ? "inner" : `r${place}`]));
  variables.set(`m${rows.length}`, "c");
  const scope = openScope(pointers, inMemory, variables);
  const tiles = Math.ceil(columns / columnTile);
  const updates = group.stores.map((store, n) => {
    const value = printExpression(store, scope);
    return isSum(store)
      ? `sum${n}[c - first] += ${value};`
      : `sum${n}[c - first] = fmaxf(sum${n}[c - first], ${value});`;
  });
  const statements = takeStatements(scope, "        ");
  const initial = group.stores.map((store, n) => {
    return `    float sum${n}[${columnTile}];\n    for (int c = 0; c < ${columnTile}; c++) sum${n}[c] = ${isSum(store) ? "0" : "-INFINITY"};\n`;
  });
  const results = group.stores.map((store, n) => `      ${storeStatement(store, `sum${n}[c - first]`, scope)}\n`);
  const body = `  for (long block = begin; block < end; block++) {
    const long first = block % ${tiles} * ${columnTile}, last = first + ${columnTile} < ${columns} ? first + ${columnTile} : ${columns};
    const long outer = block / ${tiles};
${printRowVariables(outer, "outer", "    ")}${initial.join("")}    for (long inner = 0; inner < ${rows[rows.length - 1]}; inner++) {
#pragma GCC ivdep
      for (long c = first; c < last; c++) {
${statements}        ${updates.join("\n        ")}
      }
    }
    for (long c = first; c < last; c++) {
${results.join("")}    }
  }
`;
  const blocks = outer.reduce((product, size) => product * size, 1) * tiles;
  return { body: `${declarePointers(pointers)}${body}`, pointers: pointers.tensors, blocks, grain: 1 };
}

/**
 * The write-out of a matrix product: a function of one row, a range of columns, and the sums of that range. A bf16 row is
 * written over its sums first and rounded as a whole.
 */
export function printEpilogue(group: Group, inMemory: Scope["inMemory"], pointers: PointerList): string {
  const [store] = group.stores as [Store];
  const moving = store.loop.flatMap((size, axis) => (size === 1 ? [] : [axis]));
  const variables = new Map(moving.map((axis, place) => [`m${place}`, axis === 0 ? "row" : "c"]));
  const scope = openScope(pointers, inMemory, variables);
  const sum = "tile[c - first]";
  scope.values.set(group.template!, sum);
  const loop = (write: string) =>
    `#pragma GCC ivdep\n  for (long c = first; c < last; c++) {\n${takeStatements(scope, "    ")}    ${write}\n  }\n`;
  const { operation, inputs, dtype } = store.value;
  if (store.target.dtype !== "bf16" || operation.kind !== "cast" || dtype !== "bf16") {
    const value = printExpression(store, scope);
    return loop(storeStatement(store, value, scope));
  }
  const value = inputs[0] === group.template ? sum : printExpression({ ...store, value: inputs[0]! }, scope);
  const place = scope.position(store.position, store, new Map());
  const row = `${scope.pointers.nameOf(store.target)} + ${place.replace(/\bc\b/g, "first")}`;
  return `${value === sum ? "" : loop(`${sum} = ${value};`)}  round_row(${row}, tile, last - first);\n`;
}
