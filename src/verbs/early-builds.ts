// What a training on processors builds whatever its model, given to the system's compiler while the program still reads its own modules:
// a processor is idle then. Whoever needs it later waits for the same build, or finds it in the cache.

import { setTimeout as pause, setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { holdCompiler } from "../backends/cpu/build.ts";
import { buildPeakKernels } from "../backends/cpu/peak.ts";
import { likelyFlags, loadPool } from "../backends/cpu/pool.ts";
import { tileProducts } from "../backends/cpu/products.ts";
import { buildShared } from "../backends/cpu/shared-functions.ts";

/**
 * What a function runs, in bytes of its code, before V8 optimises it: sixteen times as much as by itself. Graphs are compiled by many
 * functions that each run for a moment: without it optimising them takes as long again, of the processor that the compiler is given.
 */
const optimisedAfterBytes = 1_000_000;

/** A compiler says in a tenth of it what it is. One on a disk that hangs never does, and what is wrong with an option is to be told before. */
const longestSearchMs = 100;

/**
 * Begins them, none behind another, and is done when the compiler has all, or is not found at once: this program hears of one that is built when
 * all its modules are read. What fails is told by who needs it, and built again there; the signal ends them.
 */
export async function beginEarlyBuilds(signal: AbortSignal): Promise<void> {
  setFlagsFromString(`--interrupt-budget=${optimisedAfterBytes}`);
  const flags = likelyFlags();
  const builds = [loadPool(signal), buildPeakKernels(flags, signal)];
  // Of tiles, which multiply bf16 alone: few trainings read f32 where they are.
  if (flags.length > 0) builds.push(buildShared(tileProducts, flags, signal));
  for (const build of builds) build.catch(() => undefined);
  // They wait for it as well.
  await Promise.race([holdCompiler().catch(() => undefined), pause(longestSearchMs, undefined, { ref: false })]);
  await setImmediate();
}
