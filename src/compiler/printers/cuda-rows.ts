// Rows with reductions as CUDA: a warp takes a short row and a thread block a long one, in one pass over the columns for each
// level of reductions. What several passes read or make stays in registers. With sums of columns in the group, each thread block
// walks down its rows and keeps its part of those sums in registers too.

import { bytesPerElement, countElements } from "../../graph/tensor.ts";
import { unflattenPosition } from "../indices/expression.ts";
import { combineIndices, type Index, variableIndex } from "../indices/index-expression.ts";
import type { Group, Store } from "../kernels/group.ts";
import { assignLevels } from "../kernels/levels.ts";
import type { PrintContext } from "../target.ts";
import {
  addStore,
  type CudaScope,
  chooseWidth,
  chunkType,
  finishKernel,
  indexType,
  nameAxes,
  openCudaScope,
  type PrintedKernel,
  placeAxes,
  printElementLoop,
  widestUseful,
} from "./cuda-scope.ts";
import {
  isSum,
  PointerList,
  printExpression,
  printRowVariables,
  printStored,
  printTarget,
} from "./print-expression.ts";

/** Rows up to this long are a warp's; longer ones a thread block's. */
export const longestWarpRow = 1024;
const warpsOfBlock = 4;
/** Threads of a longer row: several such blocks on a multiprocessor, so that some load while others compute. */
const mostLanes = 512;
/** Warps of a thread block that sums columns; two such blocks on a multiprocessor leave a thread 168 registers. */
const summingWarps = 6;
/** Chunks of one thread up to which the loop over them is unrolled whole, so that arrays of chunks are registers. */
const mostUnrolled = 16;

/** How the threads share a row. */
interface RowLayout {
  readonly width: number;
  /** Threads of one row. */
  readonly lanes: number;
  /** Chunks of one thread. */
  readonly chunks: number;
  /** What the moving axes of a store's loop are in the text. */
  axesOf(store: Store): readonly Index[];
  /** Registers of a thread for what several passes read. */
  readonly keptRegisters: number;
}

export function printRows(group: Group, context: PrintContext): PrintedKernel {
  const sums = group.stores.filter(({ reduction }) => reduction === "column");
  if (sums.length > 0) return printRowsAndSums(group, sums, context);
  const axes = nameAxes(
    group.rows.map((_, place) => `r${place}`),
    group,
  );
  const layout = layRow(group, () => axes);
  const { text, pointers } = printKept(group, context, layout);
  const type = indexType(pointers.tensors, group);
  const rowCount = countElements(group.rows);
  const isWarp = layout.lanes === 32;
  const place = isWarp
    ? `  const ${type} row = (${type})blockIdx.x * ${warpsOfBlock} + threadIdx.x / 32;
  const int lane = threadIdx.x % 32;
  if (row >= ${rowCount}) return;\n`
    : `  const ${type} row = blockIdx.x;\n  const int lane = threadIdx.x;\n`;
  const body = `${place}${printRowVariables(group.rows, "row", "  ", type)}${text}`;
  const threads = isWarp ? 32 * warpsOfBlock : layout.lanes;
  return finishKernel(group, pointers, context, body, {
    blocks: rowCount,
    grain: isWarp ? warpsOfBlock : 1,
    threads,
  });
}

