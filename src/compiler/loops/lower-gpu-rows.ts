// Rows with reductions as loops for the thread blocks of a GPU: a warp takes a short row and a thread block a long one. With sums of
// columns in the group, each thread block walks down its rows and keeps its part of those sums in registers too. No atomics and fixed
// trees: equal inputs give equal bits.

import { countElements } from "../../graph/tensor.ts";
import { unflattenPosition } from "../indices/expression.ts";
import {
  combineIndices,
  constantIndex,
  divideIndex,
  type Index,
  remainderIndex,
  variableIndex,
} from "../indices/index-expression.ts";
import type { Group, Store } from "../kernels/group.ts";
import { assignLevels, isReadLater } from "../kernels/levels.ts";
import type { GpuDevice } from "../targets/gpu-device.ts";
import { chooseWidth, elementLoop, type GpuContext, nameIndex, thread, widestUseful } from "./gpu-chunks.ts";
import type { Loop, LoopKernel, Statement } from "./ir.ts";
import type { KeptRegisters } from "./keep.ts";
import { lowerPasses, nameRows, type RowLoop } from "./lower-passes.ts";
import { lowerStore, newName, startLowering } from "./lower-value.ts";

/** Columns of a row for each thread of a warp, up to which the row is a warp's; a longer one is a thread block's. */
const mostColumnsOfLane = 32;
const warpsOfBlock = 4;
/** Warps of a longer row: several such blocks on a multiprocessor, so that some load while others compute. */
const mostWarps = 16;
/** Warps of a thread block that sums columns, and how many such blocks a multiprocessor should have at the same time. */
const summingWarps = 6;
const summingBlocks = 2;
/** Chunks of one thread up to which the loop over them is unrolled whole, so that arrays of chunks are registers. */
const mostUnrolled = 16;

export function longestWarpRow({ warpThreads }: GpuDevice): number {
  return mostColumnsOfLane * warpThreads;
}

/**
 * Whether thread blocks that sum the columns of rows find room for it: in shared memory for the parts of their warps, and in each
 * thread for `values` of each of its columns.
 */
export function fitsSums(columns: number, values: number, gpu: GpuDevice): boolean {
  const { warpThreads, sharedBytes, registers } = gpu;
  // A thread's registers come in eights.
  const perThread = Math.floor(registers / (summingBlocks * summingWarps * warpThreads) / 8) * 8;
  const isShort = columns <= longestWarpRow(gpu);
  const fitsShared = summingBlocks * 4 * summingWarps * columns <= sharedBytes;
  return isShort && fitsShared && Math.ceil(columns / warpThreads) * values <= perThread;
}

export interface GpuKernel {
  readonly kernel: LoopKernel;
  /** What a thread may keep of what several passes read. */
  readonly kept?: KeptRegisters;
}

/** How the threads share a row. */
interface RowLayout extends RowLoop {
  readonly lanes: number;
  readonly kept: KeptRegisters;
}

export function lowerRows(group: Group, context: GpuContext): GpuKernel {
  const sums = group.stores.filter(({ reduction }) => reduction === "column");
  if (sums.length > 0) return lowerRowsAndSums(group, sums, context);
  const lowering = startLowering(context.inMemory);
  const layout = layRow(group, context);
  const { warpThreads } = context.gpu;
  const { lanes, kept } = layout;
  const rowCount = countElements(group.rows);
  const isWarp = lanes === warpThreads;
  const block = variableIndex("block", rowCount);
  // The last thread block may have more warps than there are rows.
  const row = variableIndex("row", isWarp ? Math.ceil(rowCount / warpsOfBlock) * warpsOfBlock : rowCount);
  const rows = nameRows(group.rows, row);
  const axes = [...rows.axes, variableIndex("c", group.columns)];
  const { body } = lowerPasses(group, context.isExternal, layout, () => axes, lowering);
  const all = [...rows.lets, ...body];
  const warpRow = combineIndices([
    { index: block, factor: warpsOfBlock },
    { index: divideIndex(thread, warpThreads), factor: 1 },
  ]);
  return {
    kernel: {
      block: "block",
      body: isWarp
        ? [
            nameIndex("row", warpRow),
            nameIndex("lane", remainderIndex(thread, warpThreads)),
            { kind: "when", index: row, below: rowCount, body: all },
          ]
        : [nameIndex("row", block), nameIndex("lane", thread), ...all],
      lookups: lowering.lookups,
      blocks: rowCount,
      grain: isWarp ? warpsOfBlock : 1,
      threads: isWarp ? warpThreads * warpsOfBlock : lanes,
    },
    kept,
  };
}

