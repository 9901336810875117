// The native side as TypeScript sees it: threads, memory outside the garbage collector, and lists of launches. Addresses are
// numbers below 2^53; no JavaScript memory is ever handed to a thread.

import { readFileSync } from "node:fs";
import type { LibraryHandle } from "koffi";
import { UserError } from "../../base/errors.ts";
import { countOf } from "../../base/printable.ts";
import { cpuTarget } from "../../compiler/targets/cpu-target.ts";
import { bytesPerElement, countElements, type DType } from "../../graph/tensor.ts";
import type { DeviceBuffer, HostArray } from "../backend.ts";
import { koffi } from "../foreign-functions.ts";
import { decodeValues, encodeValues, makeStorage } from "../host-values.ts";
import { refuseOverlap } from "../single-run.ts";
import { hasTileInstructions, loadBuilt } from "./build.ts";

export interface CpuBuffer extends DeviceBuffer {
  readonly address: number;
  readonly bytes: number;
}

/** One entry of a launch list, as `struct launch` in pool.c: six words, the last of them seconds. */
export interface NativeLaunch {
  readonly kernel: number;
  readonly pointers: readonly number[];
  readonly blocks: number;
  readonly grain: number;
  /** The launches before it that it waits for; without it the one before. */
  readonly after?: readonly number[] | undefined;
}

/** A list of launches in native memory. */
export interface LaunchList {
  readonly table: CpuBuffer;
  readonly pointerTable: CpuBuffer;
  readonly count: number;
}

const wordsPerLaunch = 6;

interface Native {
  allocate(bytes: number): number;
  free(address: number, bytes: number): void;
  write(address: number, values: NodeJS.TypedArray, bytes: number): void;
  read(values: NodeJS.TypedArray, address: number, bytes: number): void;
  close(): void;
}

/** The text of a C file that stands beside this one. */
export const readTemplate = (name: string): string => readFileSync(new URL(name, import.meta.url), "utf8");

interface PoolLibrary {
  readonly library: LibraryHandle;
  readonly hasTiles: boolean;
  readonly flags: readonly string[];
}

/** What `loadPool` will find kernels are built with, unless the system keeps tiles from this process. */
export const likelyFlags = (): readonly string[] => (hasTileInstructions() ? ["-DTILES"] : []);

/** The library that a pool's threads run in, which knows what this process may do; no thread is started. Errors as `loadBuilt`. */
export async function loadPool(signal?: AbortSignal): Promise<PoolLibrary> {
  const library = await loadBuilt(readTemplate("pool.c"), [`-DLAUNCHES_AT_ONCE=${cpuTarget.launchesAtOnce}`], signal);
  const hasTiles = (library.func("int cram_allow_tiles()")() as number) === 1;
  return { library, hasTiles, flags: hasTiles ? ["-DTILES"] : [] };
}

/** Threads and the memory they work on; freed together. */
export class ThreadPool {
  readonly threads: number;
  /** What kernels are to be built with, beside the flags that all have. */
  readonly flags: readonly string[];
  /** Whether these have tiles multiply bf16. */
  readonly hasTiles: boolean;
  private readonly memory: Native;
  private isOpen = true;
  private readonly start: ReturnType<LibraryHandle["func"]>;
  private readonly allocations = new Set<CpuBuffer>();
  private reserved: CpuBuffer | undefined;
  /** Around all that belongs to one run: its inputs, its launches, its outputs. */
  readonly alone = refuseOverlap();

  private constructor(threads: number, { library, hasTiles, flags }: PoolLibrary) {
    this.threads = threads;
    this.hasTiles = hasTiles;
    this.flags = flags;
    this.start = library.func("void cram_run(uint64_t launches, int64_t count, int timed)");
    this.memory = {
      allocate: library.func("uint64_t cram_allocate(int64_t bytes)") as Native["allocate"],
      free: library.func("void cram_free(uint64_t address, int64_t bytes)") as Native["free"],
      write: library.func("void cram_write(uint64_t address, void *values, int64_t bytes)") as Native["write"],
      read: library.func("void cram_read(_Out_ void *values, uint64_t address, int64_t bytes)") as Native["read"],
      close: library.func("void cram_close()") as Native["close"],
    };
  }

  static async open(threads: number, signal?: AbortSignal): Promise<ThreadPool> {
    const built = await loadPool(signal);
    if ((built.library.func("int cram_open(int threads)")(threads) as number) !== 0) {
      throw new UserError(
        "E_THREADS",
        `the system does not start ${countOf(threads, "thread")}`,
        "Ask for fewer with --threads.",
      );
    }
    return new ThreadPool(threads, built);
  }

