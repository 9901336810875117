// The artefact of the compiler: buffers, kernels and launches as plain data, so that it can be emitted, hashed, counted
// and compared. A backend needs nothing else to run it.

import { contentHash } from "../../base/files/files.ts";
import type { DType, Precision, Shape } from "../../graph/tensor.ts";

export interface ProgramBuffer {
  /** Where it lives: written by the host, kept between runs, read by the host, or scratch inside the arena. */
  readonly kind: "input" | "state" | "output" | "temporary";
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly bytes: number;
  /** For temporaries, the place in the arena. */
  readonly arenaOffset: number;
}

export interface Kernel {
  readonly name: string;
  /** A function in the dialect's language; "" for a product. */
  readonly source: string;
  /** Threads of one thread block (GPU only). */
  readonly threads?: number;
  /** Dynamic shared memory of one thread block (GPU only). */
  readonly sharedBytes?: number;
  /** A matrix product that the backend's library does. */
  readonly product?: Product;
}

/**
 * out (M, N) = a (M, K) · b (K, N) in each batch; sums are f32, out is row-major and contiguous. When it accumulates, out (f32) is
 * addend + a · b. The launch's buffers are a, b, out, and the addend if there is one: of out's shape, f32, contiguous, and perhaps
 * the same buffer as out.
 */
export interface Product {
  readonly batches: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: ProductOperand;
  readonly b: ProductOperand;
  readonly outDtype: Precision;
  readonly accumulates: boolean;
}

/** Element (i, j) of batch n is at offset + n · batch + i · row + j · column, in elements; row or column is 1. */
export interface ProductOperand {
  readonly dtype: Precision;
  readonly offset: number;
  readonly row: number;
  readonly column: number;
  readonly batch: number;
}

export interface Launch {
  readonly kernel: number;
  /** Indices into `buffers`, in the order of the kernel's pointers. */
  readonly buffers: readonly number[];
  /** Independent pieces of work; threads (on a GPU: thread blocks) take `grain` of them at a time. */
  readonly blocks: number;
  readonly grain: number;
  /** The launches before it that must be over before it begins: all but these of the last so many that run at once; without it all. */
  readonly after?: readonly number[];
  /** What the launch must do at least: for rooflines. */
  readonly flops: number;
  readonly bytesMoved: number;
}

export interface Program {
  readonly buffers: readonly ProgramBuffer[];
  readonly kernels: readonly Kernel[];
  readonly launches: readonly Launch[];
  readonly arenaBytes: number;
  readonly hash: string;
}

export function hashProgram(program: Omit<Program, "hash">): string {
  return contentHash(JSON.stringify(program));
}

/** One line a launch and a total, for people. */
export function describeProgram(program: Program): string {
  const lines = program.launches.map(launch => {
    const kernel = program.kernels[launch.kernel]!;
    const figures = `${(launch.flops / 1e6).toFixed(2).padStart(10)} MFLOP ${(launch.bytesMoved / 1e6).toFixed(2).padStart(9)} MB`;
    return `${kernel.name.padEnd(28)} ${String(launch.blocks).padStart(8)} blocks ${figures}`;
  });
  const flops = program.launches.reduce((total, launch) => total + launch.flops, 0);
  const bytes = program.launches.reduce((total, launch) => total + launch.bytesMoved, 0);
  const arena = `${(program.arenaBytes / 2 ** 20).toFixed(1)} MiB arena`;
  const total = `${program.launches.length} launches of ${program.kernels.length} kernels, ${(flops / 1e9).toFixed(3)} GFLOP`;
  return [...lines, `${total}, ${(bytes / 1e6).toFixed(1)} MB moved, ${arena}, program ${program.hash}`].join("\n");
}
