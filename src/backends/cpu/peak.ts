// What the processor can do at most, measured: multiply-adds on registers alone, on all threads.

import { systemClock } from "../../base/clock.ts";
import type { Precision } from "../../graph/tensor.ts";
import { buildLibrary, loadLibrary } from "./build.ts";
import { readTemplate, type ThreadPool } from "./pool.ts";

const chainCounts = [12, 24];

/** Kernels that do so many operations a block. */
export interface PeakKernels {
  readonly addresses: readonly number[];
  readonly flopsPerBlock: number;
}

/** The path of the library of all precisions, built with a pool's flags. Errors as `loadBuilt`. */
export const buildPeakKernels = (flags: readonly string[], signal?: AbortSignal): Promise<string> =>
  buildLibrary(readTemplate("peak.c"), flags, signal);

/** Those of peak.c in this precision. Errors as `loadBuilt`. */
export async function loadPeakKernels(
  pool: ThreadPool,
  precision: Precision,
  signal?: AbortSignal,
): Promise<PeakKernels> {
  const library = loadLibrary(await buildPeakKernels(pool.flags, signal));
  const inPairs = precision === "bf16" ? 1 : 0;
  const find = library.func("uint64_t cram_peak_kernel(int bf16, int chains)");
  // Tiles have one kernel for all.
  const addresses = new Set(chainCounts.map(chains => find(inPairs, chains) as number));
  return {
    addresses: [...addresses],
    flopsPerBlock: library.func("int64_t cram_peak_flops(int bf16)")(inPairs) as number,
  };
}

const mostRuns = 5;
/** As share of the time that a run took. */
const agreement = 0.01;

/** The best of a few runs of each kernel, in FLOP/s: of five, unless the two best agree before, as they do where nothing else runs. */
export async function measurePeakFlops(pool: ThreadPool, { addresses, flopsPerBlock }: PeakKernels): Promise<number> {
  const result = pool.allocate([16], "f32");
  const blocks = 4 * pool.threads;
  let best = 0;
  for (const kernel of addresses) {
    const launches = pool.prepareLaunches([{ kernel, pointers: [result.address], blocks, grain: 1 }]);
    let [shortest, next] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    let run = 0;
    do {
      const start = systemClock.seconds();
      await pool.run(launches);
      [shortest, next] = [shortest, next, systemClock.seconds() - start].sort((a, b) => a - b) as [number, number];
    } while (++run < mostRuns && next > shortest * (1 + agreement));
    best = Math.max(best, (flopsPerBlock * blocks) / shortest);
  }
  return best;
}