  /**
   * Asked by whatever touches native memory: where one of several works fails, the pool is closed behind it, and the others are refused
   * before they write into what is no longer theirs.
   */
  private requireOpen(): void {
    if (!this.isOpen) throw new Error("the cpu backend is closed");
  }

  private get native(): Native {
    this.requireOpen();
    return this.memory;
  }

  /** Zero-filled memory; UserError E_MEMORY when there is not that much. */
  allocate(shape: readonly number[], dtype: DType): CpuBuffer {
    const bytes = countElements(shape) * bytesPerElement[dtype];
    const address = this.native.allocate(Math.max(bytes, 64));
    if (address === 0) {
      throw new UserError(
        "E_MEMORY",
        `the system gave no ${(bytes / 2 ** 20).toFixed(0)} MiB of memory`,
        "Use a smaller micro-batch or a smaller model.",
      );
    }
    const buffer = { shape, dtype, bytes, address };
    this.allocations.add(buffer);
    return buffer;
  }

  free(buffer: CpuBuffer): void {
    this.allocations.delete(buffer);
    this.native.free(buffer.address, Math.max(buffer.bytes, 64));
  }

  /** Makes the arena that all programs share, as they never run at once, at least this large. It moves when it grows. */
  reserveArena(bytes: number): void {
    if (this.reserved !== undefined && this.reserved.bytes >= bytes) return;
    if (this.reserved !== undefined) this.free(this.reserved);
    this.reserved = undefined;
    this.reserved = this.allocate([bytes], "bool");
  }

  /** Another one after it has moved. */
  get arena(): CpuBuffer {
    if (this.reserved === undefined) throw new Error("no arena was reserved");
    return this.reserved;
  }

  write(buffer: CpuBuffer, values: HostArray): void {
    if (values.length !== countElements(buffer.shape)) {
      throw new Error(`a buffer of ${countElements(buffer.shape)} elements was given ${values.length}`);
    }
    this.native.write(buffer.address, encodeValues(values, buffer.dtype), buffer.bytes);
  }

  /** The memory of an f32 buffer, which is no longer there when the buffer is freed. */
  view({ address, bytes }: CpuBuffer): Float32Array {
    this.requireOpen();
    return new Float32Array(koffi.view(address, bytes));
  }

  /** A copy of the buffer's values. */
  read(buffer: CpuBuffer): HostArray {
    const stored = makeStorage(countElements(buffer.shape), buffer.dtype);
    this.native.read(stored, buffer.address, buffer.bytes);
    return decodeValues(stored, buffer.dtype);
  }

  prepareLaunches(launches: readonly NativeLaunch[]): LaunchList {
    // Before the pointers of each a word of pool.c's.
    const pointers = BigUint64Array.from(launches.flatMap(launch => [0, ...launch.pointers].map(BigInt)));
    const pointerTable = this.allocate([pointers.byteLength], "bool");
    this.write(pointerTable, new Uint8Array(pointers.buffer));
    const words = new BigUint64Array(launches.length * wordsPerLaunch);
    let first = 1;
    launches.forEach(({ kernel, pointers: own, blocks, grain, after }, i) => {
      const waits = (after ?? [i - 1]).reduce((bits, before) => bits | (1n << BigInt(i - before - 1)), 0n);
      const all = [
        ...[kernel, pointerTable.address + first * 8, blocks, grain].map(BigInt),
        BigInt.asUintN(64, waits),
        0n,
      ];
      words.set(all, i * wordsPerLaunch);
      first += own.length + 1;
    });
    const table = this.allocate([words.byteLength], "bool");
    this.write(table, new Uint8Array(words.buffer));
    return { table, pointerTable, count: launches.length };
  }

  freeLaunches({ table, pointerTable }: LaunchList): void {
    this.free(table);
    this.free(pointerTable);
  }

  /** Runs the launches on all threads, each behind those that it waits for, off the event loop; one after another where they are timed. */
  run({ table, count }: LaunchList, timed = false): Promise<void> {
    this.requireOpen();
    return new Promise((resolve, reject) => {
      this.start.async(table.address, count, timed ? 1 : 0, (error: unknown) => (error ? reject(error) : resolve()));
    });
  }

  /** Seconds of each launch, summed over the timed runs so far. */
  readSeconds({ table, count }: LaunchList): Float64Array {
    const words = new Float64Array(count * wordsPerLaunch);
    this.native.read(words, table.address, words.byteLength);
    return Float64Array.from({ length: count }, (_, i) => words[i * wordsPerLaunch + wordsPerLaunch - 1]!);
  }

  close(): void {
    for (const buffer of this.allocations) this.free(buffer);
    this.native.close();
    this.isOpen = false;
  }
}
