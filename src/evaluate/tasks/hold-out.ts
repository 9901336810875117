// A tenth of a user's examples put aside for validation where no file for it was named: drawn by the seed, so that every run
// with one seed is scored on the same examples, and kept in the file's order.

import { UserError } from "../../base/errors.ts";
import { permutation, streams } from "../../base/random.ts";
import type { Example } from "./task.ts";

const share = 0.1;

/** Splits examples by chance, at least one to each side. UserError E_TASK_SMALL naming `path` below two. */
export function holdOutExamples(
  examples: readonly Example[],
  seed: number,
  path: string,
): { train: Example[]; validation: Example[] } {
  if (examples.length < 2) {
    throw new UserError(
      "E_TASK_SMALL",
      `${path}: ${examples.length} example, of which none can be held out`,
      "Name a file of its own with --validation, or write more examples.",
    );
  }
  const count = Math.max(1, Math.round(examples.length * share));
  const heldOut = new Set(permutation(examples.length, seed, streams.holdOut, 0).subarray(0, count));
  return {
    train: examples.filter((_, i) => !heldOut.has(i)),
    validation: examples.filter((_, i) => heldOut.has(i)),
  };
}
