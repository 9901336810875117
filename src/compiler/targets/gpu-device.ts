// What the compiler knows of a GPU: figures that a driver says of the device at hand, and those of a common one for programs that are
// compiled where there is none.

export interface GpuDevice {
  readonly multiprocessors: number;
  /** Threads that go together, and pass values to each other without memory. */
  readonly warpThreads: number;
  /** The most threads of one thread block. */
  readonly mostThreads: number;
  /** The most neighbouring elements that a thread loads or stores at once. */
  readonly mostChunk: number;
  /** Of one multiprocessor: bytes that the threads of a block can share, and registers of 32 bits. */
  readonly sharedBytes: number;
  readonly registers: number;
}

/** An NVIDIA A100's (CUDA C++ Programming Guide, technical specifications per compute capability). */
export const commonGpu: GpuDevice = {
  multiprocessors: 108,
  warpThreads: 32,
  mostThreads: 1024,
  mostChunk: 8,
  sharedBytes: 164 * 1024,
  registers: 65_536,
};

/** About so many thread blocks on each multiprocessor: a power of two, since they are to divide numbers of rows. */
export function countBlocks({ multiprocessors }: GpuDevice, onEach: number): number {
  return 2 ** Math.round(Math.log2(multiprocessors * onEach));
}
