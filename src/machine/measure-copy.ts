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
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < runs; run++) {
    const start = clock.seconds();
    await graph.run({});
    best = Math.min(best, clock.seconds() - start);
  }
  return (2 * bytes) / best;
}