/** Thread block n takes the rows that row n of the sums is made of. */
function printRowsAndSums(group: Group, sums: readonly Store[], context: PrintContext): PrintedKernel {
  const [blocks, inner] = sums[0]!.loop.filter(size => size !== 1) as [number, number];
  const block = variableIndex("block", blocks);
  const below = variableIndex("inner", inner);
  const row = combineIndices([
    { index: block, factor: inner },
    { index: below, factor: 1 },
  ]);
  const column = variableIndex("c", group.columns);
  const axes = [...unflattenPosition(row, group.rows), column];
  const layout = layRow(group, store => (sums.includes(store) ? [block, below, column] : axes));
  const { text, pointers, scope, totals } = printKept(group, context, layout);
  const { width, chunks } = layout;
  const type = indexType(pointers.tensors, group);
  const element = width === 1 ? "j" : `j * ${width} + e`;
  const count = chunks * width;
  const begin = totals.map(name => `  float ${name}[${count}];\n`).join("");
  const results = sums.map(
    (store, n) => `  __syncthreads();
${printChunkLoop(group, layout, `#pragma unroll\n    for (int e = 0; e < ${width}; e++) part[warp][first + e] = ${totals[n]}[${element}];\n`, true)}  __syncthreads();
  for (int c = threadIdx.x; c < ${group.columns}; c += ${32 * summingWarps}) {
    float s = part[0][c];
#pragma unroll
    for (int w = 1; w < ${summingWarps}; w++) s += part[w][c];
    ${printTarget(store, scope)} = ${printStored(store, "s")};
  }
`,
  );
  const body = `  __shared__ float part[${summingWarps}][${group.columns}];
  const ${type} block = blockIdx.x;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
${begin}#pragma unroll
  for (int i = 0; i < ${count}; i++) ${totals.map(name => `${name}[i] = `).join("")}0;
  for (int inner = warp; inner < ${inner}; inner += ${summingWarps}) {
${text.replace(/^(?=[^#\n])/gm, "  ")}  }
${results.join("")}`;
  const shape = { blocks, grain: 1, threads: 32 * summingWarps, residentBlocks: 2 };
  return finishKernel(group, pointers, context, body, shape);
}

function layRow(group: Group, axesOf: RowLayout["axesOf"]): RowLayout {
  const width = chooseWidth(group.columns, widestUseful(group));
  const inRow = group.columns / width;
  const lanes = group.columns <= longestWarpRow ? 32 : Math.min(mostLanes, Math.ceil(inRow / 32) * 32);
  const chunks = Math.ceil(inRow / lanes);
  const sums = group.stores.filter(({ reduction }) => reduction === "column").length;
  const registers = lanes === 32 ? 96 : 24;
  return { width, lanes, chunks, axesOf, keptRegisters: registers - sums * chunks * width };
}

/** The passes over a row: printed once to see which loads several of them share, and again to keep those. */
function printKept(group: Group, context: PrintContext, layout: RowLayout) {
  const { loads } = printPasses(group, context, layout, new Set()).scope;
  const printed = printPasses(group, context, layout, chooseKept(loads, layout));
  const { scope, text } = printed;
  const kept = [...scope.kept]
    .map(([key, name]) => `  ${chunkType(scope.loads.get(key)!.dtype, layout.width)} ${name}[${layout.chunks}];\n`)
    .join("");
  return { ...printed, text: `${kept}${text}` };
}

/**
 * Loads that more than one pass does, as many as fit beside what else a thread holds in registers. What every row loads comes
 * last: it is in the first cache.
 */
function chooseKept(loads: CudaScope["loads"], { width, chunks, keptRegisters }: RowLayout): Set<string> {
  const keep = new Set<string>();
  if (chunks > mostUnrolled) return keep;
  let left = keptRegisters;
  for (const [key, { dtype, passes }] of [...loads].sort(([, a], [, b]) => Number(a.isShared) - Number(b.isShared))) {
    const needed = (chunks * width * bytesPerElement[dtype]) / 4;
    if (passes.size < 2 || needed > left) continue;
    keep.add(key);
    left -= needed;
  }
  return keep;
}

/** The passes over a row, one for each level of reductions; `totals` are the names of the sums of columns. */
function printPasses(group: Group, context: PrintContext, layout: RowLayout, keep: ReadonlySet<string>) {
  const { width, lanes, chunks, axesOf } = layout;
  const pointers = new PointerList();
  const scope = openCudaScope(pointers, context, {
    place: (index, store) => placeAxes(index, store, axesOf(store)),
    places: { j: 1, first: 1 },
    width,
    keep,
  });
  const isExternal = (store: Store) => context.isExternal(store.target, group);
  const levels = assignLevels(group);
  const lastLevel = Math.max(...levels.values());
  const reduce = lanes === 32 ? "warp" : "block";
  const element = width === 1 ? "j" : `j * ${width} + e`;
  const isLater = (store: Store) =>
    group.stores.some(
      other => levels.get(other)! > levels.get(store)! && other.loads.some(load => load.tensor === store.target),
    );
  // Arrays of chunks are registers only where the loop over them is unrolled; elsewhere that would cost registers for nothing.
  const hasArrays = keep.size > 0 || group.stores.some(store => isInRow(store) && isLater(store));
  const isUnrolled = chunks <= mostUnrolled && (lanes === 32 || hasArrays);
  const totals: string[] = [];
  let text = "";
  const writeOne = (store: Store, value: string) => {
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
    const later: { readonly store: Store; readonly value: string }[] = [];
    const reductions: { readonly store: Store; readonly name: string }[] = [];
    for (const store of vectors) {
      const value = printExpression(store, scope);
      if (store.reduction === "column") {
        totals.push(scope.name("s", 0));
        scope.state(2, `${totals[totals.length - 1]}[${element}] += ${value};`);
        continue;
      }
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
      if (!isLater(store)) continue;
      const name = scope.name("s", 0);
      text += `  float ${name}[${chunks * width}];\n`;
      scope.state(2, `${name}[${element}] = ${value};`);
      later.push({ store, value: `${name}[${element}]` });
    }
    const chunk = `${scope.take(1, "    ")}${printElementLoop(scope, "    ", "int")}${after}`;
    text += `${scope.take(0, "  ")}${printChunkLoop(group, layout, chunk, isUnrolled)}`;
    for (const { store, value } of later) scope.values.set(store.target, value);
    for (const { store, name } of reductions) {
      text += `  ${name} = ${reduce}_${isSum(store) ? "sum" : "max"}(${name});\n`;
      scope.values.set(store.target, name);
      writeOne(store, name);
    }
  }
  return { text, pointers, scope, totals };
}

/** Whether a store makes one value for each column of the row. */
function isInRow({ scope, reduction }: Store): boolean {
  return scope === "vector" && reduction === "none";
}

/** The loop over the chunks of one thread. */
function printChunkLoop(
  { columns }: Group,
  { width, lanes, chunks }: RowLayout,
  body: string,
  isUnrolled: boolean,
): string {
  const isWhole = columns === chunks * lanes * width;
  const first = chunks === 1 ? "lane" : `(j * ${lanes} + lane)`;
  return `#pragma unroll${isUnrolled ? "" : " 2"}
  for (int j = 0; j < ${chunks}; j++) {
    const int first = ${width === 1 ? first : `${first} * ${width}`};
${isWhole ? "" : `    if (first >= ${columns}) break;\n`}${body}  }
`;
}
