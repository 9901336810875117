// A compiled program made ready on a device: its text compiled, its buffers placed, its launches recorded as one graph. Asking
// for a run waits for nothing but the results, and a program without results returns at once.

import { readFileSync } from "node:fs";
import type { Program } from "../../compiler/program/program.ts";
import { countElements, type Precision } from "../../graph/tensor.ts";
import type { DeviceBuffer, HostArray, HostInputs, LoadedGraph, StateExchange } from "../backend.ts";
import { type BoundBuffers, bindBuffers } from "../bind-program.ts";
import { decodeValues, encodeValues, makeStorage } from "../host-values.ts";
import { compositeTemplates } from "./composites.ts";
import type { DeviceMemory } from "./driver/device-memory.ts";
import type { CudaDriver, CudaGraph, CudaKernel } from "./driver/driver.ts";
import { listBuckets, type PlacedBucket, placeBuckets } from "./exchange-buckets.ts";

export interface CudaBuffer extends DeviceBuffer {
  readonly address: bigint;
  readonly bytes: number;
}

/** Files beside this one that emitted kernels call. */
const templates = ["runtime.cu", ...compositeTemplates];

/** Kernels with all that they call, as one CUDA text. Where products read what is narrow, exponentials need few more bits than that has. */
export function emitModule(kernels: readonly string[], precision: Precision): string {
  const texts = templates.map(name => readFileSync(new URL(name, import.meta.url), "utf8"));
  const policy = [
    ...(precision === "f32" ? [] : ["#define APPROXIMATE_EXPONENTIALS"]),
    ...(precision === "f16" ? ["#define PRODUCTS_READ_F16"] : []),
  ];
  return [...policy, ...texts, ...kernels].join("\n");
}

/** Binds a program to its states, which it reads and updates by name. UserError E_CUDA_MEMORY when it does not fit. */
export async function loadProgram(
  program: Program,
  states: ReadonlyMap<string, CudaBuffer>,
  driver: CudaDriver,
  memory: DeviceMemory,
  precision: Precision,
): Promise<LoadedGraph> {
  const sources = program.kernels.map(({ source }) => source);
  const [module] = await Promise.all([
    driver.loadModule(emitModule(sources, precision)),
    driver.prepareProducts(program.kernels.flatMap(({ product }) => product ?? [])),
  ]);
  const { places, outputs, writeInputs } = placeBuffers(program, states, driver, memory);
  const kernels = program.kernels.map(({ name, product }) => (product === undefined ? module.kernel(name) : undefined));
  /** The launches with the addresses of an arena that stands here. */
  const listWork = (arenaAddress: bigint) =>
    bindLaunches(
      program,
      kernels,
      driver,
      at => places[at]?.address ?? arenaAddress + BigInt(program.buffers[at]!.arenaOffset),
    );

  let recorded: Recorded | undefined;
  // Libraries load what they need at the first use, which is no part of a graph: the first run is launch by launch.
  const record = (launchAll: () => void, arenaAddress: bigint, before: Recorded | undefined): Recorded => {
    launchAll();
    before?.graph.free();
    return { graph: driver.capture(launchAll), arenaAddress };
  };
  const runLaunches = (): void => {
    const { arenaAddress } = memory;
    if (recorded?.arenaAddress === arenaAddress) {
      driver.replay(recorded.graph);
      return;
    }
    const work = listWork(arenaAddress);
    const before = recorded;
    recorded = undefined;
    recorded = record(() => launchInTurn(work), arenaAddress, before);
  };
  let exchanging: Recorded | undefined;
  let buckets: readonly PlacedBucket[] | undefined;
  const runExchanging = async (exchange: StateExchange): Promise<void> => {
    const exchanged = new Map([...states].filter(([name]) => exchange.names.has(name)));
    const own = () => listBuckets(program, exchanged, exchange.bucketBytes);
    buckets ??= placeBuckets(program, await exchange.agreeOn(own()), exchanged);
    const { arenaAddress } = memory;
    // NCCL wants the recording, and each replay of it, to be of all ranks together.
    if (await exchange.isSoOnAll(exchanging?.arenaAddress === arenaAddress)) {
      driver.replay(exchanging!.graph);
      return;
    }
    const work = listWork(arenaAddress);
    const side = driver.openSide!();
    const launchAll = () => {
      let at = 0;
      for (const { behind, places } of buckets!) {
        launchInTurn(work.slice(at, behind + 1));
        at = behind + 1;
        side.follow();
        exchange.sum(places, side.stream);
      }
      launchInTurn(work.slice(at));
      side.join();
    };
    const before = exchanging;
    exchanging = undefined;
    exchanging = record(launchAll, arenaAddress, before);
  };
  const readOutput = async ([name, { shape, dtype, address }]: [string, CudaBuffer]) => {
    const stored = makeStorage(countElements(shape), dtype);
    await driver.copyOut(stored, address);
    return [name, decodeValues(stored, dtype)] as const;
  };
  const run = (given: HostInputs, launch: () => void | Promise<void>) =>
    memory.alone(async () => {
      writeInputs(given);
      await launch();
      return Object.fromEntries(await Promise.all([...outputs].map(readOutput)));
    });
  return {
    program,
    run: given => run(given, runLaunches),
    ...(driver.openSide !== undefined && {
      runExchanging: (given, exchange) => run(given, () => runExchanging(exchange)),
    }),
    timeLaunches: (given, runs) =>
      memory.alone(async () => {
        writeInputs(given);
        const work = listWork(memory.arenaAddress);
        const seconds: Float64Array[] = [];
        for (let i = 0; i < runs; i++) seconds.push(await driver.time(work));
        return seconds;
      }),
  };
}

