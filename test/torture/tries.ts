// Tries beside each other, as many as there are processors: starting a program and waiting for a moment leave most of one idle.
// What a try does hangs on its number alone, whoever does it and in which order they end.

import { availableParallelism } from "node:os";

const beside = Math.min(4, availableParallelism());

/**
 * Does tries 0, 1, 2, … until `isEnough`, which is asked before each. `place` is a folder that no other try uses meanwhile.
 */
export async function tryBeside(
  folder: string,
  isEnough: (number: number) => boolean,
  attempt: (number: number, place: string) => Promise<void>,
): Promise<void> {
  let next = 0;
  const work = async (place: string) => {
    while (!isEnough(next)) await attempt(next++, place);
  };
  await Promise.all(Array.from({ length: beside }, (_, i) => work(`${folder}-${i}`)));
}

/** As many tries as that, and what they gave in the order of their numbers. */
export async function countTries<T>(
  folder: string,
  count: number,
  attempt: (number: number, place: string) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  await tryBeside(
    folder,
    number => number >= count,
    async (number, place) => {
      results[number] = await attempt(number, place);
    },
  );
  return results;
}
