// What is left of work that is made of several trainings, and what goes on with it.

import { countOf } from "../../base/printable.ts";

/** `noun` is one of them. */
export function describeUndone(done: number, count: number, noun: string): string {
  const left = count - done;
  return `${left} of ${countOf(count, noun)} ${left === 1 ? "is" : "are"} not done; go on with: the same command`;
}
