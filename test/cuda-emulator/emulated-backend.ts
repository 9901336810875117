// The cuda backend on the emulated device, for suites that hold every backend to the same numbers.

import type { Backend } from "../../src/backends/backend.ts";
import { openCudaOn } from "../../src/backends/cuda/cuda.ts";
import type { Precision } from "../../src/graph/tensor.ts";
import { openEmulatedDriver } from "./emulated-driver.ts";

/** Threads run in an order that is drawn, so what no barrier orders shows. */
export async function openEmulatedCuda(precision: Precision = "f32"): Promise<Backend> {
  return openCudaOn(await openEmulatedDriver({ order: "random", seed: 11 }), { precision });
}
