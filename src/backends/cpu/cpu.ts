// The backend for machines without a GPU: printed C, compiled once, run on its own threads off the event loop. Addresses
// are numbers below 2^53; all memory is the library's, so the garbage collector never owns what a thread reads.

import { readFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import koffi from "koffi";
import { UserError } from "../../base/errors.ts";
import { compileGraph } from "../../compiler/compile.ts";
import type { Program } from "../../compiler/program.ts";
import { bytesPerElement, countElements, type DType, type Graph } from "../../graph/tensor.ts";
import type { Backend, DeviceBuffer, HostArray, LoadedGraph } from "../backend.ts";
import { buildLibrary, processorFlags } from "./build.ts";

export interface CpuOptions {
  /** Threads that compute; the machine's processors unless given. */
  readonly threads?: number;
  readonly precision?: "f32" | "bf16";
}

interface CpuBuffer extends DeviceBuffer {
  readonly address: number;
  readonly bytes: number;
}

interface Library {
  allocate(bytes: number): number;
  free(address: number, bytes: number): void;
  write(address: number, values: NodeJS.TypedArray, bytes: number): void;
  read(values: NodeJS.TypedArray, address: number, bytes: number): void;
  run(launches: number, count: number, timed: boolean): Promise<void>;
  close(): void;
}

const readTemplate = (name: string) => readFileSync(new URL(name, import.meta.url), "utf8");
/** int64 kernel, pointers, blocks, grain; double seconds: struct launch in pool.c. */
const launchBytes = 40;

let opened = false;

/** Starts the threads. One CPU backend is open at a time in a process. */
export async function openCpu(options: CpuOptions = {}): Promise<Backend> {
  if (opened) throw new Error("the cpu backend is open already; close it first");
  const threads = options.threads ?? availableParallelism();
  const library = await openLibrary(threads);
  opened = true;
  const allocations: CpuBuffer[] = [];
  const allocateBytes = (bytes: number): number => {
    const address = library.allocate(Math.max(bytes, 64));
    if (address !== 0) return address;
    throw new UserError(
      "E_MEMORY",
      `the system gave no ${(bytes / 2 ** 20).toFixed(0)} MiB of memory`,
      "Use a smaller micro-batch or a smaller model.",
    );
  };
  const allocate = (shape: readonly number[], dtype: DType): CpuBuffer => {
    const bytes = countElements(shape) * bytesPerElement[dtype];
    const buffer = { shape, dtype, bytes, address: allocateBytes(bytes) };
    allocations.push(buffer);
    return buffer;
  };
  return {
    name: "cpu",
    device: describeDevice(threads),
    allocate,
    write: (buffer, values) => writeBuffer(library, buffer as CpuBuffer, values),
    read: buffer => readBuffer(library, buffer as CpuBuffer),
    load: async (graph, states) => {
      const program = compileGraph(graph, { precision: options.precision ?? "f32" });
      return loadProgram(program, graph, states as ReadonlyMap<string, CpuBuffer>, library, allocate);
    },
    close: async () => {
      for (const { address, bytes } of allocations) library.free(address, Math.max(bytes, 64));
      library.close();
      opened = false;
    },
  };
}

function describeDevice(threads: number): string {
  const vectors = ["avx512f", "avx2", "asimd"].find(flag => processorFlags().includes(flag)) ?? "scalar";
  return `${cpus()[0]?.model.trim() ?? process.arch}, ${threads} thread${threads === 1 ? "" : "s"}, ${vectors}`;
}

async function openLibrary(threads: number): Promise<Library> {
  const pool = koffi.load(await buildLibrary(readTemplate("pool.c")));
  const runLaunches = pool.func("void cram_run(uint64_t launches, int64_t count, int timed)");
  if ((pool.func("int cram_open(int threads)")(threads) as number) !== 0)
    throw new Error(`cannot start ${threads} threads`);
  return {
    allocate: pool.func("uint64_t cram_allocate(int64_t bytes)") as Library["allocate"],
    free: pool.func("void cram_free(uint64_t address, int64_t bytes)") as Library["free"],
    write: pool.func("void cram_write(uint64_t address, void *values, int64_t bytes)") as Library["write"],
    read: pool.func("void cram_read(_Out_ void *values, uint64_t address, int64_t bytes)") as Library["read"],
    run: (launches, count, timed) =>
      new Promise((resolve, reject) => {
        runLaunches.async(launches, count, timed ? 1 : 0, (error: unknown) => (error ? reject(error) : resolve()));
      }),
    close: pool.func("void cram_close()") as Library["close"],
  };
}

/** Host values in the element type of the device. */
function encodeValues(values: HostArray, dtype: DType): NodeJS.TypedArray {
  switch (dtype) {
    case "f32":
      return values instanceof Float32Array ? values : Float32Array.from(values);
    case "bf16": {
      const bits = new Uint32Array(Float32Array.from(values).buffer);
      return Uint16Array.from(bits, word => (word + 0x7fff + ((word >>> 16) & 1)) >>> 16);
    }
    case "i32":
      return values instanceof Int32Array ? values : Int32Array.from(values);
    case "u32":
      return values instanceof Uint32Array ? values : Uint32Array.from(values);
    case "bool":
      return values instanceof Uint8Array ? values : Uint8Array.from(values);
    default:
      return dtype satisfies never;
  }
}

function writeBuffer(library: Library, buffer: CpuBuffer, values: HostArray): void {
  if (values.length !== countElements(buffer.shape)) {
    throw new Error(`a buffer of ${countElements(buffer.shape)} elements was given ${values.length}`);
  }
  library.write(buffer.address, encodeValues(values, buffer.dtype), buffer.bytes);
}

function readBuffer(library: Library, buffer: CpuBuffer): HostArray {
  const length = countElements(buffer.shape);
  const read = <T extends NodeJS.TypedArray>(values: T): T => {
    library.read(values, buffer.address, buffer.bytes);
    return values;
  };
  switch (buffer.dtype) {
    case "f32":
      return read(new Float32Array(length));
    case "bf16":
      return new Float32Array(Uint32Array.from(read(new Uint16Array(length)), word => word << 16).buffer);
    case "i32":
      return read(new Int32Array(length));
    case "u32":
      return read(new Uint32Array(length));
    case "bool":
      return read(new Uint8Array(length));
    default:
      return buffer.dtype satisfies never;
  }
}

/** The whole program as one C file, kernels in a table the loader reads addresses from. */
export function printProgram(program: Program): string {
  const names = program.kernels.map(kernel => kernel.name);
  return [
    readTemplate("runtime.c"),
    readTemplate("matmul.c"),
    ...program.kernels.map(kernel => kernel.source),
    `uint64_t cram_kernel(int i) {\n  static void *const table[] = {${[...names, "0"].join(", ")}};\n  return (uint64_t)(uintptr_t)table[i];\n}\n`,
  ].join("\n");
}

async function loadProgram(
  program: Program,
  graph: Graph,
  states: ReadonlyMap<string, CpuBuffer>,
  library: Library,
  allocate: (shape: readonly number[], dtype: DType) => CpuBuffer,
): Promise<LoadedGraph> {
  const kernels = koffi.load(await buildLibrary(printProgram(program)));
  const addressOf = kernels.func("uint64_t cram_kernel(int i)") as (i: number) => number;
  const arena = allocate([program.arenaBytes + 64], "bool");
  const inputs = new Map<string, CpuBuffer>();
  const outputs = new Map<string, CpuBuffer>();
  const addresses = program.buffers.map(buffer => {
    if (buffer.kind === "temporary") return arena.address + buffer.arenaOffset;
    if (buffer.kind === "state") {
      const state = states.get(buffer.name);
      if (state === undefined) throw new Error(`the graph uses state ${buffer.name}, which was not given`);
      if (state.bytes !== buffer.bytes)
        throw new Error(`state ${buffer.name} has ${state.bytes} bytes, the graph's ${buffer.bytes}`);
      return state.address;
    }
    const own = allocate(buffer.shape, buffer.dtype);
    (buffer.kind === "input" ? inputs : outputs).set(buffer.name, own);
    return own.address;
  });
  const pointers = BigUint64Array.from(
    program.launches.flatMap(launch => launch.buffers.map(at => BigInt(addresses[at]!))),
  );
  const pointerTable = allocate([Math.max(pointers.byteLength, 1)], "bool");
  library.write(pointerTable.address, pointers, pointers.byteLength);
  const table = new BigUint64Array((program.launches.length * launchBytes) / 8);
  let first = 0;
  program.launches.forEach((launch, i) => {
    const fields = [addressOf(launch.kernel), pointerTable.address + first * 8, launch.blocks, launch.grain, 0];
    table.set(fields.map(BigInt), (i * launchBytes) / 8);
    first += launch.buffers.length;
  });
  const launches = allocate([Math.max(table.byteLength, 1)], "bool");
  library.write(launches.address, table, table.byteLength);
  const written = new Set<string>();
  return {
    program,
    run: async given => {
      for (const [name, values] of Object.entries(given)) {
        const buffer = inputs.get(name);
        written.add(name);
        // An input that simplification found unused has no buffer.
        if (buffer !== undefined)
          writeBuffer(library, buffer, typeof values === "number" ? Float64Array.of(values) : values);
      }
      for (const name of inputs.keys()) if (!written.has(name)) throw new Error(`input ${name} was never written`);
      await library.run(launches.address, program.launches.length, false);
      return Object.fromEntries(
        Object.keys(graph.outputs).map(name => [name, readBuffer(library, outputs.get(name)!)]),
      );
    },
  };
}
