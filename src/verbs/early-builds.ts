// What a training on processors builds whatever its model, given to the system's compiler while the program still reads its own modules:
// a processor is idle then. Whoever needs it later waits for the same build, or finds it in the cache.

import { buildPeakKernels } from "../backends/cpu/peak.ts";
import { likelyFlags, loadPool } from "../backends/cpu/pool.ts";

/**
 * Begins them, none behind another: this program hears of one that is built when all its modules are read. What fails is told by who
 * needs it, and built again there; the signal ends them.
 */
export function beginEarlyBuilds(signal: AbortSignal): void {
  for (const build of [loadPool(signal), buildPeakKernels(likelyFlags(), signal)]) build.catch(() => undefined);
}
