// The driver of a real GPU: libcuda for memory, launches and graphs, NVRTC for kernels, cuBLASLt for products, all through koffi.
// The host never waits in the middle of a step; where it waits, it asks an event again and again between turns of the event
// loop, because a wait on another thread would need the context there.

import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { systemClock } from "../../../base/clock.ts";
import { UserError } from "../../../base/errors.ts";
import type { Product } from "../../../compiler/program/program.ts";
import { commonGpu } from "../../../compiler/targets/gpu-device.ts";
import { koffi } from "../../foreign-functions.ts";
import { CublasLt } from "../cublaslt.ts";
import { Staging } from "../staging.ts";
import { openCublasLtApi } from "./cublaslt-api.ts";
import type { CudaDevice, CudaDriver, CudaGraph, CudaKernel, CudaModule, SideStream } from "./driver.ts";
import { cudaConstants as cuda, type DriverApi, openDriverApi } from "./driver-api.ts";
import { findCudaLibrary, listDriverPaths } from "./libraries.ts";
import { type CudaCompiler, openNvrtc } from "./nvrtc.ts";

interface NativeKernel extends CudaKernel {
  readonly handle: bigint;
  /** Dynamic shared memory that it may use so far. */
  sharedBytes: number;
}

interface NativeGraph extends CudaGraph {
  readonly executable: bigint;
}

/** What every kernel may use without being asked. */
const plainSharedBytes = 48 * 1024;
const mostPointers = 256;
/** Up to here a wait asks without pause, which is exact; beyond, once a millisecond, which leaves the processor alone. */
const eagerSeconds = 0.02;

/** The device of this number among those that CUDA_VISIBLE_DEVICES shows. UserErrors E_CUDA_ABSENT, E_CUDA_MEMORY, E_OPTION. */
export function openNativeDriver(number = 0): CudaDriver {
  return new NativeDriver(number);
}

class NativeDriver implements CudaDriver {
  readonly device: CudaDevice;
  private readonly api: DriverApi;
  private readonly ordinal: number;
  private readonly compiler: CudaCompiler;
  readonly stream: bigint;
  private readonly staging: Staging;
  private readonly products: CublasLt;
  private side: SideStream | undefined;
  private readonly allocations = new Map<bigint, number>();
  private readonly open = new Set<{ free(): void }>();
  /** Pointers to the arguments of a launch, then the arguments. CUDA copies both during the call. */
  private readonly parameters = new BigUint64Array(2 * mostPointers);
  private readonly parametersAddress: bigint;

  constructor(number: number) {
    this.api = loadDriver(number);
    const version = readInteger(this.api, "cuDriverGetVersion");
    const driverMajor = Math.floor(version / 1000);
    this.compiler = openNvrtc(findCudaLibrary("nvrtc", driverMajor));
    const cublasLt = openCublasLtApi(findCudaLibrary("cublasLt", driverMajor));
    this.ordinal = readInteger(this.api, "cuDeviceGet", number);
    this.api.call("cuCtxSetCurrent", retainContext(this.api, this.ordinal));
    this.device = describeDevice(this.api, this.ordinal);
    if (!this.compiler.architectures.includes(this.device.computeCapability)) {
      throw new UserError(
        "E_CUDA_ABSENT",
        `${this.compiler.version} compiles for no device of compute capability ${this.device.computeCapability / 10}, as ${this.device.name} is`,
        "Install another version of nvidia-cuda-nvrtc, or use --backend cpu.",
      );
    }
    const parameters = this.parameters;
    this.parametersAddress = koffi.address(parameters);
    for (let i = 0; i < mostPointers; i++) parameters[i] = this.parametersAddress + BigInt(8 * (mostPointers + i));
    this.stream = this.api.create("cuStreamCreate", cuda.CU_STREAM_NON_BLOCKING);
    this.staging = new Staging(this.api, this.stream);
    this.products = new CublasLt(cublasLt, this, this.stream, version);
  }

  openSide(): SideStream {
    if (this.side !== undefined) return this.side;
    const { api, stream: first } = this;
    const stream = api.create("cuStreamCreate", cuda.CU_STREAM_NON_BLOCKING);
    // Each is recorded again as soon as a stream waits for it: the wait is for what was recorded then.
    const [followed, joined] = [0, 0].map(() => api.create("cuEventCreate", cuda.CU_EVENT_DISABLE_TIMING));
    const wait = (from: bigint, event: bigint, to: bigint) => {
      api.call("cuEventRecord", event, from);
      api.call("cuStreamWaitEvent", to, event, 0);
    };
    this.hold({
      free: () => {
        for (const event of [followed!, joined!]) api.ask("cuEventDestroy_v2", event);
        api.ask("cuStreamDestroy_v2", stream);
      },
    });
    this.side = { stream, follow: () => wait(first, followed!, stream), join: () => wait(stream, joined!, first) };
    return this.side;
  }

  freeBytes(): number {
    const free = new BigUint64Array(1);
    this.api.call("cuMemGetInfo_v2", free, new BigUint64Array(1));
    return Number(free[0]);
  }

