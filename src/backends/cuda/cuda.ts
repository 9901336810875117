// The backend for NVIDIA's GPUs: emitted CUDA, compiled at run time, products by cuBLASLt, a step's launches replayed as one
// graph. Nothing is built when the package is installed, and it stands on any CudaDriver.

import { UserError } from "../../base/errors.ts";
import { compileGraph } from "../../compiler/compile.ts";
import type { Program } from "../../compiler/program/program.ts";
import { cudaTarget } from "../../compiler/targets/cuda-target.ts";
import { bytesPerElement, countElements, type Graph, type Precision } from "../../graph/tensor.ts";
import type { Backend } from "../backend.ts";
import { decodeValues, makeStorage } from "../host-values.ts";
import { compileOnce } from "../program-cache.ts";
import { compositeKernels } from "./composites.ts";
import { DeviceMemory } from "./driver/device-memory.ts";
import type { CudaDriver } from "./driver/driver.ts";
import { openNativeDriver } from "./driver/native-driver.ts";
import { openMonitor } from "./driver/nvml.ts";
import type { CudaFigures } from "./figures.ts";
import { type CudaBuffer, loadProgram, writeBuffer } from "./load-program.ts";
import { measureProductRate } from "./product-rate.ts";

export interface CudaOptions {
  /** auto: bf16 where the device multiplies it (compute capability 8.0 and above), f16 from 7.0 on, else f32. Default f32, the exact one. */
  readonly precision?: "auto" | Precision;
}

export interface CudaChoice extends CudaOptions {
  /** The device's number among those that CUDA_VISIBLE_DEVICES shows. Default 0. */
  readonly device?: number | undefined;
}

/** UserErrors E_CUDA_ABSENT, E_CUDA_MEMORY, and E_OPTION for a number that no device has and for a precision that it lacks. */
export async function openCuda({ device, ...options }: CudaChoice = {}): Promise<Backend> {
  const driver = openNativeDriver(device);
  try {
    return openCudaOn(driver, options);
  } catch (error) {
    driver.close();
    throw error;
  }
}

/** The backend on a driver that is open, which it closes when it is closed. */
export function openCudaOn(driver: CudaDriver, options: CudaOptions = {}): Backend {
  const { name, computeCapability, multiprocessors, busId } = driver.device;
  const precision = chooseCudaPrecision(options.precision ?? "f32", driver);
  const memory = new DeviceMemory(driver);
  const monitor = busId === undefined ? undefined : openMonitor(busId);
  const compile = (graph: Graph) => compileForCuda(graph, precision, driver.device);
  const capability = (computeCapability / 10).toFixed(1);
  return {
    name: "cuda",
    device: `${name}, ${multiprocessors} multiprocessors, compute capability ${capability}, ${precision}`,
    scalesLoss: precision === "f16",
    allocate: (shape, dtype): CudaBuffer => {
      const bytes = countElements(shape) * bytesPerElement[dtype];
      return { shape, dtype, bytes, address: memory.allocate("states", bytes) };
    },
    write: (buffer, values) => writeBuffer(driver, buffer as CudaBuffer, values),
    read: buffer => {
      const stored = makeStorage(countElements(buffer.shape), buffer.dtype);
      driver.copyOutNow(stored, (buffer as CudaBuffer).address);
      return decodeValues(stored, buffer.dtype);
    },
    ...(driver.stream !== undefined && { stream: driver.stream, locate: buffer => (buffer as CudaBuffer).address }),
    load: (graph, states) =>
      loadProgram(
        compileOnce(graph, ["cuda", precision, driver.device], compile),
        states as ReadonlyMap<string, CudaBuffer>,
        driver,
        memory,
        precision,
      ),
    compile,
    availableBytes: () => driver.freeBytes(),
    measurePeak: async behind => {
      await behind;
      return measureProductRate(driver, precision);
    },
    synchronise: () => driver.synchronise(),
    readJoules: () => monitor?.readJoules(),
    close: () =>
      memory.alone(async () => {
        monitor?.close();
        driver.close();
      }),
  };
}

/** The program that a cuda backend of this precision runs on such a device; nothing is built, and no device is needed. */
export function compileForCuda(graph: Graph, precision: Precision, device: CudaFigures): Program {
  const findCompositeKernel = compositeKernels(precision, device);
  return compileGraph(graph, cudaTarget(device), { threads: 1, precision, findCompositeKernel });
}

/** The compute capability from which on a device multiplies a type with sums of f32 at a multiple of f32's speed. */
const multipliedSince = { bf16: 80, f16: 70, f32: 0 } as const;

function chooseCudaPrecision(precision: "auto" | Precision, { device }: CudaDriver): Precision {
  const { name, computeCapability } = device;
  if (precision === "auto") {
    return (["bf16", "f16"] as const).find(type => computeCapability >= multipliedSince[type]) ?? "f32";
  }
  const since = multipliedSince[precision];
  if (computeCapability >= since) return precision;
  const [has, first] = [computeCapability, since].map(capability => (capability / 10).toFixed(1));
  throw new UserError(
    "E_OPTION",
    `${name} multiplies no ${precision}: its compute capability is ${has}, and ${first} is the first that does`,
    "Set train.precision to f32 or auto.",
  );
}
