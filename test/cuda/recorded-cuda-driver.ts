// A CUDA driver that does nothing and writes down what it is asked for, one line a call. Memory is counted, and may run out;
// results are zeros, which arrive when the test lets them.

import type { CudaDriver, CudaGraph, CudaKernel } from "../../src/backends/cuda/driver/driver.ts";
import { figuresOf } from "../../src/backends/cuda/figures.ts";
import { UserError } from "../../src/base/errors.ts";

export interface RecordedDriver extends CudaDriver {
  /** The calls so far; empty it to look at what follows. */
  readonly calls: string[];
  /** Bytes by address of what is allocated now. */
  readonly held: ReadonlyMap<bigint, number>;
  /** Writes a line of what is not the driver's. */
  note(text: string): void;
  /** Results arrive only after this many more turns of the event loop. */
  latency: number;
}

export interface RecordedOptions {
  readonly memoryBytes?: number;
  readonly computeCapability?: number;
  /** The name of a kernel whose launch fails. */
  readonly failingKernel?: string;
}

export function openRecordedDriver(options: RecordedOptions = {}): RecordedDriver {
  const { memoryBytes = 2 ** 30, computeCapability = 90, failingKernel } = options;
  const calls: string[] = [];
  const held = new Map<bigint, number>();
  let next = 0x1000n;
  let graphs = 0;
  let capturing = false;
  const heldBytes = () => [...held.values()].reduce((sum, bytes) => sum + bytes, 0);
  const note = (text: string) => calls.push(capturing ? `  ${text}` : text);
  const show = (addresses: readonly bigint[]) => addresses.map(address => address.toString(16)).join(" ");
  const notInCapture = (what: string) => {
    if (capturing) throw new Error(`${what} while a graph is recorded`);
  };
  const driver: RecordedDriver = {
    calls,
    held,
    latency: 0,
    device: { name: "recorded", ...figuresOf(computeCapability), memoryBytes },
    openSide: () => ({ stream: 0x58n, follow: () => note("follow"), join: () => note("join") }),
    note,
    freeBytes: () => memoryBytes - heldBytes(),
    allocate: bytes => {
      notInCapture("allocate");
      if (heldBytes() + bytes > memoryBytes) throw new UserError("E_CUDA_MEMORY", `no ${bytes} bytes`, "Less.");
      const address = next;
      next += BigInt(Math.ceil((bytes + 1) / 256) * 256);
      held.set(address, bytes);
      note(`allocate ${bytes} at ${show([address])}`);
      return address;
    },
    free: address => {
      if (!held.delete(address)) throw new Error(`${show([address])} is not allocated`);
      note(`free ${show([address])}`);
    },
    copyIn: (address, values) => {
      notInCapture("copyIn");
      note(`copyIn ${values.byteLength} to ${show([address])}`);
    },
    copyOut: async (_, address) => {
      note(`copyOut ${show([address])}`);
      for (let i = 0; i < driver.latency; i++) await new Promise(setImmediate);
      note(`arrived ${show([address])}`);
    },
    copyOutNow: (_, address) => {
      notInCapture("copyOutNow");
      note(`copyOutNow ${show([address])}`);
    },
    loadModule: async () => {
      note("loadModule");
      return { kernel: name => ({ name }), free: () => note("free module") };
    },
    prepareProducts: async products => {
      notInCapture("prepareProducts");
      note(`prepareProducts ${products.length}`);
    },
    launch: ({ name }: CudaKernel, grid, threads, _, pointers) => {
      if (name === failingKernel) throw new Error(`${name} fails`);
      note(`launch ${name} ${grid} × ${threads}: ${show(pointers)}`);
    },
    multiply: (_, ...addresses) => {
      note(`multiply: ${show(addresses.filter(address => address !== undefined))}`);
    },
    capture: record => {
      const number = ++graphs;
      note(`capture ${number}`);
      capturing = true;
      try {
        record();
      } finally {
        capturing = false;
      }
      return { number, free: () => note(`free graph ${number}`) } as CudaGraph;
    },
    replay: graph => {
      note(`replay ${(graph as CudaGraph & { readonly number: number }).number}`);
    },
    time: async work => {
      for (const piece of work) piece();
      note("time");
      return Float64Array.from(work, (_, i) => i + 1);
    },
    synchronise: async () => {
      notInCapture("synchronise");
      for (let i = 0; i < driver.latency; i++) await new Promise(setImmediate);
      note("synchronise");
    },
    close: () => {
      held.clear();
      note("close");
    },
  };
  return driver;
}
