// A compiled program made ready to run: its C built, its buffers placed, its launches listed in native memory.

import koffi from "koffi";
import type { Program } from "../../compiler/program.ts";
import type { HostArray, LoadedGraph } from "../backend.ts";
import { buildLibrary } from "./build.ts";
import { type CpuBuffer, readTemplate, type ThreadPool } from "./pool.ts";

/** The whole program as one C file, kernels in a table the loader reads addresses from. */
export function printProgram(program: Program): string {
  const names = program.kernels.map(kernel => kernel.name);
  return [
    ...["runtime.c", "panel.c", "matmul.c", "attention.c"].map(readTemplate),
    ...program.kernels.map(kernel => kernel.source),
    `uint64_t cram_kernel(int i) {\n  static void *const table[] = {${[...names, "0"].join(", ")}};\n  return (uint64_t)(uintptr_t)table[i];\n}\n`,
  ].join("\n");
}

/** Binds a program to its states, which it reads and updates by name. */
export async function loadProgram(
  program: Program,
  states: ReadonlyMap<string, CpuBuffer>,
  pool: ThreadPool,
): Promise<LoadedGraph> {
  const kernels = koffi.load(await buildLibrary(printProgram(program)));
  const addressOf = kernels.func("uint64_t cram_kernel(int i)") as (i: number) => number;
  const arena = pool.allocate([program.arenaBytes + 64], "bool");
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
    const own = pool.allocate(buffer.shape, buffer.dtype);
    (buffer.kind === "input" ? inputs : outputs).set(buffer.name, own);
    return own.address;
  });
  const launches = pool.prepareLaunches(
    program.launches.map(({ kernel, buffers, blocks, grain }) => ({
      kernel: addressOf(kernel),
      pointers: buffers.map(at => addresses[at]!),
      blocks,
      grain,
    })),
  );
  const written = new Set<string>();
  const writeInputs = (given: Readonly<Record<string, HostArray | number>>) => {
    for (const [name, values] of Object.entries(given)) {
      const buffer = inputs.get(name);
      written.add(name);
      // An input that simplification found unused has no buffer.
      if (buffer !== undefined) pool.write(buffer, typeof values === "number" ? Float64Array.of(values) : values);
    }
    for (const name of inputs.keys()) if (!written.has(name)) throw new Error(`input ${name} was never written`);
  };
  return {
    program,
    run: async given => {
      writeInputs(given);
      await pool.run(launches);
      return Object.fromEntries([...outputs].map(([name, buffer]) => [name, pool.read(buffer)]));
    },
    timeLaunches: async (given, runs) => {
      writeInputs(given);
      const seconds: Float64Array[] = [];
      for (let i = 0; i < runs; i++) {
        const before = pool.readSeconds(launches);
        await pool.run(launches, true);
        seconds.push(pool.readSeconds(launches).map((after, at) => after - before[at]!));
      }
      return seconds;
    },
  };
}
