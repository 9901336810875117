// Column reductions as loops for the thread blocks of a GPU: a thread block takes a tile of columns and all the rows of its block of
// rows. A warp stands across the tile, so that it reads neighbouring elements, and eight or more below each other take the rows
// in turn; their sums meet in shared memory, in a fixed order.

import { countElements } from "../../graph/tensor.ts";
import {
  combineIndices,
  constantIndex,
  divideIndex,
  type Index,
  remainderIndex,
  variableIndex,
  zeroIndex,
} from "../indices/index-expression.ts";
import type { Group, Store } from "../kernels/group.ts";
import { reductionOf } from "../kernels/levels.ts";
import { countBlocks, type GpuDevice } from "../targets/gpu-device.ts";
import { chooseWidth, elementLoop, type GpuContext, nameIndex, thread } from "./gpu-chunks.ts";
import type { Expression, LoopKernel, Statement } from "./ir.ts";
import { nameRows } from "./lower-passes.ts";
import { lowerStore, nameValue, startLowering } from "./lower-value.ts";

const widest = 4;
const usualDown = 8;

/** Columns of one thread block. */
export function columnTile(columns: number, { warpThreads, mostChunk }: GpuDevice): number {
  return warpThreads * chooseWidth(columns, Math.min(widest, mostChunk));
}

export function lowerColumns(group: Group, { inMemory, isExternal, gpu }: GpuContext): LoopKernel {
  const { rows, columns, stores } = group;
  const outer = rows.slice(0, -1);
  const inner = rows[rows.length - 1]!;
  const across = gpu.warpThreads;
  // Fewer thread blocks than multiprocessors leave some idle: then tiles are as narrow and blocks as tall as they can be.
  const isFew = countElements(outer) * Math.ceil(columns / columnTile(columns, gpu)) < countBlocks(gpu, 1);
  const width = isFew ? 1 : columnTile(columns, gpu) / across;
  const down = isFew ? gpu.mostThreads / across : usualDown;
  const tile = across * width;
  const tiles = Math.ceil(columns / tile);
  const blocks = countElements(outer) * tiles;
  const lowering = startLowering(inMemory);
  const add = (...parts: (readonly [Index, number])[]) =>
    combineIndices(parts.map(([index, factor]) => ({ index, factor })));
  const block = variableIndex("block", blocks);
  const tileStart = add([remainderIndex(block, tiles), tile]);
  const [x, y, e] = [variableIndex("x", across), variableIndex("y", down), variableIndex("e", width)];
  // The last tile may reach beyond the columns.
  const [t, first, column] = [
    ["t", tile] as const,
    ["first", tiles * tile] as const,
    ["column", tiles * tile] as const,
  ].map(([name, size]) => variableIndex(name, size)) as [Index, Index, Index];
  const outerRows = nameRows(outer, divideIndex(block, tiles));
  const axes = [...outerRows.axes, variableIndex("inner", inner), variableIndex("c", columns)];
  const sums = stores.filter(({ reduction }) => reduction === "column");
  const named: Statement[] = [];
  const totals = sums.map((store, n) => {
    const value = nameValue(store, axes, lowering, named);
    return { store, value, fn: reductionOf(store), sum: `s${n}`, total: `total${n}` };
  });
  const body: Statement[] = [
    { kind: "declare", name: "part", type: "f32", count: down * tile, shared: true },
    nameIndex("x", remainderIndex(thread, across)),
    nameIndex("y", divideIndex(thread, across)),
    nameIndex("first", add([tileStart, 1], [x, width])),
    ...outerRows.lets,
    ...totals.map(({ sum, fn }) => ({ kind: "declare", name: sum, type: "f32", count: width, begin: fn }) as const),
    {
      kind: "when",
      index: first,
      below: columns,
      body: [
        {
          kind: "loop",
          variable: "inner",
          from: y,
          to: constantIndex(inner),
          step: down,
          unroll: stores.length > 1 ? 2 : 4,
          body: [
            elementLoop(width, columns, [
              ...named,
              ...totals.map(({ sum, fn, value }) => ({ kind: "accumulate", name: sum, at: e, fn, value }) as const),
            ]),
          ],
        },
      ],
    },
    nameIndex("t", remainderIndex(thread, tile)),
    nameIndex("column", add([tileStart, 1], [t, 1])),
    ...totals.flatMap(({ sum, fn, total }): Statement[] => [
      { kind: "barrier" },
      {
        kind: "loop",
        variable: "e",
        from: zeroIndex,
        to: constantIndex(width),
        step: 1,
        unroll: "whole",
        body: [
          {
            kind: "set",
            name: "part",
            at: add([y, tile], [x, width], [e, 1]),
            value: { kind: "read", type: "f32", name: sum, at: e },
          },
        ],
      },
      { kind: "barrier" },
      { kind: "declare", name: total, type: "f32" },
      { kind: "set", name: total, value: { kind: "read", type: "f32", name: "part", at: t } },
      {
        kind: "when",
        index: thread,
        below: tile,
        body: [
          {
            kind: "loop",
            variable: "down",
            from: constantIndex(1),
            to: constantIndex(down),
            step: 1,
            body: [
              {
                kind: "accumulate",
                name: total,
                fn,
                value: {
                  kind: "read",
                  type: "f32",
                  name: "part",
                  at: add([variableIndex("down", down), tile], [t, 1]),
                },
              },
            ],
          },
        ],
      },
    ]),
  ];
  for (const { store, total } of totals) lowering.values.set(store.target, { kind: "read", type: "f32", name: total });
  const results: Statement[] = [];
  const written: Statement[] = [];
  // What is made of totals has no rows.
  const placesOf = (store: Store) => (store.reduction === "column" ? [...axes.slice(0, -1), column] : [column]);
  for (const store of stores) {
    const total = totals.find(each => each.store === store);
    const value: Expression =
      total === undefined ? nameValue(store, [column], lowering, results) : lowering.values.get(store.target)!;
    lowering.values.set(store.target, value);
    if (isExternal(store.target)) written.push(lowerStore(store, placesOf(store), value, lowering));
  }
  body.push({
    kind: "when",
    index: thread,
    below: tile,
    body: [{ kind: "when", index: column, below: columns, body: [...results, ...written] }],
  });
  return { block: "block", body, lookups: lowering.lookups, blocks, grain: 1, threads: across * down };
}
