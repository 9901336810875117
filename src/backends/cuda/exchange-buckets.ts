// Which states of a program are exchanged together, and behind which of its launches: as soon as the last launch that touches them was asked
// for.

import type { Program } from "../../compiler/program/program.ts";

interface PlacedState {
  readonly address: bigint;
  readonly bytes: number;
}

export interface PlacedBucket {
  /** The launch behind which it is exchanged. */
  readonly behind: number;
  readonly places: readonly { readonly address: bigint; readonly elements: number }[];
}

/** The last launch that reads or writes each of these states; -1 for one that the program does not touch. */
function findLastLaunches({ buffers, launches }: Program, names: Iterable<string>): Map<string, number> {
  const last = new Map(Array.from(names, (name): [string, number] => [name, -1]));
  for (const [at, launch] of launches.entries()) {
    for (const index of launch.buffers) {
      const { kind, name } = buffers[index]!;
      if (kind === "state" && last.has(name)) last.set(name, at);
    }
  }
  return last;
}

/** Names of states in the order in which a program is done with them, bucket by bucket. */
export function listBuckets(
  program: Program,
  states: ReadonlyMap<string, Pick<PlacedState, "bytes">>,
  bucketBytes: number,
): string[][] {
  const inOrder = [...findLastLaunches(program, states.keys())].sort(([, at], [, other]) => at - other);
  const buckets: string[][] = [];
  let room = 0;
  for (const [name] of inOrder) {
    if (room <= 0) {
      buckets.push([]);
      room = bucketBytes;
    }
    buckets.at(-1)!.push(name);
    room -= states.get(name)!.bytes;
  }
  return buckets;
}

/** Buckets in this order, none before the one that it follows: another rank's program may be done with them in another. */
export function placeBuckets(
  program: Program,
  buckets: readonly (readonly string[])[],
  states: ReadonlyMap<string, PlacedState>,
): PlacedBucket[] {
  let behind = 0;
  return buckets.map(names => {
    behind = Math.max(behind, ...findLastLaunches(program, names).values());
    const places = names.map(name => {
      const { address, bytes } = states.get(name)!;
      return { address, elements: bytes / 4 };
    });
    return { behind, places };
  });
}
