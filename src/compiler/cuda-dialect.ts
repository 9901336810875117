// Prints fused kernels as CUDA for thread blocks. Without reductions a thread takes a chunk of neighbouring elements; with
// reductions over rows a warp takes a short row and a thread block a long one, and what several passes over the row need stays
// in registers. No atomics and fixed trees: equal inputs give equal bits.

import { bytesPerElement, countElements } from "../graph/tensor.ts";
import { printColumns } from "./cuda-columns.ts";
import {
  addStore,
  type CudaScope,
  chooseWidth,
  chunkType,
  indexType,
  openCudaScope,
  printHead,
  widestUseful,
} from "./cuda-scope.ts";
import type { Group } from "./fusion.ts";
import {
  assignLevels,
  isFlat,
  isSum,
  PointerList,
  printExpression,
  printRowVariables,
  printStored,
  printTarget,
} from "./print-expression.ts";
import type { DraftLaunch, PrintContext } from "./target.ts";

const elementThreads = 256;
/** Rows up to this long are a warp's; longer ones a thread block's. */
const longestWarpRow = 1024;
const warpsOfBlock = 4;
/** Chunks of one thread up to which the loop over them is unrolled whole, so that arrays of chunks are registers. */
const mostUnrolled = 16;

type Printed = Omit<DraftLaunch, "name" | "flops">;

/** The launch of a group of elementwise work and reductions. */
export function printCudaGroup(group: Group, context: PrintContext): DraftLaunch {
  const flops = group.stores.reduce((sum, store) => sum + countElements(store.loop), 0);
  return { name: group.kind, ...choosePrinter(group)(group, context), flops };
}

function choosePrinter(group: Group): (group: Group, context: PrintContext) => Printed {
  if (group.kind === "column") return printColumns;
  const needsRows = group.stores.some(({ reduction, scope }) => reduction !== "none" || scope === "scalar");
  return needsRows ? printRows : printElements;
}

/** One chunk of elements a thread. */
function printElements(group: Group, context: PrintContext): Printed {
  const pointers = new PointerList();
  const flat = isFlat(group);
  const rowCount = countElements(group.rows);
  const columns = flat ? rowCount * group.columns : group.columns;
  const width = chooseWidth(columns, widestUseful(group));
  const rowNames = group.rows.map((_, place) => `r${place}`);
  const scope = openCudaScope(pointers, context, {
    names: flat ? "flat" : rowVariables(rowNames),
    places: { first: 1, ...Object.fromEntries(rowNames.map(name => [name, 1])) },
    width,
  });
  let after = "";
  for (const store of group.stores) {
    const value = printExpression(store, scope);
    scope.values.set(store.target, value);
    if (!context.isExternal(store.target, group)) continue;
    const written = addStore(store, value, scope);
    if (written !== "") after += `  ${written}`;
  }
  const type = indexType(pointers.tensors, group);
  const chunks = (flat ? 1 : rowCount) * (columns / width);
  const position = flat
    ? `  const ${type} first = at * ${width};\n`
    : `  const ${type} row = at / ${columns / width}, first = at % ${columns / width} * ${width};\n${printRowVariables(group.rows, "row", "  ", type)}`;
  const body = `  const ${type} at = (${type})blockIdx.x * ${elementThreads} + threadIdx.x;
  if (at >= ${chunks}) return;
${position}${scope.take(0, "  ")}${scope.take(1, "  ")}${printElementLoop(scope, "  ", type)}${after}`;
  return finish(group, pointers, context, body, { blocks: chunks, grain: elementThreads, threads: elementThreads });
}

/** The loop over the elements of one chunk. */
function printElementLoop(scope: CudaScope, indent: string, type: string): string {
  const { width } = scope;
  const statements = scope.take(2, `${indent}${width === 1 ? "" : "  "}`);
  if (width === 1) return `${indent}const ${type} c = first;\n${statements}`;
  return `#pragma unroll
${indent}for (int e = 0; e < ${width}; e++) {
${indent}  const ${type} c = first + e;
${statements}${indent}}
`;
}

function rowVariables(rowNames: readonly string[]): Map<string, string> {
  return new Map([...rowNames, "c"].map((name, place) => [`m${place}`, name]));
}

/** How the threads share a row. */
interface RowLayout {
  readonly width: number;
  /** Threads of one row. */
  readonly lanes: number;
  /** Chunks of one thread. */
  readonly chunks: number;
}

function layRow(group: Group): RowLayout {
  const width = chooseWidth(group.columns, widestUseful(group));
  const inRow = group.columns / width;
  const lanes = group.columns <= longestWarpRow ? 32 : Math.min(1024, Math.ceil(inRow / 32) * 32);
  return { width, lanes, chunks: Math.ceil(inRow / lanes) };
}

function printRows(group: Group, context: PrintContext): Printed {
  const layout = layRow(group);
  // Printed once to see which loads several passes share, and again to keep them.
  const { loads } = printPasses(group, context, layout, new Set());
  const keep = chooseKept(loads, layout);
  const { text, pointers, scope } = printPasses(group, context, layout, keep);
  const { width, lanes, chunks } = layout;
  const type = indexType(pointers.tensors, group);
  const rowCount = countElements(group.rows);
  const kept = [...scope.kept]
    .map(([key, name]) => `  ${chunkType(scope.loads.get(key)!.dtype, width)} ${name}[${chunks}];\n`)
    .join("");
  const isWarp = lanes === 32;
  const place = isWarp
    ? `  const ${type} row = (${type})blockIdx.x * ${warpsOfBlock} + threadIdx.x / 32;
  const int lane = threadIdx.x % 32;
  if (row >= ${rowCount}) return;\n`
    : `  const ${type} row = blockIdx.x;\n  const int lane = threadIdx.x;\n`;
  const body = `${place}${printRowVariables(group.rows, "row", "  ", type)}${kept}${text}`;
  const threads = isWarp ? 32 * warpsOfBlock : lanes;
  return finish(group, pointers, context, body, { blocks: rowCount, grain: isWarp ? warpsOfBlock : 1, threads });
}

