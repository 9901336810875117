// What the CUDA backend needs of a device, and nothing more: memory, kernels, products, graphs. One stream: everything runs in the order it
// was asked for, but for what a library does on a second one. The native driver (native-driver.ts) implements it on a GPU; tests put others
// in its place.

import type { Product } from "../../../compiler/program/program.ts";
import type { CudaFigures } from "../figures.ts";

export interface CudaDevice extends CudaFigures {
  readonly name: string;
  readonly memoryBytes: number;
  /** By which the management library finds it: "0000:01:00.0". */
  readonly busId?: string;
}

/** A compiled function of a module; only the driver that made it can launch it. */
export interface CudaKernel {
  readonly name: string;
}

export interface CudaModule {
  /** The kernel of this name; an error when the module has none. */
  kernel(name: string): CudaKernel;
  free(): void;
}

/** Launches recorded once, to be replayed; the addresses in it are those of the recording. */
export interface CudaGraph {
  free(): void;
}

/** A second stream for libraries, whose work is recorded in graphs with that of the first. */
export interface SideStream {
  readonly stream: bigint;
  /** What it is asked for from here on waits for all that the first was asked for. */
  follow(): void;
  /** What the first is asked for from here on waits for all that this one was asked for. */
  join(): void;
}

export interface CudaDriver {
  readonly device: CudaDevice;
  /** CUDA's handle of the stream, for libraries that work on it; only a device has one. */
  readonly stream?: bigint;
  /** Opened once, and closed with the driver; where there is a stream. */
  openSide?(): SideStream;
  /** Bytes that allocate could still give, about. */
  freeBytes(): number;
  /** Zero-filled memory at a multiple of 256. UserError E_CUDA_MEMORY with the numbers when it does not fit. */
  allocate(bytes: number): bigint;
  /** Frees memory of `allocate`, after all work asked for so far. */
  free(address: bigint): void;
  /** Ordered before all later launches; `values` may be changed as soon as the call returns. Waits for no launch. */
  copyIn(address: bigint, values: NodeJS.TypedArray): void;
  /** Fills `values` after all earlier work; the promise is kept then, and the event loop runs meanwhile. */
  copyOut(values: NodeJS.TypedArray, address: bigint): Promise<void>;
  /** The same, but it returns only when `values` is filled, and the event loop stands still meanwhile. */
  copyOutNow(values: NodeJS.TypedArray, address: bigint): void;
  /** Compiles a whole text (the runtime and templates are part of it), or takes it from the cache on disk. */
  loadModule(source: string): Promise<CudaModule>;
  /** Gets ready to multiply these: may time ways of doing it, so it is never called while a graph is recorded. */
  prepareProducts(products: readonly Product[]): Promise<void>;
  /** Launches `grid` thread blocks of `threads` with one pointer argument each of `pointers`. */
  launch(kernel: CudaKernel, grid: number, threads: number, sharedBytes: number, pointers: readonly bigint[]): void;
  /**
   * out := a · b, or out := addend + a · b when the product accumulates; the addresses are those of whole buffers, and the addend
   * may be out itself (a gradient) or not (a residual).
   */
  multiply(product: Product, a: bigint, b: bigint, out: bigint, addend?: bigint): void;
  /** Records what `record` launches and multiplies, without running it. */
  capture(record: () => void): CudaGraph;
  /** Asks for one run of a recorded graph; returns at once. */
  replay(graph: CudaGraph): void;
  /** Runs the pieces of work one after another and gives the seconds that the device took for each. */
  time(work: readonly (() => void)[]): Promise<Float64Array>;
  /** Keeps its promise when all work asked for so far is done. */
  synchronise(): Promise<void>;
  /** Frees everything that is still held: memory, modules, graphs. */
  close(): void;
}
