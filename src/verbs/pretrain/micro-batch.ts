// The largest micro-batch that a backend's memory holds, read from the programs themselves: they are compiled for a size, but
// neither built nor run.

import type { Backend } from "../../backends/backend.ts";
import { UserError } from "../../base/errors.ts";
import { findLeastSequences, findMostSequences } from "../../objectives/objectives.ts";
import { measurePrograms } from "../../plan/programs.ts";
import type { UpdateShare } from "../../train/ranks/share-update.ts";
import { type Recipe, replaceTraining } from "../../train/recipe.ts";

/** Share of what is free that a run may plan for: the system's own pieces, and what lies between ours, take the rest. */
const plannedShare = 0.95;

/**
 * More are no faster on any device known, and the batch ramp begins at one micro-batch and rises by it: a larger one would cost it its
 * early updates.
 */
const mostTokens = 2 ** 16;

/**
 * The recipe with the largest power of two as micro-batch, at most its full batch, 65,536 tokens and what its objective takes, whose programs fit. UserErrors:
 * E_OPTION on a backend that has no programs, E_MEMORY where not even one sequence fits. With a share, that of a rank that takes this one
 * of the update.
 */
export function fitMicroBatch(recipe: Recipe, { name, compile, availableBytes }: Backend, share?: UpdateShare): Recipe {
  if (compile === undefined || availableBytes === undefined) {
    throw new UserError("E_OPTION", `--micro-batch auto: ${name} has no programs to measure`, "Give a number.");
  }
  const room = plannedShare * availableBytes();
  const sized = (exponent: number) => replaceTraining(recipe, { microBatchSequences: 2 ** exponent }, "--micro-batch");
  const needs = (exponent: number) => measurePrograms(sized(exponent), compile, share).memory.total;
  const fewest = findLeastSequences(recipe);
  let least = Math.log2(fewest);
  const smallest = needs(least);
  if (smallest > room) {
    throw new UserError(
      "E_MEMORY",
      `${fewest === 1 ? "one sequence" : `${fewest} sequences`} at a time ${fewest === 1 ? "needs" : "need"} ${gigabytes(smallest)}, and ${gigabytes(room)} are free`,
      "Use a smaller model, or end other programs.",
    );
  }
  // It fits at `least` and, as far as was tried, not above `most`.
  const ofTokens = mostTokens / recipe.model.sequenceLength;
  const mostSequences = Math.max(1, Math.min(recipe.schedule.batchSequences, ofTokens, findMostSequences(recipe)));
  let most = Math.floor(Math.log2(mostSequences));
  while (least < most) {
    const middle = Math.ceil((least + most) / 2);
    if (needs(middle) <= room) least = middle;
    else most = middle - 1;
  }
  return sized(least);
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`;
