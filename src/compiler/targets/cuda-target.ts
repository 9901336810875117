// The GPU as a target: groups as CUDA kernels of thread blocks, products as data for the library that does them, composites as
// calls of the templates in backends/cuda. A library takes bf16 operands from memory and writes out sums, rounded or added to a
// tensor, so other elementwise work on a product is a kernel after it.

import { bytesPerElement, countElements, type Operation, type Tensor } from "../../graph/tensor.ts";
import { stridedView } from "../indices/expression.ts";
import { baseOf, type Group } from "../kernels/group.ts";
import { chooseWidth } from "../loops/gpu-chunks.ts";
import { lowerForGpu } from "../loops/lower-gpu.ts";
import { columnTile } from "../loops/lower-gpu-columns.ts";
import { longestWarpRow } from "../loops/lower-gpu-rows.ts";
import { chunkType, indexType, printCudaKernel, printHead } from "../loops/print-cuda.ts";
import { batchStrides, matrixStrides } from "../passes/materialise.ts";
import type { ProductOperand } from "../program/program.ts";
import type { DraftLaunch, PrintContext, Target } from "../target.ts";
import { regroupForCuda } from "./cuda-regroup.ts";

/** Thread blocks that work on rows and sum their columns: two on each of 132 multiprocessors, twice. */
const joinedBlocks = 512;
/** Thread blocks that a sum of columns should have, so that every multiprocessor works, and the fewest rows of one. */
const wantedBlocks = 1024;
const fewestRows = 64;

export const cudaTarget: Target = {
  products: { packRounded: false, takeAnyStrides: false, writeAnything: false },
  // What a kernel only reads goes through a cache that sees no writes.
  overwritesOperands: false,
  columnBlocks: (rows, columns) => {
    if (columns <= longestWarpRow) return Math.max(1, Math.min(joinedBlocks, Math.floor(rows / fewestRows)));
    const tiles = Math.ceil(columns / columnTile(columns));
    return Math.max(1, Math.min(Math.ceil(wantedBlocks / tiles), Math.floor(rows / fewestRows)));
  },
  regroup: regroupForCuda,
  printGroup: (group, context) => {
    switch (group.kind) {
      case "matmul":
        return makeProduct(group, context);
      case "scatterAdd":
        return printScatter(group.template!, context);
      case "composite":
        return printComposite(group.template!, context);
      default:
        return printFused(group, context);
    }
  },
  printCopy: (from, to) => {
    const threads = 256;
    const count = countElements(from.shape);
    const width = chooseWidth(count, bytesPerElement[from.dtype] === 4 ? 4 : 8);
    const chunk = chunkType(from.dtype, width);
    const type = indexType([from]);
    const source = `${printHead(
      [from, to],
      tensor => tensor === to,
      threads,
      () => undefined,
    )} {
  const ${type} at = (${type})blockIdx.x * ${threads} + threadIdx.x;
  if (at < ${count / width}) ((${chunk} *)a1)[at] = ((const ${chunk} *)a0)[at];
}
`;
    return { name: "copy", source, threads, pointers: [from, to], blocks: count / width, grain: threads, flops: 0 };
  },
};

function printFused(group: Group, context: PrintContext): DraftLaunch {
  const { inMemory, options, isExternal, stateOf } = context;
  const kernel = lowerForGpu(
    group,
    { inMemory, isExternal: tensor => isExternal(tensor, group) },
    options.inspectKernel ?? (() => {}),
  );
  const { blocks, grain, threads } = kernel;
  const sizes = group.stores.map(({ loop }) => countElements(loop));
  const printed = printCudaKernel({ ...kernel, threads: threads! }, stateOf, Math.max(...sizes));
  return { name: group.kind, ...printed, blocks, grain, flops: sizes.reduce((sum, size) => sum + size, 0) };
}

/** A product as data; its write-out is none, a rounding, or a sum with a tensor in memory. */
function makeProduct(group: Group, { inMemory }: PrintContext): DraftLaunch {
  const product = group.template!;
  const [a, b] = product.inputs as [Tensor, Tensor];
  const [m, k] = a.shape.slice(-2) as [number, number];
  const n = b.shape[a.shape.length - 1]!;
  const batches = countElements(a.shape.slice(0, -2));
  const [store] = group.stores;
  const out = store?.target ?? product;
  const addend = store?.loads.find(({ tensor }) => tensor !== product)?.tensor;
  const [viewA, viewB] = [a, b].map(operand => viewOperand(operand, inMemory)) as [OperandView, OperandView];
  return {
    name: `matmul_${m}x${n}x${k}`,
    source: "",
    product: {
      batches,
      m,
      n,
      k,
      a: viewA.operand,
      b: viewB.operand,
      outDtype: out.dtype === "bf16" ? "bf16" : "f32",
      accumulates: addend !== undefined,
    },
    pointers: [viewA.base, viewB.base, out, ...(addend === undefined ? [] : [addend])],
    blocks: 1,
    grain: 1,
    flops: 2 * batches * m * n * k,
  };
}

