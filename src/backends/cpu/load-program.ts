// A compiled program made ready to run: its kernels loaded, its buffers placed, its launches listed in native memory.

import type { Program } from "../../compiler/program/program.ts";
import type { HostArray, HostInputs, LoadedGraph } from "../backend.ts";
import { bindBuffers } from "../bind-program.ts";
import { listLaunches, type PlacedProgram } from "./list-launches.ts";
import { loadKernels } from "./load-kernels.ts";
import type { CpuBuffer, LaunchList, ThreadPool } from "./pool.ts";

interface CpuGraph extends LoadedGraph {
  readonly placed: PlacedProgram;
  writeInputs(given: HostInputs): void;
  readOutputs(): Record<string, HostArray>;
}

/** Launches with the addresses of this arena. */
interface Listed {
  readonly launches: LaunchList;
  readonly arena: CpuBuffer;
}

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
  /** Alone, and before others. */
  const listed = new Map<CpuGraph | undefined, Listed>();
  const findLaunches = (next?: CpuGraph): LaunchList => {
    const { arena } = pool;
    const known = listed.get(next);
    if (known?.arena === arena) return known.launches;
    if (known !== undefined) pool.freeLaunches(known.launches);
    const programs = next === undefined ? [graph.placed] : [graph.placed, next.placed];
    const launches = pool.prepareLaunches(listLaunches(programs, arena));
    listed.set(next, { launches, arena });
    return launches;
  };
  const graph: CpuGraph = {
    program,
    placed: { program, kernels, places },
    writeInputs,
    readOutputs: () => Object.fromEntries([...outputs].map(([name, buffer]) => [name, pool.read(buffer)])),
    run: given =>
      pool.alone(async () => {
        writeInputs(given);
        await pool.run(findLaunches());
        return graph.readOutputs();
      }),
    runBefore: (given, next, nextGiven) =>
      pool.alone(async () => {
        const follower = next as CpuGraph;
        writeInputs(given);
        follower.writeInputs(nextGiven);
        await pool.run(findLaunches(follower));
        return follower.readOutputs();
      }),
    timeLaunches: (given, runs) =>
      pool.alone(async () => {
        writeInputs(given);
        const launches = findLaunches();
        const seconds: Float64Array[] = [];
        for (let i = 0; i < runs; i++) {
          const before = pool.readSeconds(launches);
          await pool.run(launches, true);
          seconds.push(pool.readSeconds(launches).map((after, at) => after - before[at]!));
        }
        return seconds;
      }),
  };
  return graph;
}
