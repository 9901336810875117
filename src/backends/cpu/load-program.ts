// A compiled program made ready to run: its kernels loaded, its buffers placed, its launches listed in native memory.

import type { Program } from "../../compiler/program/program.ts";
import type { LoadedGraph } from "../backend.ts";
import { bindBuffers } from "../bind-program.ts";
import { loadKernels } from "./load-kernels.ts";
import type { CpuBuffer, LaunchList, ThreadPool } from "./pool.ts";

/** Binds a program to its states, which it reads and updates by name. */
export async function loadProgram(
  program: Program,
  states: ReadonlyMap<string, CpuBuffer>,
  pool: ThreadPool,
  signal?: AbortSignal,
): Promise<LoadedGraph> {
  const kernels = await loadKernels(program.kernels, pool.flags, signal);
  pool.reserveArena(program.arenaBytes);
  const { places, outputs, writeInputs } = bindBuffers(program, states, {
    allocate: ({ shape, dtype }) => pool.allocate(shape, dtype),
    write: (place, values) => pool.write(place, values),
  });
  /** The launches with the addresses of an arena that stands here. */
  const listLaunches = (arenaAddress: number): LaunchList =>
    pool.prepareLaunches(
      program.launches.map(({ kernel, buffers, blocks, grain, after }) => ({
        kernel: kernels[kernel]!,
        pointers: buffers.map(at => places[at]?.address ?? arenaAddress + program.buffers[at]!.arenaOffset),
        blocks,
        grain,
        after,
      })),
    );
  let listed: { readonly launches: LaunchList; readonly arenaAddress: number } | undefined;
  const currentLaunches = (): LaunchList => {
    const { arenaAddress } = pool;
    if (listed?.arenaAddress === arenaAddress) return listed.launches;
    if (listed !== undefined) pool.freeLaunches(listed.launches);
    listed = { launches: listLaunches(arenaAddress), arenaAddress };
    return listed.launches;
  };
  return {
    program,
    run: given =>
      pool.alone(async () => {
        writeInputs(given);
        await pool.run(currentLaunches());
        return Object.fromEntries([...outputs].map(([name, buffer]) => [name, pool.read(buffer)]));
      }),
    timeLaunches: (given, runs) =>
      pool.alone(async () => {
        writeInputs(given);
        const launches = currentLaunches();
        const seconds: Float64Array[] = [];
        for (let i = 0; i < runs; i++) {
          const before = pool.readSeconds(launches);
          await pool.run(launches, true);
          seconds.push(pool.readSeconds(launches).map((after, at) => after - before[at]!));
        }
        return seconds;
      }),
  };
}