/** Launches recorded with the addresses of an arena that stands here. */
interface Recorded {
  readonly graph: CudaGraph;
  readonly arenaAddress: bigint;
}

function launchInTurn(work: readonly (() => void)[]): void {
  for (const launch of work) launch();
}

/** Sends host values to a buffer of as many elements. */
export function writeBuffer(driver: CudaDriver, buffer: CudaBuffer, values: HostArray): void {
  const elements = countElements(buffer.shape);
  if (values.length !== elements) throw new Error(`a buffer of ${elements} elements was given ${values.length}`);
  driver.copyIn(buffer.address, encodeValues(values, buffer.dtype));
}

/** A program's buffers, and room for its temporaries; when one does not fit, what was taken is given back. */
function placeBuffers(
  program: Program,
  states: ReadonlyMap<string, CudaBuffer>,
  driver: CudaDriver,
  memory: DeviceMemory,
): BoundBuffers<CudaBuffer> {
  const own: CudaBuffer[] = [];
  try {
    const bound = bindBuffers(program, states, {
      allocate: ({ shape, dtype, bytes }) => {
        const buffer = { shape, dtype, bytes, address: memory.allocate("inputs and outputs", bytes) };
        own.push(buffer);
        return buffer;
      },
      write: (place, values) => writeBuffer(driver, place, values),
    });
    memory.reserveArena(program.arenaBytes);
    return bound;
  } catch (error) {
    for (const { address, bytes } of own) memory.free("inputs and outputs", address, bytes);
    throw error;
  }
}

/** Each launch as a function that asks the driver for it. */
function bindLaunches(
  { launches, kernels: descriptions }: Program,
  kernels: readonly (CudaKernel | undefined)[],
  driver: CudaDriver,
  addressOf: (buffer: number) => bigint,
): (() => void)[] {
  return launches.map(({ kernel: at, buffers, blocks, grain }) => {
    const { name, product, threads, sharedBytes = 0 } = descriptions[at]!;
    const pointers = buffers.map(addressOf);
    if (product !== undefined) {
      const [a, b, out, addend = out] = pointers as [bigint, bigint, bigint, bigint?];
      return () => driver.multiply(product, a, b, out, addend);
    }
    const kernel = kernels[at]!;
    if (threads === undefined) throw new Error(`kernel ${name} does not say how many threads it has`);
    return () => driver.launch(kernel, Math.ceil(blocks / grain), threads, sharedBytes, pointers);
  });
}
