// Emits a kernel as CUDA for thread blocks. Chunks are structs of neighbouring elements, loaded and stored at once.

import { countElements, type DType, type Tensor } from "../../graph/tensor.ts";
import { emitIndex } from "../indices/index-expression.ts";
import { type LoopKernel, listTensors, type Type, visitStatements } from "../loops/ir.ts";
import { emitBody, type Language } from "./emit-body.ts";
import { beginOf, cExpressions, storageTypes } from "./emit-c.ts";

const registerTypes: Readonly<Record<DType, string>> = {
  f32: "float",
  bf16: "float",
  f16: "float",
  i32: "int32_t",
  u32: "uint32_t",
  u8: "uint32_t",
  bool: "int",
};

/** `indexType` is what positions are counted in. */
function cudaLanguage(indexType: string): Language {
  const nameType = (type: Type, width?: number) => {
    if (width !== undefined) return chunkType(type as DType, width);
    return type === "index" ? indexType : registerTypes[type];
  };
  return {
    ...cExpressions,
    convert: (type, value) => `(${nameType(type)})(${value})`,
    chunk: (dtype, width, address, at, access) => {
      if (width === 1) return `${address}[${at}]`;
      return `*(${access === "load" ? "const " : ""}${chunkType(dtype, width)} *)(${address} + ${at})`;
    },
    define: (name, type, width, value) => `const ${nameType(type, width)} ${name} = ${value};`,
    declare: ({ name, type, count, width, begin, shared }) => {
      const start = begin === undefined ? undefined : beginOf[begin];
      const head = `${shared === true ? "__shared__ " : ""}${nameType(type, width)} ${name}`;
      if (count === undefined) return [start === undefined ? `${head};` : `${head} = ${start};`];
      if (start === undefined) return [`${head}[${count}];`];
      return [`${head}[${count}];`, "#pragma unroll", `for (int i = 0; i < ${count}; i++) ${name}[i] = ${start};`];
    },
    loop: ({ variable, from, to, step, unroll }) => {
      const next = step === 1 ? `${variable}++` : `${variable} += ${step}`;
      const head = `for (${indexType} ${variable} = ${emitIndex(from)}; ${variable} < ${emitIndex(to)}; ${next}) {`;
      if (unroll === undefined) return [head];
      return [unroll === "whole" ? "#pragma unroll" : `#pragma unroll ${unroll}`, head];
    },
    reduce: (name, fn, across) => `${name} = ${across}_${fn}(${name});`,
    barrier: "__syncthreads();",
  };
}

export interface EmittedCuda {
  readonly source: string;
  /** Tensors whose addresses the kernel takes, in order. */
  readonly pointers: readonly Tensor[];
  readonly threads: number;
}

/** `stateOf` gives the state that a tensor is the old or the new value of. */
export function emitCudaKernel(
  { block, body, threads, residentBlocks }: LoopKernel & { readonly threads: number },
  stateOf: (tensor: Tensor) => string | undefined,
  mostElements: number,
): EmittedCuda {
  const pointers = listTensors(body);
  const written = new Set<Tensor>();
  visitStatements(body, statement => {
    if (statement.kind === "store") written.add(statement.tensor);
  });
  const type = indexType(pointers, mostElements);
  const head = emitHead(pointers, tensor => written.has(tensor), threads, stateOf, residentBlocks);
  const text = emitBody(body, pointers, cudaLanguage(type), "  ");
  const source = `${head} {\n  const ${type} ${block} = blockIdx.x;\n  const unsigned int thread = threadIdx.x;\n${text}}\n`;
  return { source, pointers, threads };
}

export function chunkType(dtype: DType, width: number): string {
  return width === 1 ? storageTypes[dtype] : `${storageTypes[dtype]}_x${width}`;
}

/** int, unless a tensor of the kernel or its loop has 2³¹ elements or more. */
export function indexType(tensors: readonly Tensor[], mostElements = 0): string {
  const counts = [mostElements, ...tensors.map(({ shape }) => countElements(shape))];
  return counts.some(count => count >= 2 ** 31) ? "long long" : "int";
}

/**
 * The head of a kernel. Pointers are restricted, but for the two of a state that is read and written in place: they are one
 * address.
 */
export function emitHead(
  tensors: readonly Tensor[],
  written: (tensor: Tensor) => boolean,
  threads: number,
  stateOf: (tensor: Tensor) => string | undefined,
  residentBlocks?: number,
): string {
  const states = tensors.map(stateOf);
  const parameters = tensors.map((tensor, i) => {
    const isTwice = states[i] !== undefined && states.indexOf(states[i]) !== states.lastIndexOf(states[i]);
    const type = `${written(tensor) ? "" : "const "}${storageTypes[tensor.dtype]}`;
    return `${type} *${isTwice ? "" : "__restrict__ "}a${i}`;
  });
  const bounds = residentBlocks === undefined ? threads : `${threads}, ${residentBlocks}`;
  return `extern "C" __global__ void __launch_bounds__(${bounds}) KERNEL(${parameters.join(", ")})`;
}
