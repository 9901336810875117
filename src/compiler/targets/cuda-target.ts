// The GPU as a target: groups as CUDA kernels of thread blocks, products as data for the library that does them, composites as
// calls of the templates in backends/cuda. A library takes narrow operands from memory and writes out sums, rounded or added to a
// tensor, so other elementwise work on a product is a kernel after it.

import { bytesPerElement, countElements, isNarrow, type Operation, type Tensor } from "../../graph/tensor.ts";
import { chunkType, emitCudaKernel, emitHead, indexType } from "../emitters/emit-cuda.ts";
import { stridedView } from "../indices/expression.ts";
import { baseOf, type Group } from "../kernels/group.ts";
import { countTraffic } from "../kernels/traffic.ts";
import { chooseWidth } from "../loops/gpu-chunks.ts";
import { lowerForGpu } from "../loops/lower-gpu.ts";
import { columnTile } from "../loops/lower-gpu-columns.ts";
import { longestWarpRow } from "../loops/lower-gpu-rows.ts";
import { batchStrides, matrixStrides } from "../passes/materialise.ts";
import type { ProductOperand } from "../program/program.ts";
import type { DraftLaunch, EmitContext, Target } from "../target.ts";
import { regroupForCuda } from "./cuda-regroup.ts";
import { emitScatter } from "./cuda-scatter.ts";
import { countBlocks, type GpuDevice } from "./gpu-device.ts";

/** Thread blocks on a multiprocessor that work on rows and sum their columns: two at a time, twice. */
const joinedBlocks = 4;
/** Thread blocks on a multiprocessor that a sum of columns should have, and the fewest rows of one. */
const wantedBlocks = 8;
const fewestRows = 64;

/** Tensors that one kernel may read and write: with more of them, their values fit in no register file. */
const mostTensors = 32;

export function cudaTarget(gpu: GpuDevice): Target {
  return {
    products: { packRounded: false, takeAnyStrides: false, writeAnything: false },
    // What a kernel only reads goes through a cache that sees no writes.
    overwritesOperands: false,
    scattersSeveral: false,
    launchesAtOnce: 1,
    alignmentBytes: 64,
    mostTensors,
    columnBlocks: (rows, columns) => {
      const most =
        columns <= longestWarpRow(gpu)
          ? countBlocks(gpu, joinedBlocks)
          : Math.ceil(countBlocks(gpu, wantedBlocks) / Math.ceil(columns / columnTile(columns, gpu)));
      return Math.max(1, Math.min(most, Math.floor(rows / fewestRows)));
    },
    regroup: fused => regroupForCuda(fused, gpu),
    emitters: {
      matmul: makeProduct,
      scatterAdd: emitScatter,
      composite: emitComposite,
      fused: (group, context) => emitFused(group, context, gpu),
    },
    emitCopy,
  };
}

function emitCopy(from: Tensor, to: Tensor): DraftLaunch {
  const threads = 256;
  const count = countElements(from.shape);
  const width = chooseWidth(count, bytesPerElement[from.dtype] === 4 ? 4 : 8);
  const chunk = chunkType(from.dtype, width);
  const type = indexType([from]);
  const head = emitHead(
    [from, to],
    tensor => tensor === to,
    threads,
    () => undefined,
  );
  const source = `${head} {
  const ${type} at = (${type})blockIdx.x * ${threads} + threadIdx.x;
  if (at < ${count / width}) ((${chunk} *)a1)[at] = ((const ${chunk} *)a0)[at];
}
`;
  return { name: "copy", source, threads, pointers: [from, to], blocks: count / width, grain: threads, flops: 0 };
}

function emitFused(group: Group, context: EmitContext, gpu: GpuDevice): DraftLaunch {
  const { inMemory, options, isExternal, stateOf } = context;
  const kernel = lowerForGpu(
    group,
    { inMemory, isExternal: tensor => isExternal(tensor, group), gpu },
    options.inspectKernel ?? (() => {}),
  );
  const { blocks, grain, threads } = kernel;
  const sizes = group.stores.map(({ loop }) => countElements(loop));
  const printed = emitCudaKernel({ ...kernel, threads: threads! }, stateOf, Math.max(...sizes));
  const flops = sizes.reduce((sum, size) => sum + size, 0);
  const bytesMoved = countTraffic(group, printed.pointers);
  return { name: group.kind, ...printed, blocks, grain, flops, bytesMoved };
}

/** A product as data; its write-out is none, a rounding, or a sum with a tensor in memory. */
function makeProduct(group: Group, { inMemory }: EmitContext): DraftLaunch {
  const product = group.template!;
  const [a, b] = product.inputs as [Tensor, Tensor];
  const [m, k] = a.shape.slice(-2) as [number, number];
  const n = b.shape[a.shape.length - 1]!;
  const batches = countElements(a.shape.slice(0, -2));
  const [store] = group.stores;
  const out = store?.target ?? product;
  const addend = store?.loads.find(({ tensor }) => tensor !== product)?.tensor;
  const [viewA, viewB] = [a, b].map(operand => viewOperand(operand, inMemory)) as [OperandView, OperandView];
  const outs = addend === undefined ? 1 : 2;
  const outBytes = batches * m * n * bytesPerElement[out.dtype];
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
      outDtype: isNarrow(out.dtype) ? out.dtype : "f32",
      accumulates: addend !== undefined,
    },
    pointers: [viewA.base, viewB.base, out, ...(addend === undefined ? [] : [addend])],
    blocks: 1,
    grain: 1,
    flops: 2 * batches * m * n * k,
    bytesMoved: sizeOperand(viewA, batches, m * k) + sizeOperand(viewB, batches, k * n) + outs * outBytes,
  };
}

/** Bytes of an operand of `elements` in each batch; one of stride 0 is the same in all. */
const sizeOperand = ({ base, operand }: OperandView, batches: number, elements: number) =>
  (operand.batch === 0 ? 1 : batches) * elements * bytesPerElement[base.dtype];

interface OperandView {
  readonly base: Tensor;
  readonly operand: ProductOperand;
}

function viewOperand(operand: Tensor, inMemory: ReadonlySet<Tensor>): OperandView {
  const { base, offset, strides } = stridedView(operand, tensor => inMemory.has(tensor))!;
  const { row, column } = matrixStrides(operand, strides)!;
  const batch = batchStrides(operand, strides)!.inner;
  return { base, operand: { dtype: isNarrow(base.dtype) ? base.dtype : "f32", offset, row, column, batch } };
}

function emitComposite(group: Group, { inMemory, options, stateOf }: EmitContext): DraftLaunch {
  const node = group.template!;
  const { definition, attributes } = node.operation as Extract<Operation, { kind: "composite" }>;
  const kernel = options.findCompositeKernel!(definition.name, attributes)!;
  const { name, blocks, grain, flops, threads = 256, sharedBytes, residentBlocks } = kernel;
  const operands = node.inputs.map(operand => baseOf(operand, inMemory));
  const pointers = [...operands, node];
  const head = emitHead(pointers, tensor => tensor === node, threads, stateOf, residentBlocks);
  const source = `${head} {\n  ${kernel.emitCall(operands, node)}\n}\n`;
  return { name, source, threads, ...(sharedBytes !== undefined && { sharedBytes }), pointers, blocks, grain, flops };
}