  allocate(bytes: number): bigint {
    const address = new BigUint64Array(1);
    const result = this.api.ask("cuMemAlloc_v2", address, Math.max(bytes, 1));
    if (result === cuda.CUDA_ERROR_OUT_OF_MEMORY) throw this.explainMemory(bytes);
    if (result !== cuda.CUDA_SUCCESS) throw this.api.explain("cuMemAlloc_v2", result);
    this.allocations.set(address[0]!, bytes);
    this.api.call("cuMemsetD8Async", address[0]!, 0, Math.max(bytes, 1), this.stream);
    return address[0]!;
  }

  private explainMemory(bytes: number): UserError {
    const held = [...this.allocations.values()].reduce((sum, each) => sum + each, 0);
    return new UserError(
      "E_CUDA_MEMORY",
      `${this.device.name} has no ${mebibytes(bytes)} left: this run holds ${mebibytes(held)}, ${mebibytes(this.freeBytes())} of ${mebibytes(this.device.memoryBytes)} are free`,
      "Use a smaller micro-batch, or end other programs on this device.",
    );
  }

  free(address: bigint): void {
    // Asked, not called, here and wherever something is given back: after an error of the device every call fails, and the first
    // error is the one to tell.
    this.api.ask("cuStreamSynchronize", this.stream);
    this.allocations.delete(address);
    this.api.ask("cuMemFree_v2", address);
  }

  copyIn(address: bigint, values: NodeJS.TypedArray): void {
    this.staging.send(address, values);
  }

  async copyOut(values: NodeJS.TypedArray, address: bigint): Promise<void> {
    const received = this.staging.receive(address, values.byteLength);
    await this.synchronise();
    if (received === undefined) this.copyOutNow(values, address);
    else received.take(values);
  }

  copyOutNow(values: NodeJS.TypedArray, address: bigint): void {
    this.api.call("cuStreamSynchronize", this.stream);
    this.api.call("cuMemcpyDtoH_v2", values, address, values.byteLength);
  }

  async loadModule(source: string): Promise<CudaModule> {
    const image = await this.compiler.compile(source, this.device.computeCapability);
    const handle = this.api.create("cuModuleLoadDataEx", image, 0, null, null);
    return this.hold({
      kernel: (name: string): NativeKernel => ({
        name,
        handle: this.api.create("cuModuleGetFunction", handle, name),
        sharedBytes: plainSharedBytes,
      }),
      free: () => this.api.ask("cuModuleUnload", handle),
    });
  }

  prepareProducts(products: readonly Product[]): Promise<void> {
    return this.products.prepare(products);
  }

  launch(given: CudaKernel, grid: number, threads: number, sharedBytes: number, pointers: readonly bigint[]): void {
    const kernel = given as NativeKernel;
    if (pointers.length > mostPointers) throw new Error(`${kernel.name} takes more than ${mostPointers} pointers`);
    if (sharedBytes > kernel.sharedBytes) {
      const attribute = cuda.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
      this.api.call("cuFuncSetAttribute", kernel.handle, attribute, sharedBytes);
      kernel.sharedBytes = sharedBytes;
    }
    this.parameters.set(pointers, mostPointers);
    const shape = [grid, 1, 1, threads, 1, 1, sharedBytes] as const;
    this.api.call("cuLaunchKernel", kernel.handle, ...shape, this.stream, this.parametersAddress, 0);
  }

  multiply(product: Product, a: bigint, b: bigint, out: bigint, addend = out): void {
    this.products.multiply(product, a, b, out, addend);
  }

  capture(record: () => void): CudaGraph {
    this.api.call("cuStreamBeginCapture_v2", this.stream, cuda.CU_STREAM_CAPTURE_MODE_RELAXED);
    try {
      record();
    } catch (error) {
      // The stream must be taken out of capture whatever came of it; the first error is the one to tell.
      const abandoned = new BigUint64Array(1);
      this.api.ask("cuStreamEndCapture", this.stream, abandoned);
      if (abandoned[0] !== 0n) this.api.ask("cuGraphDestroy", abandoned[0]!);
      throw error;
    }
    const graph = new BigUint64Array(1);
    this.api.call("cuStreamEndCapture", this.stream, graph);
    try {
      const executable = this.api.create("cuGraphInstantiateWithFlags", graph[0]!, 0);
      const held = this.hold({ executable, free: () => this.api.ask("cuGraphExecDestroy", executable) });
      this.api.call("cuGraphUpload", executable, this.stream);
      return held;
    } finally {
      this.api.ask("cuGraphDestroy", graph[0]!);
    }
  }

  replay(graph: CudaGraph): void {
    this.api.call("cuGraphLaunch", (graph as NativeGraph).executable, this.stream);
  }

  async time(work: readonly (() => void)[]): Promise<Float64Array> {
    const events = Array.from({ length: work.length + 1 }, () =>
      this.api.create("cuEventCreate", cuda.CU_EVENT_DEFAULT),
    );
    try {
      const record = (at: number) => this.api.call("cuEventRecord", events[at]!, this.stream);
      record(0);
      work.forEach((piece, i) => {
        piece();
        record(i + 1);
      });
      await this.synchronise();
      const milliseconds = new Float32Array(1);
      return Float64Array.from(work, (_, i) => {
        this.api.call("cuEventElapsedTime", milliseconds, events[i]!, events[i + 1]!);
        return milliseconds[0]! / 1e3;
      });
    } finally {
      for (const event of events) this.api.ask("cuEventDestroy_v2", event);
    }
  }

