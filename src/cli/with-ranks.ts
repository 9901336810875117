// A training in several processes, as the command line begins it: rank 0 does the work of one process, and the others follow it and print
// nothing but their errors.

import { UserError } from "../base/errors.ts";
import { openCollective } from "../collective/open-collective.ts";
import { readRankPlace } from "../collective/rank-place.ts";
import { countPerformanceCores } from "../machine/cores.ts";
import { RankLeader } from "../train/ranks/rank-orders.ts";
import type { BackendChoice } from "../verbs/backend.ts";
import { followRun } from "../verbs/pretrain/follow-run.ts";
import type { RankChoice } from "../verbs/pretrain/lead-run.ts";
import { printError } from "./terminal/output.ts";
import { stopOnSignals } from "./terminal/signals.ts";

/** Does the work in one process or as rank 0 of several; as another rank, follows. The work may change its choice of a backend. */
export async function withRanks(
  choice: BackendChoice,
  sum: "fast" | "in-order" | undefined,
  work: (choice: BackendChoice, rankChoice: RankChoice | undefined) => Promise<void>,
): Promise<void> {
  const place = readRankPlace();
  const isInOrder = sum === "in-order";
  const collective = await openCollective(place, seen =>
    printError(`${seen}; every rank ends, and --resume goes on from the last checkpoint`),
  );
  if (place === undefined && !isInOrder) {
    if (sum === undefined) return work(choice, undefined);
    throw new UserError(
      "E_OPTION",
      "--sum fast changes nothing in one process",
      "Leave it out, or start several by mpirun.",
    );
  }
  const own = place === undefined ? choice : shareMachine(choice, place);
  if (collective.rank > 0) {
    await stopOnSignals({ announcement: "", warn: () => {}, work: signal => followRun(collective, own, signal) });
    // Rank 0 says how it ended.
    process.exitCode = 0;
    return;
  }
  const leader = new RankLeader(collective);
  try {
    await work(own, { leader, isInOrder });
  } finally {
    await leader.close();
  }
}

/** "2 ranks by Open MPI": how many train together. */
export function describeRanks({ leader: { collective }, isInOrder }: RankChoice): string {
  const { size, engine } = collective;
  return `${size} rank${size === 1 ? "" : "s"} by ${engine}${isInOrder ? ", sums in the order of micro-batches" : ""}`;
}

/** Ranks of one machine share its processors, unless a scheduler gave each its own, and take a GPU each. */
function shareMachine(
  choice: BackendChoice,
  { localRank, localSize }: { readonly localRank: number; readonly localSize: number },
): BackendChoice {
  if (choice.backend === "cuda") return { ...choice, device: choice.device ?? localRank };
  if (choice.backend === "reference" || choice.threads !== undefined) return choice;
  const cores = countPerformanceCores();
  const isAllotted = process.env.SLURM_CPUS_PER_TASK !== undefined;
  return { ...choice, threads: isAllotted ? cores : Math.max(1, Math.floor(cores / localSize)) };
}