/** Loads that more than one pass does, as many as fit beside what else a thread holds in registers. */
function chooseKept(loads: CudaScope["loads"], { width, lanes, chunks }: RowLayout): Set<string> {
  const keep = new Set<string>();
  if (chunks > mostUnrolled) return keep;
  let registers = lanes >= 1024 ? 24 : lanes > 512 ? 32 : 96;
  for (const [key, { dtype, passes }] of loads) {
    const needed = (chunks * width * bytesPerElement[dtype]) / 4;
    if (passes.size < 2 || needed > registers) continue;
    keep.add(key);
    registers -= needed;
  }
  return keep;
}

/** The passes over a row, one for each level of reductions. */
function printPasses(group: Group, context: PrintContext, layout: RowLayout, keep: ReadonlySet<string>) {
  const { width, lanes, chunks } = layout;
  const pointers = new PointerList();
  const rowNames = group.rows.map((_, place) => `r${place}`);
  const scope = openCudaScope(pointers, context, {
    names: rowVariables(rowNames),
    places: { j: 1, first: 1 },
    width,
    keep,
  });
  const isExternal = (store: Group["stores"][number]) => context.isExternal(store.target, group);
  const levels = assignLevels(group);
  const lastLevel = Math.max(...levels.values());
  const reduce = lanes === 32 ? "warp" : "block";
  const element = width === 1 ? "j" : `j * ${width} + e`;
  let text = "";
  const writeOne = (store: Group["stores"][number], value: string) => {
    text += scope.take(0, "  ");
    if (isExternal(store)) text += `  if (lane == 0) ${printTarget(store, scope)} = ${printStored(store, value)};\n`;
  };
  for (let level = 0; level <= lastLevel; level++) {
    scope.pass = level;
    const here = group.stores.filter(store => levels.get(store) === level);
    for (const store of here.filter(candidate => candidate.scope === "scalar")) {
      const value = printExpression(store, scope);
      scope.values.set(store.target, value);
      writeOne(store, value);
    }
    const vectors = here.filter(store => store.scope === "vector");
    if (vectors.length === 0) continue;
    let after = "";
    const later: { readonly store: Group["stores"][number]; readonly value: string }[] = [];
    const reductions: { readonly store: Group["stores"][number]; readonly name: string }[] = [];
    for (const store of vectors) {
      const value = printExpression(store, scope);
      if (store.reduction === "row") {
        const name = scope.name("s", 0);
        text += `  float ${name} = ${isSum(store) ? "0" : "-INFINITY"};\n`;
        scope.state(2, isSum(store) ? `${name} += ${value};` : `${name} = ${value} > ${name} ? ${value} : ${name};`);
        reductions.push({ store, name });
        continue;
      }
      if (isExternal(store)) {
        const written = addStore(store, value, scope);
        if (written !== "") after += `    ${written}`;
      }
      scope.values.set(store.target, value);
      const isNeeded = group.stores.some(
        other => levels.get(other)! > level && other.loads.some(load => load.tensor === store.target),
      );
      if (!isNeeded) continue;
      const name = scope.name("s", 0);
      text += `  float ${name}[${chunks * width}];\n`;
      scope.state(2, `${name}[${element}] = ${value};`);
      later.push({ store, value: `${name}[${element}]` });
    }
    text += `${scope.take(0, "  ")}${printChunkLoop(group, layout, scope, after)}`;
    for (const { store, value } of later) scope.values.set(store.target, value);
    for (const { store, name } of reductions) {
      text += `  ${name} = ${reduce}_${isSum(store) ? "sum" : "max"}(${name});\n`;
      scope.values.set(store.target, name);
      writeOne(store, name);
    }
  }
  return { text, pointers, scope, loads: scope.loads };
}

function printChunkLoop(group: Group, { width, lanes, chunks }: RowLayout, scope: CudaScope, after: string): string {
  const isWhole = group.columns === chunks * lanes * width;
  const first = chunks === 1 ? "lane" : `(j * ${lanes} + lane)`;
  return `#pragma unroll${chunks > mostUnrolled ? " 4" : ""}
  for (int j = 0; j < ${chunks}; j++) {
    const int first = ${width === 1 ? first : `${first} * ${width}`};
${isWhole ? "" : `    if (first >= ${group.columns}) break;\n`}${scope.take(1, "    ")}${printElementLoop(scope, "    ", "int")}${after}  }
`;
}

function finish(
  group: Group,
  pointers: PointerList,
  { stateOf }: PrintContext,
  body: string,
  shape: { readonly blocks: number; readonly grain: number; readonly threads: number },
): Printed {
  const isWritten = (tensor: (typeof pointers.tensors)[number]) => group.stores.some(store => store.target === tensor);
  const head = printHead(pointers.tensors, isWritten, shape.threads, stateOf);
  return { source: `${head} {\n${body}}\n`, pointers: pointers.tensors, ...shape };
}
