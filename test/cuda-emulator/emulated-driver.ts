// A CUDA device made of this processor: modules are built by the system's C compiler and run thread by thread (scheduler.c,
// device.h). It computes what a GPU would, slowly, and refuses what only happens to work on one: an order that no barrier
// gives, shared memory nobody wrote, writes outside an allocation. One runs at a time in a process.

import { readFileSync } from "node:fs";
import koffi from "koffi";
import { buildLibrary } from "../../src/backends/cpu/build.ts";
import type { CudaDriver, CudaGraph, CudaKernel, CudaModule } from "../../src/backends/cuda/driver/driver.ts";
import { figuresOf } from "../../src/backends/cuda/figures.ts";
import { UserError } from "../../src/base/errors.ts";
import type { Product, ProductOperand } from "../../src/compiler/program/program.ts";
import { type EmulatedKernel, listKernels, translateModule } from "./translate.ts";

/** In which order the threads of a block run between two barriers, and the blocks of a grid; random is drawn from the seed. */
export type ThreadOrder = "ascending" | "descending" | "random";
const orders: readonly ThreadOrder[] = ["ascending", "descending", "random"];

export interface EmulatorOptions {
  /** 90 unless given: what __CUDA_ARCH__ says. */
  readonly computeCapability?: number;
  /** Ascending unless given. */
  readonly order?: ThreadOrder;
  readonly seed?: number;
  /** 4 GiB unless given. */
  readonly memoryBytes?: number;
}

/** Why kernels cannot be emulated here, or undefined. */
export const emulatorAbsent: string | undefined =
  process.platform === "linux" && ["x64", "arm64"].includes(process.arch)
    ? undefined
    : "the CUDA emulator switches stacks as Linux on x64 and arm64 does";

interface LoadedKernel extends CudaKernel, EmulatedKernel {
  readonly index: number;
  readonly run: (...parameters: readonly unknown[]) => number;
}

interface Native {
  allocate(bytes: number): bigint | number;
  holds(address: bigint, bytes: number): number;
  free(address: bigint): void;
  copyIn(address: bigint, values: NodeJS.TypedArray, bytes: number): void;
  copyOut(values: NodeJS.TypedArray, address: bigint, bytes: number): void;
  multiply(shape: BigInt64Array, a: BigInt64Array, b: BigInt64Array, ...addresses: readonly bigint[]): void;
}

const readText = (name: string) => readFileSync(new URL(name, import.meta.url), "utf8");

/**
 * Alignment and the bounds of arrays are checked where the text runs; device.h says what then happens, not the compiler's library.
 * A text runs once or twice and is built for that: without inlining, a kernel of attention takes 0.6 s to build instead of 3.
 */
const checkedFlags = ["-fsanitize=alignment,bounds", "-nodefaultlibs", "-O1", "-fno-inline"];

/** The most threads of a block and bytes of shared memory, as devices have them. */
const mostThreads = 1024;
const mostSharedBytes: Readonly<Record<number, number>> = {
  75: 64 * 1024,
  80: 163 * 1024,
  86: 99 * 1024,
  90: 227 * 1024,
};

