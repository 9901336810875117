// What programs for NVIDIA's GPUs depend on: what the compiler asks of any GPU, and which generation it is. A driver says them of the
// device at hand; for others they are known from its generation and its data sheet.

import { commonGpu, type GpuDevice } from "../../compiler/targets/gpu-device.ts";

export interface CudaFigures extends GpuDevice {
  /** Ten times the major version and the minor one: 90 for 9.0. */
  readonly computeCapability: number;
}

/** Shared memory of one multiprocessor in KiB (CUDA C++ Programming Guide, technical specifications per compute capability). */
const sharedKibibytes: Readonly<Record<number, number>> = {
  75: 64,
  80: 164,
  87: 164,
  90: 228,
  100: 228,
  103: 228,
  110: 228,
};

/** Of a device that is not at hand; with an A100's multiprocessors, if it is none in particular. */
export function figuresOf(computeCapability: number, multiprocessors = commonGpu.multiprocessors): CudaFigures {
  const sharedBytes = (sharedKibibytes[computeCapability] ?? 100) * 1024;
  return { ...commonGpu, computeCapability, multiprocessors, sharedBytes };
}
