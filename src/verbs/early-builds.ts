// What a training on processors builds whatever its model, given to the system's compiler while the program still reads its own modules:
// a processor is idle then. Whoever needs it later waits for the same build, or finds it in the cache.

import { buildPeakKernels } from "../backends/cpu/peak.ts";
import { loadPool } from "../backends/cpu/pool.ts";

/** Begins them. What fails is told by who needs it, and built again there; the signal ends them. */
export function beginEarlyBuilds(signal: AbortSignal): void {
  loadPool(signal)
    .then(({ flags }) => buildPeakKernels(flags, signal))
    .catch(() => undefined);
}