interface OperandView {
  readonly base: Tensor;
  readonly operand: ProductOperand;
}

function viewOperand(operand: Tensor, inMemory: ReadonlySet<Tensor>): OperandView {
  const { base, offset, strides } = stridedView(operand, tensor => inMemory.has(tensor))!;
  const { row, column } = matrixStrides(operand, strides)!;
  const batch = batchStrides(operand, strides)!.inner;
  return { base, operand: { dtype: base.dtype === "bf16" ? "bf16" : "f32", offset, row, column, batch } };
}

function printComposite(node: Tensor, { inMemory, options, stateOf }: PrintContext): DraftLaunch {
  const { definition, attributes } = node.operation as Extract<Operation, { kind: "composite" }>;
  const kernel = options.findCompositeKernel!(definition.name, attributes)!;
  const { name, blocks, grain, flops, threads = 256, sharedBytes, residentBlocks } = kernel;
  const operands = node.inputs.map(operand => baseOf(operand, inMemory));
  const pointers = [...operands, node];
  const head = printHead(pointers, tensor => tensor === node, threads, stateOf, residentBlocks);
  const source = `${head} {\n  ${kernel.printCall(operands, node)}\n}\n`;
  return { name, source, threads, ...(sharedBytes !== undefined && { sharedBytes }), pointers, blocks, grain, flops };
}

/** Rows and columns of the result that one thread block sums, in shared memory, and the indices it looks through at once. */
const scatterRows = 32;
const scatterThreads = 256;
const scatterIndices = 4 * scatterThreads;

/**
 * A thread block owns some rows and columns of the result. It looks through all indices, lists those of its rows in their order,
 * and adds their values, a thread a column: no atomics, and the order of the sums is that of the indices.
 */
function printScatter(node: Tensor, { inMemory, stateOf }: PrintContext): DraftLaunch {
  const [values, indices] = node.inputs.map(operand => baseOf(operand, inMemory)) as [Tensor, Tensor];
  const [rows, columns] = node.shape as [number, number];
  const count = indices.shape[0]!;
  const tiles = Math.ceil(columns / scatterThreads);
  const pointers = [values, indices, node];
  const type = indexType(pointers);
  const source = `${printHead(pointers, tensor => tensor === node, scatterThreads, stateOf)} {
  __shared__ float sums[${scatterRows}][${scatterThreads}];
  __shared__ int listed[${scatterIndices}];
  __shared__ int of_warp[${scatterThreads / 32}];
  const int begin = blockIdx.x / ${tiles} * ${scatterRows}, c = blockIdx.x % ${tiles} * ${scatterThreads} + threadIdx.x;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  for (int row = 0; row < ${scatterRows}; row++) sums[row][threadIdx.x] = 0;
  for (int base = 0; base < ${count}; base += ${scatterIndices}) {
    const int mine = base + threadIdx.x * 4;
    int found = 0, before;
#pragma unroll
    for (int i = 0; i < 4; i++) found += mine + i < ${count} && (unsigned)(a1[mine + i] - begin) < ${scatterRows};
    before = found;
#pragma unroll
    for (int step = 1; step < 32; step *= 2) {
      const int other = __shfl_up_sync(0xffffffffu, before, step);
      if (lane >= step) before += other;
    }
    __syncthreads(); // what the warps found before has been read
    if (lane == 31) of_warp[warp] = before;
    __syncthreads();
    int at = before - found, total = 0;
#pragma unroll
    for (int w = 0; w < ${scatterThreads / 32}; w++) {
      if (w < warp) at += of_warp[w];
      total += of_warp[w];
    }
    if (total == 0) continue;
#pragma unroll
    for (int i = 0; i < 4; i++) {
      if (mine + i < ${count} && (unsigned)(a1[mine + i] - begin) < ${scatterRows}) listed[at++] = mine + i;
    }
    __syncthreads();
    if (c < ${columns}) {
#pragma unroll 4
      for (int i = 0; i < total; i++) sums[a1[listed[i]] - begin][threadIdx.x] += a0[(${type})listed[i] * ${columns} + c];
    }
  }
  if (c >= ${columns}) return;
  for (int row = 0; row < ${scatterRows} && begin + row < ${rows}; row++) a2[(${type})(begin + row) * ${columns} + c] = sums[row][threadIdx.x];
}
`;
  return {
    name: "scatter_add",
    source,
    threads: scatterThreads,
    pointers,
    blocks: Math.ceil(rows / scatterRows) * tiles,
    grain: 1,
    flops: countElements(values.shape),
  };
}