/** Thread block n takes the rows that row n of the sums is made of. */
function lowerRowsAndSums(group: Group, sums: readonly Store[], context: GpuContext): GpuKernel {
  const lowering = startLowering(context.inMemory);
  const layout = layRow(group, context);
  const { warpThreads } = context.gpu;
  const { columns } = group;
  const [blocks, inner] = sums[0]!.loop.filter(size => size !== 1) as [number, number];
  const [block, below] = [variableIndex("block", blocks), variableIndex("inner", inner)];
  const [warp, column] = [variableIndex("warp", summingWarps), variableIndex("c", columns)];
  const row = combineIndices([
    { index: block, factor: inner },
    { index: below, factor: 1 },
  ]);
  const axes = [...unflattenPosition(row, group.rows), column];
  const axesOf = (store: Store) => (sums.includes(store) ? [block, below, column] : axes);
  const { body, totals } = lowerPasses(group, context.isExternal, layout, axesOf, lowering);
  const partOf = (index: Index) =>
    combineIndices([
      { index, factor: columns },
      { index: column, factor: 1 },
    ]);
  const results = sums.flatMap((store, n): Statement[] => {
    const total = newName(lowering, "s");
    const part = (index: Index) => ({ kind: "read", type: "f32", name: "part", at: partOf(index) }) as const;
    return [
      { kind: "barrier" },
      layout.over([
        {
          kind: "set",
          name: "part",
          at: partOf(warp),
          value: { kind: "read", type: "f32", name: totals[n]!, at: layout.slot },
        },
      ]),
      { kind: "barrier" },
      {
        kind: "loop",
        variable: "c",
        from: thread,
        to: constantIndex(columns),
        step: warpThreads * summingWarps,
        body: [
          { kind: "declare", name: total, type: "f32" },
          { kind: "set", name: total, value: part(constantIndex(0)) },
          {
            kind: "loop",
            variable: "w",
            from: constantIndex(1),
            to: constantIndex(summingWarps),
            step: 1,
            unroll: "whole",
            body: [{ kind: "accumulate", name: total, fn: "sum", value: part(variableIndex("w", summingWarps)) }],
          },
          lowerStore(store, axesOf(store), { kind: "read", type: "f32", name: total }, lowering),
        ],
      },
    ];
  });
  return {
    kernel: {
      block: "block",
      body: [
        { kind: "declare", name: "part", type: "f32", count: summingWarps * columns, shared: true },
        nameIndex("warp", divideIndex(thread, warpThreads)),
        nameIndex("lane", remainderIndex(thread, warpThreads)),
        ...totals.map(name => ({ kind: "declare", name, type: "f32", count: layout.slots, begin: "sum" }) as const),
        { kind: "loop", variable: "inner", from: warp, to: constantIndex(inner), step: summingWarps, body },
        ...results,
      ],
      lookups: lowering.lookups,
      blocks,
      grain: 1,
      threads: warpThreads * summingWarps,
      residentBlocks: summingBlocks,
    },
    kept: layout.kept,
  };
}

function layRow(group: Group, context: GpuContext): RowLayout {
  const { gpu } = context;
  const { warpThreads } = gpu;
  const { columns } = group;
  const width = chooseWidth(columns, widestUseful(group, context));
  const inRow = columns / width;
  const warps = Math.min(mostWarps, gpu.mostThreads / warpThreads, Math.ceil(inRow / warpThreads));
  const isWarp = columns <= longestWarpRow(gpu);
  const lanes = isWarp ? warpThreads : warps * warpThreads;
  const chunks = Math.ceil(inRow / lanes);
  const sums = group.stores.filter(({ reduction }) => reduction === "column").length;
  const levels = assignLevels(group);
  // Arrays of chunks are registers only where the loop over them is unrolled; elsewhere that would cost registers for nothing.
  const hasArrays = group.stores.some(store => isReadLater(store, group, levels));
  const isUnrolled = chunks <= mostUnrolled && (isWarp || hasArrays);
  const [j, e, lane] = [variableIndex("j", chunks), variableIndex("e", width), variableIndex("lane", lanes)];
  const start = combineIndices([
    { index: j, factor: lanes * width },
    { index: lane, factor: width },
  ]);
  // The last chunks may begin behind the row.
  const first = variableIndex("first", chunks * lanes * width);
  return {
    lanes,
    kept: { count: chunks > mostUnrolled ? 0 : (isWarp ? 96 : 24) - sums * chunks * width, chunks },
    slots: chunks * width,
    slot: combineIndices([
      { index: j, factor: width },
      { index: e, factor: 1 },
    ]),
    across: isWarp ? "warp" : "block",
    once: statement => ({ kind: "when", index: lane, below: 1, body: [statement] }),
    over: (body): Loop => {
      const elements = elementLoop(width, columns, body);
      const isWhole = columns === chunks * lanes * width;
      return {
        kind: "loop",
        variable: "j",
        from: constantIndex(0),
        to: constantIndex(chunks),
        step: 1,
        form: "chunks",
        unroll: isUnrolled ? "whole" : 2,
        body: [
          nameIndex("first", start),
          isWhole ? elements : { kind: "when", index: first, below: columns, body: [elements] },
        ],
      };
    },
  };
}
