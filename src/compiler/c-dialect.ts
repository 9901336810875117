// Prints fused kernels as C: one function a kernel, of (pointers, first block, end block). Names are numbered in order of
// first use, so equal kernels of different layers print the same text and become one.

import type { DType, Shape, Tensor } from "../graph/tensor.ts";
import { type Handler, loopPosition, walkOperation, walkValue } from "./expression.ts";
import { canonical, type Group, type Store } from "./fusion.ts";
import { type Index, indexKey, printIndex } from "./index-expression.ts";

const cTypes: Readonly<Record<DType, string>> = {
  f32: "float",
  bf16: "bf16",
  i32: "int32_t",
  u32: "uint32_t",
  bool: "uint8_t",
};
/** The type of a value in a register. */
const valueTypes: Readonly<Record<DType, string>> = {
  f32: "float",
  bf16: "float",
  i32: "int32_t",
  u32: "uint32_t",
  bool: "int",
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

/** The pointers of one kernel under construction. */
export class PointerList {
  readonly tensors: Tensor[] = [];
  /** The C name of a tensor's address. */
  nameOf(tensor: Tensor): string {
    const at = this.tensors.indexOf(tensor);
    return `a${at >= 0 ? at : this.tensors.push(tensor) - 1}`;
  }
  declare(first = 0): string {
    return this.tensors
      .slice(first)
      .map((tensor, i) => `  ${cTypes[tensor.dtype]} *restrict a${first + i} = (void *)p[${first + i}];\n`)
      .join("");
  }
}

interface Scope {
  readonly pointers: PointerList;
  readonly inMemory: (tensor: Tensor) => boolean;
  /** C names of loop variables by canonical name; "flat" where c is the row-major position of every access. */
  readonly variables: ReadonlyMap<string, string> | "flat";
  /** Values of this kernel that need no load, by tensor. */
  readonly values: Map<Tensor, string>;
  /** Statements of the loop body, by right-hand side. */
  readonly statements: Map<string, string>;
  count: number;
}

function openScope(pointers: PointerList, inMemory: Scope["inMemory"], variables: Scope["variables"]): Scope {
  return { pointers, inMemory, variables, values: new Map(), statements: new Map(), count: 0 };
}

function printExpression(store: Store, scope: Scope): string {
  const indexLoads = new Map<string, string>();
  const print = (index: Index) => printPosition(index, store.loop, scope, indexLoads);
  const bind = (dtype: DType, expression: string): string => {
    const known = scope.statements.get(expression);
    if (known !== undefined) return known;
    const name = `v${scope.count++}`;
    scope.statements.set(expression, name);
    scope.statements.set(`${name} `, `const ${valueTypes[dtype]} ${name} = ${expression};`);
    return name;
  };
  const handler: Handler<string> = {
    seen: new Map(),
    load: (tensor, flat) => {
      const own = scope.values.get(tensor);
      if (own !== undefined) return own;
      const element = `${scope.pointers.nameOf(tensor)}[${print(flat)}]`;
      return bind(tensor.dtype, tensor.dtype === "bf16" ? `bf16_to_f32(${element})` : element);
    },
    constant: (value, node) => printConstant(value, node.dtype),
    index: (index, node) => `(${valueTypes[node.dtype]})(${print(index)})`,
    apply: (node, operands) => bind(node.dtype, printOperation(node, operands)),
    choose: (_node, position, ends, parts) =>
      parts.reduceRight((rest, part, i) => `(${print(position)} < ${ends[i]} ? ${part} : ${rest})`),
    indexLoad: (key, value) => indexLoads.set(key, value),
  };
  const at = loopPosition(store.loop);
  const { value, target } = store;
  if (store.reduction !== "none") return walkValue(value.inputs[0]!, at, scope.inMemory, handler);
  if (value === target) return walkOperation(value, at, scope.inMemory, handler);
  return walkValue(value, at, scope.inMemory, handler);
}

function printPosition(index: Index, loop: Shape, scope: Scope, loads: ReadonlyMap<string, string>): string {
  if (scope.variables === "flat") return index.terms.length === 0 ? String(index.offset) : "c";
  const moving = loop.flatMap((size, axis) => (size === 1 ? [] : [axis]));
  const names = new Map(
    moving.map((axis, place) => [`i${axis}`, (scope.variables as Map<string, string>).get(`m${place}`)!]),
  );
  return printIndex(index, key => loads.get(key)!).replace(/\bi\d+\b/g, name => names.get(name) ?? "0");
}

function printConstant(value: number, dtype: DType): string {
  if (dtype === "bool" || dtype === "i32") return String(Math.trunc(value));
  if (dtype === "u32") return `${Math.trunc(value)}u`;
  if (Number.isNaN(value)) return "NAN";
  if (!Number.isFinite(value)) return value > 0 ? "INFINITY" : "(-INFINITY)";
  const text = Math.fround(value).toPrecision(9);
  return `(${/[.e]/.test(text) ? text : `${text}.0`}f)`;
}

function printOperation(node: Tensor, [a, b, c]: readonly string[]): string {
  const { operation } = node;
  switch (operation.kind) {
    case "unary":
      if (operation.fn === "negate") return `-${a}`;
      return operation.fn === "detach" ? a! : `${operation.fn}_f32(${a})`;
    case "binary":
      if (operation.fn === "maximum") return `(${a} > ${b} ? ${a} : ${b})`;
      if (operation.fn === "minimum") return `(${a} < ${b} ? ${a} : ${b})`;
      return `${a} ${{ add: "+", subtract: "-", multiply: "*", divide: "/" }[operation.fn]} ${b}`;
    case "compare":
      return `${a} ${operation.fn === "less" ? "<" : "=="} ${b}`;
    case "select":
      return `${a} ? ${b} : ${c}`;
    case "cast":
      if (node.dtype === "bf16") return `bf16_to_f32(f32_to_bf16(${a}))`;
      return node.dtype === "bool" ? `(${a} != 0)` : `(${valueTypes[node.dtype]})${a}`;
    case "random":
      return `random_bits(${a}, ${operation.stream}u, (uint32_t)${b})`;
    default:
      throw new Error(`no C for ${operation.kind}`);
  }
}

function storeStatement(store: Store, value: string, scope: Scope): string {
  const place = `${scope.pointers.nameOf(store.target)}[${printPosition(store.position, store.loop, scope, new Map())}]`;
  if (store.target.dtype !== "bf16") return `${place} = ${value};`;
  // What a cast gave is a bf16 number already, in an f32 register.
  const isRounded = store.reduction === "none" && store.value.operation.kind === "cast";
  return `${place} = ${isRounded ? "high_half" : "f32_to_bf16"}(${value});`;
}

function takeStatements(scope: Scope, indent: string): string {
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

/** Every access is to the loop's own place or to one fixed element: the loop is over elements, whatever the shape. */
function isFlat(group: Group): boolean {
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
  return { body: `${pointers.declare()}${loop}`, pointers: pointers.tensors, blocks: count, grain: flatGrain };
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
        const isSum = (store.value.operation as { fn: string }).fn === "sum";
        body += `    float ${name} = ${isSum ? "0" : "-INFINITY"};\n`;
        reductions += ` reduction(${isSum ? "+" : "max"}:${name})`;
        stores += isSum ? `      ${name} += ${value};\n` : `      ${name} = ${value} > ${name} ? ${value} : ${name};\n`;
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
  const text = `${pointers.declare()}${scratch}  for (long row = begin; row < end; row++) {\n${rows}${body}  }\n`;
  const grain = Math.max(1, Math.ceil(flatGrain / 4 / group.columns));
  return { body: text, pointers: pointers.tensors, blocks: rowCount, grain };
}

/** r0, r1, … from one running row number. */
function printRowVariables(sizes: Shape, running: string, indent: string): string {
  let inner = 1;
  const lines: string[] = [];
  for (let place = sizes.length - 1; place >= 0; place--) {
    const quotient = inner === 1 ? running : `${running} / ${inner}`;
    lines.unshift(`${indent}const long r${place} = ${place === 0 ? quotient : `(${quotient}) % ${sizes[place]}`};\n`);
    inner *= sizes[place]!;
  }
  return lines.join("");
}

/** The pass over the columns in which each store happens: after the reductions it needs. */
function assignLevels(group: Group): Map<Store, number> {
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
    const isSum = (store.value.operation as { fn: string }).fn === "sum";
    return isSum ? `sum${n}[c - first] += ${value};` : `sum${n}[c - first] = fmaxf(sum${n}[c - first], ${value});`;
  });
  const statements = takeStatements(scope, "        ");
  const initial = group.stores.map((store, n) => {
    const isSum = (store.value.operation as { fn: string }).fn === "sum";
    return `    float sum${n}[${columnTile}];\n    for (int c = 0; c < ${columnTile}; c++) sum${n}[c] = ${isSum ? "0" : "-INFINITY"};\n`;
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
  return { body: `${pointers.declare()}${body}`, pointers: pointers.tensors, blocks, grain: 1 };
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
  const place = printPosition(store.position, store.loop, scope, new Map());
  const row = `${scope.pointers.nameOf(store.target)} + ${place.replace(/\bc\b/g, "first")}`;
  return `${value === sum ? "" : loop(`${sum} = ${value};`)}  round_row(${row}, tile, last - first);\n`;
}
