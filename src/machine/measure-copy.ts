// Memory bandwidth as the backend's own kernels reach it: one large tensor copied to another.

import type { Backend } from "../backends/backend.ts";
import type { Clock } from "../base/clock.ts";
import { state } from "../graph/operations.ts";

const runs = 5;

/** Bytes read and written a second, the best of five copies of `bytes`. */
export async function measureCopy(backend: Backend, clock: Clock, bytes = 2 ** 28): Promise<number> {
  const shape = [bytes / 4];
  const states = new Map(["from", "to"].map(name => [name, backend.allocate(shape, "f32")] as const));
  const graph = await backend.load({ outputs: {}, updates: { to: state("from", shape) } }, states);
  await graph.run({}); // The first touch maps the pages.
  await backend.synchronise?.();
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < runs; run++) best = Math.min(best, await timeCopy());
  return (2 * bytes) / best;

  // A device's own clock where it has one: a program without results returns before it has run.
  async function timeCopy(): Promise<number> {
    const launches = (await graph.timeLaunches?.({}, 1))?.[0];
    if (launches !== undefined) return launches.reduce((sum, each) => sum + each, 0);
    const start = clock.seconds();
    await graph.run({});
    return clock.seconds() - start;
  }
}