export async function openEmulatedDriver(options: EmulatorOptions = {}): Promise<CudaDriver> {
  const { computeCapability = 90, order = "ascending", seed = 1, memoryBytes = 4 * 2 ** 30 } = options;
  const library = koffi.load(await buildLibrary(readText("scheduler.c")));
  const native: Native = {
    allocate: library.func("uint64_t emulator_allocate(uint64_t bytes)") as Native["allocate"],
    holds: library.func("int emulator_holds(uint64_t address, uint64_t bytes)") as Native["holds"],
    free: library.func("void emulator_free(uint64_t address)") as Native["free"],
    copyIn: library.func("void emulator_copy_in(uint64_t address, void *values, int64_t bytes)") as Native["copyIn"],
    copyOut: library.func(
      "void emulator_copy_out(_Out_ void *values, uint64_t address, int64_t bytes)",
    ) as Native["copyOut"],
    multiply: library.func(
      "void emulator_multiply(int64_t *shape, int64_t *a, int64_t *b, uint64_t aAt, uint64_t bAt, uint64_t outAt)",
    ) as Native["multiply"],
  };
  const services = library.func("uint64_t emulator_services()")() as number | bigint;
  const readMessage = library.func("const char *emulator_message()") as () => string;

  const allocations = new Map<bigint, number>();
  let heldBytes = 0;
  let recording: (() => void)[] | undefined;

  const checkMargins = (after: string) => {
    for (const [address, bytes] of allocations) {
      if (native.holds(address, bytes) === 0) throw new Error(`${after} wrote outside an allocation of ${bytes} bytes`);
    }
  };
  /** Runs the work now, or keeps it for the graph that is recorded. */
  const submit = (work: () => void) => {
    if (recording === undefined) work();
    else recording.push(work);
  };
  const free = (address: bigint) => {
    heldBytes -= allocations.get(address)!;
    allocations.delete(address);
    native.free(address);
  };
  const copyOutNow = (values: NodeJS.TypedArray, address: bigint) => native.copyOut(values, address, values.byteLength);

  return {
    device: { name: "emulated device", ...figuresOf(computeCapability), memoryBytes },
    freeBytes: () => memoryBytes - heldBytes,
    allocate: bytes => {
      if (heldBytes + bytes > memoryBytes) {
        throw new UserError(
          "E_CUDA_MEMORY",
          `${bytes} bytes do not fit: ${memoryBytes - heldBytes} of ${memoryBytes} are free`,
          "Use a smaller micro-batch or a smaller model.",
        );
      }
      const address = BigInt(native.allocate(bytes));
      if (address === 0n) throw new Error(`the system gave no ${bytes} bytes to the emulator`);
      heldBytes += bytes;
      allocations.set(address, bytes);
      return address;
    },
    free,
    copyIn: (address, values) => native.copyIn(address, values, values.byteLength),
    copyOut: async (values, address) => copyOutNow(values, address),
    copyOutNow,
    loadModule: async (source): Promise<CudaModule> => {
      const translated = translateModule(source, readText("device.h"), computeCapability);
      const module = koffi.load(await buildLibrary(translated, checkedFlags));
      const run = module.func(
        "int emulated_run(uint64_t services, int kernel, uint32_t grid, uint32_t threads, uint32_t sharedBytes, uint64_t *pointers, int order, uint32_t seed)",
      ) as LoadedKernel["run"];
      const kernels = new Map(listKernels(source).map((kernel, index) => [kernel.name, { ...kernel, index, run }]));
      return {
        kernel: name => {
          const kernel = kernels.get(name);
          if (kernel === undefined) throw new Error(`the module has no kernel ${name}`);
          return kernel;
        },
        free: () => kernels.clear(),
      };
    },
    prepareProducts: async () => {},
    launch: (given, grid, threads, sharedBytes, pointers) => {
      const kernel = given as LoadedKernel;
      const { name, parameters, index } = kernel;
      if (pointers.length !== parameters)
        throw new Error(`${name} takes ${parameters} pointers, not ${pointers.length}`);
      if (!(grid >= 1 && Number.isInteger(grid) && grid < 2 ** 31))
        throw new Error(`${name}: a grid of ${grid} blocks`);
      if (!(threads >= 1 && Number.isInteger(threads) && threads <= mostThreads)) {
        throw new Error(`${name}: blocks of ${threads} threads`);
      }
      if (sharedBytes > (mostSharedBytes[computeCapability] ?? 99 * 1024)) {
        throw new Error(`${name}: ${sharedBytes} bytes of shared memory are more than the device has`);
      }
      const addresses = BigUint64Array.from(pointers.length === 0 ? [0n] : pointers);
      submit(() => {
        const failed = kernel.run(services, index, grid, threads, sharedBytes, addresses, orders.indexOf(order), seed);
        if (failed !== 0) throw new Error(`${name}: ${readMessage()}`);
        checkMargins(name);
      });
    },
    multiply: (product, a, b, out, addend = out) =>
      submit(() => {
        if (product.accumulates && addend !== out) {
          const values = new Float32Array(product.batches * product.m * product.n);
          copyOutNow(values, addend);
          native.copyIn(out, values, values.byteLength);
        }
        native.multiply(
          wordsOf(product),
          ...([product.a, product.b].map(operandWords) as [BigInt64Array, BigInt64Array]),
          a,
          b,
          out,
        );
        checkMargins("a product");
      }),
    capture: record => {
      if (recording !== undefined) throw new Error("a graph is recorded already");
      const work: (() => void)[] = [];
      recording = work;
      try {
        record();
      } finally {
        recording = undefined;
      }
      return { work, free: () => work.splice(0) } as CudaGraph;
    },
    replay: graph => {
      for (const work of (graph as CudaGraph & { readonly work: readonly (() => void)[] }).work) work();
    },
    time: async work =>
      Float64Array.from(work, piece => {
        const before = performance.now();
        piece();
        return (performance.now() - before) / 1000;
      }),
    synchronise: async () => {},
    close: () => {
      for (const address of [...allocations.keys()]) free(address);
    },
  };
}

/** Types as scheduler.c knows them. */
const typeCodes = { f32: 0, bf16: 1, f16: 2 } as const;

/** The numbers of a product as scheduler.c reads them. */
function wordsOf({ batches, m, n, k, outDtype, accumulates }: Product): BigInt64Array {
  return BigInt64Array.from([batches, m, n, k, typeCodes[outDtype], accumulates ? 1 : 0].map(BigInt));
}

function operandWords({ dtype, offset, row, column, batch }: ProductOperand): BigInt64Array {
  if (row !== 1 && column !== 1) throw new Error(`an operand with strides ${row} and ${column}: one of them must be 1`);
  return BigInt64Array.from([typeCodes[dtype], offset, row, column, batch].map(BigInt));
}
