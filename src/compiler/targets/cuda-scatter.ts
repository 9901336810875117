// Rows added at indices on a GPU, by sorting. Text repeats few ids so often that a thread block for each row of the result would work
// alone for milliseconds; so positions are sorted by index, and a thread block takes as many of them as any other. A run of equal
// indices that ends in another thread block is added up from parts. No atomics: every sum is taken in the order of the positions.

import { createTensor, type DType, type Shape, type Tensor } from "../../graph/tensor.ts";
import { chunkType, emitHead, indexType } from "../emitters/emit-cuda.ts";
import { baseOf, type Group } from "../kernels/group.ts";
import { chooseWidth } from "../loops/gpu-chunks.ts";
import type { DraftLaunch, EmitContext } from "../target.ts";

/** Indices that one thread block sorts, a thread an index. */
const mostSorted = 512;
/** Positions whose rows one thread block adds, and how many rows it loads at once. */
const segment = 64;
const loads = 8;
/** Rows of the result that one thread block finishes. */
const finishedRows = 32;

/**
 * The launches of values (N, C) added at indices (N) into rows (R, C). Twice N² / 512 comparisons sort: at 65,536 positions less than
 * reading the values takes. An index that is no row is passed over.
 */
export function emitScatter({ template }: Group, { inMemory, stateOf }: EmitContext): DraftLaunch[] {
  const node = template!;
  const [values, indices] = node.inputs.map(operand => baseOf(operand, inMemory)) as [Tensor, Tensor];
  const [rows, columns] = node.shape as [number, number];
  // The operand's own: what stands in memory under it may have another shape.
  const count = node.inputs[1]!.shape[0]!;
  const piece = Math.min(mostSorted, 32 * Math.ceil(count / 32));
  const pieces = Math.ceil(count / piece);
  const segments = Math.ceil(count / segment);
  const width = chooseWidth(columns, 4);
  const threads = Math.min(256, Math.max(64, 32 * Math.ceil(columns / width / 32)));
  const tiles = Math.ceil(columns / (threads * width));
  const scratch = (shape: Shape, dtype: DType) => createTensor(node.operation, [], shape, dtype);
  const [pieceIds, piecePositions, ids, positions] = Array.from({ length: 4 }, () => scratch([count], "i32")) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  const parts = scratch([segments, 2, columns], "f32");

  const type = indexType([values, node, parts]);
  const chunk = chunkType("f32", width);
  const element = width === 1 ? "" : ".v[e]";
  const readChunk = (address: string, at: string) => `*(const ${chunk} *)(${address} + ${at})`;
  const addChunk = (value: string) => `for (int e = 0; e < ${width}; e++) sum[e] += ${value}${element};`;
  const print = (pointers: readonly Tensor[], written: readonly Tensor[], threadCount: number, body: string) =>
    `${emitHead(pointers, tensor => written.includes(tensor), threadCount, stateOf)} {\n${body}}\n`;
  const launch = (name: string, source: string, threadCount: number, pointers: readonly Tensor[], blocks: number) => ({
    ...{ name, source, pointers, blocks, threads: threadCount },
    ...{ grain: 1, flops: 0 },
  });
  const ownColumn = `const int c = (blockIdx.x % ${tiles} * ${threads} + threadIdx.x) * ${width};`;

  const sorted = pieces === 1 ? [ids, positions] : [pieceIds, piecePositions];
  const sortPointers = [indices, ...sorted];
  const sort = `  __shared__ int all[${piece}];
  const int begin = blockIdx.x * ${piece}, at = threadIdx.x;
  const int own = begin + at < ${count} ? a0[begin + at] : 0x7fffffff;
  all[at] = own;
  __syncthreads();
  int rank = 0;
#pragma unroll 16
  for (int i = 0; i < ${piece}; i++) rank += all[i] < own || (all[i] == own && i < at);
  if (begin + at >= ${count}) return;
  a1[begin + rank] = own;
  a2[begin + rank] = begin + at;
`;
  // Where an index of a sorted piece belongs among all: behind the equal ones of the pieces before its own.
  const placePointers = [...sorted, ids, positions];
  const place = `  const int at = blockIdx.x * ${piece} + threadIdx.x, own = blockIdx.x;
  if (at >= ${count}) return;
  const int id = a0[at];
  int rank = threadIdx.x;
#pragma unroll 4
  for (int other = 0; other < ${pieces}; other++) {
    const int *ids = a0 + other * ${piece}, size = ${count} - other * ${piece};
    const int below = id + (other < own);
    int before = 0;
#pragma unroll
    for (int step = ${mostSorted}; step > 0; step /= 2) {
      const int last = before + step - 1;
      if (last < ${piece} && last < size && ids[last] < below) before += step;
    }
    rank += other == own ? 0 : before;
  }
  a2[rank] = id;
  a3[rank] = a1[at];
`;
  const sumPointers = [values, ids, positions, parts, node];
  const add = `  __shared__ int ids[${segment}], positions[${segment}];
  const int own = blockIdx.x / ${tiles}, begin = own * ${segment};
  ${ownColumn}
  const int size = ${count} - begin < ${segment} ? ${count} - begin : ${segment};
  if (threadIdx.x < size) {
    ids[threadIdx.x] = a1[begin + threadIdx.x];
    positions[threadIdx.x] = a2[begin + threadIdx.x];
  }
  __syncthreads();
  if (c >= ${columns}) return;
  const int before = begin > 0 ? a1[begin - 1] : -1, after = begin + ${segment} < ${count} ? a1[begin + ${segment}] : -1;
  float sum[${width}] = {0};
  for (int base = 0; base < size; base += ${loads}) {
    ${chunk} row[${loads}];
#pragma unroll
    for (int i = 0; i < ${loads}; i++) {
      const int at = base + i < size ? base + i : size - 1;
      row[i] = ${readChunk("a0", `(${type})positions[at] * ${columns} + c`)};
    }
#pragma unroll
    for (int i = 0; i < ${loads}; i++) {
      const int at = base + i;
      if (at < size) {
#pragma unroll
        ${addChunk("row[i]")}
        const int id = ids[at];
        if (at + 1 == size || ids[at + 1] != id) {
          const int is_begun_before = id == before, goes_on = at + 1 == size && id == after;
          float *to = is_begun_before || goes_on ? a3 + (${type})(2 * own + !is_begun_before) * ${columns} : a4 + (${type})id * ${columns};
          ${chunk} whole;
#pragma unroll
          for (int e = 0; e < ${width}; e++) {
            whole${element} = sum[e];
            sum[e] = 0;
          }
          if ((unsigned)id < ${rows}) *(${chunk} *)(to + c) = whole;
        }
      }
    }
  }
`;
  // Rows of no index, and those whose indices lie in several segments.
  const finishPointers = [ids, parts, node];
  const finish = `  __shared__ int starts[${finishedRows + 1}];
  const int begin = blockIdx.x / ${tiles} * ${finishedRows};
  ${ownColumn}
  if (threadIdx.x <= ${finishedRows}) {
    int before = 0;
    for (int step = ${2 ** Math.floor(Math.log2(count))}; step > 0; step /= 2) {
      const int last = before + step - 1;
      if (last < ${count} && a0[last] < begin + (int)threadIdx.x) before += step;
    }
    starts[threadIdx.x] = before;
  }
  __syncthreads();
  if (c >= ${columns}) return;
  for (int row = 0; row < ${finishedRows} && begin + row < ${rows}; row++) {
    const int start = starts[row], end = starts[row + 1];
    const int first = start / ${segment}, last = (end - 1) / ${segment};
    if (start < end && first == last) continue;
    float sum[${width}] = {0};
    if (start < end) {
      const ${chunk} part = ${readChunk("a1", `(${type})(2 * first + 1) * ${columns} + c`)};
#pragma unroll
      ${addChunk("part")}
#pragma unroll ${loads}
      for (int i = first + 1; i <= last; i++) {
        const ${chunk} next = ${readChunk("a1", `(${type})(2 * i) * ${columns} + c`)};
#pragma unroll
        ${addChunk("next")}
      }
    }
    ${chunk} whole;
#pragma unroll
    for (int e = 0; e < ${width}; e++) whole${element} = sum[e];
    *(${chunk} *)(a2 + (${type})(begin + row) * ${columns} + c) = whole;
  }
`;
  return [
    launch("scatter_sort", print(sortPointers, sorted, piece, sort), piece, sortPointers, pieces),
    ...(pieces === 1
      ? []
      : [launch("scatter_place", print(placePointers, [ids, positions], piece, place), piece, placePointers, pieces)]),
    {
      ...launch("scatter_add", print(sumPointers, [parts, node], threads, add), threads, sumPointers, segments * tiles),
      flops: count * columns,
      // Which rows of the result this launch writes and which the next does, the indices say: the table is told of there.
      bytesMoved: 4 * count * columns,
    },
    {
      ...launch(
        "scatter_finish",
        print(finishPointers, [node], threads, finish),
        threads,
        finishPointers,
        Math.ceil(rows / finishedRows) * tiles,
      ),
      bytesMoved: 4 * rows * columns,
    },
  ];
}