  async synchronise(): Promise<void> {
    const event = this.api.create("cuEventCreate", cuda.CU_EVENT_DISABLE_TIMING);
    try {
      this.api.call("cuEventRecord", event, this.stream);
      const start = systemClock.seconds();
      for (;;) {
        const result = this.api.ask("cuEventQuery", event);
        if (result === cuda.CUDA_SUCCESS) return;
        if (result !== cuda.CUDA_ERROR_NOT_READY) throw this.api.explain("cuEventQuery", result);
        await (systemClock.seconds() - start < eagerSeconds ? turn() : sleep(1));
      }
    } finally {
      this.api.ask("cuEventDestroy_v2", event);
    }
  }

  close(): void {
    // After an error of the device every call fails, and its memory goes with the process.
    if (this.api.ask("cuStreamSynchronize", this.stream) !== cuda.CUDA_SUCCESS) return;
    for (const one of [...this.open].reverse()) one.free();
    this.products.close();
    this.staging.close();
    for (const address of [...this.allocations.keys()]) this.free(address);
    this.api.call("cuStreamDestroy_v2", this.stream);
  }

  /** Remembers something until it is freed, which close does where nobody else did; freeing it twice frees it once. */
  private hold<T extends { free(): void }>(held: T): T {
    const once: T = {
      ...held,
      free: () => {
        if (this.open.delete(once)) held.free();
      },
    };
    this.open.add(once);
    return once;
  }
}

const contexts = new Map<number, bigint>();

/**
 * The device's primary context, retained once a process and never released: libraries keep modules in it, which would be lost with the
 * last release while they still count on them.
 */
function retainContext(api: DriverApi, ordinal: number): bigint {
  const context = contexts.get(ordinal) ?? api.create("cuDevicePrimaryCtxRetain", ordinal);
  contexts.set(ordinal, context);
  return context;
}

/** The driver, initialised, with a device of this number to use. */
function loadDriver(number: number): DriverApi {
  const advice = "Install NVIDIA's driver, give the container the device (docker: --gpus all), or use --backend cpu.";
  let api: DriverApi;
  try {
    api = openDriverApi(listDriverPaths("cuda"));
  } catch (cause) {
    const said = (cause as Error).message;
    throw new UserError("E_CUDA_ABSENT", `the CUDA driver, libcuda.so.1, does not load: ${said}`, advice, { cause });
  }
  const result = api.ask("cuInit", 0);
  if (result !== cuda.CUDA_SUCCESS) {
    throw new UserError("E_CUDA_ABSENT", `the CUDA driver does not start: ${api.describe(result)}`, advice);
  }
  const count = readInteger(api, "cuDeviceGetCount");
  if (count === 0) {
    throw new UserError("E_CUDA_ABSENT", "the CUDA driver shows no device", "Look at CUDA_VISIBLE_DEVICES.");
  }
  if (number >= count) {
    throw new UserError(
      "E_OPTION",
      `--device ${number}: the CUDA driver shows ${count === 1 ? "one device, 0" : `${count} devices, 0 to ${count - 1}`}`,
      "nvidia-smi -L lists those of the machine, CUDA_VISIBLE_DEVICES says which of them a process sees, and counts them anew.",
    );
  }
  return api;
}

function describeDevice(api: DriverApi, ordinal: number): CudaDevice {
  const readText = (name: "cuDeviceGetName" | "cuDeviceGetPCIBusId"): string => {
    const text = new Uint8Array(256);
    api.call(name, text, text.byteLength, ordinal);
    return Buffer.from(text.subarray(0, text.indexOf(0))).toString();
  };
  const bytes = new BigUint64Array(1);
  api.call("cuDeviceTotalMem_v2", bytes, ordinal);
  const attribute = (number: number) => readInteger(api, "cuDeviceGetAttribute", number, ordinal);
  return {
    name: readText("cuDeviceGetName"),
    busId: readText("cuDeviceGetPCIBusId"),
    computeCapability:
      10 * attribute(cuda.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR) +
      attribute(cuda.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
    multiprocessors: attribute(cuda.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
    warpThreads: attribute(cuda.CU_DEVICE_ATTRIBUTE_WARP_SIZE),
    mostChunk: commonGpu.mostChunk,
    mostThreads: attribute(cuda.CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK),
    sharedBytes: attribute(cuda.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR),
    registers: attribute(cuda.CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR),
    memoryBytes: Number(bytes[0]),
  };
}

function readInteger(api: DriverApi, name: Parameters<DriverApi["call"]>[0], ...values: number[]): number {
  const value = new Int32Array(1);
  api.call(name, value, ...values);
  return value[0]!;
}

const mebibytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20).toLocaleString("en-US")} MiB`;
