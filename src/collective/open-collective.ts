// Which collective a process belongs to: the one place that knows them all.

import { type Collective, singleProcess } from "./collective.ts";
import { openMpi } from "./mpi/mpi.ts";
import type { RankPlace } from "./rank-place.ts";
import { watchRanks } from "./watch.ts";

/**
 * Connects this process with those that it was started with, and watches them. `onLost` hears what was seen of one that is lost, before
 * all are ended. UserErrors: E_RANKS, E_MPI_ABSENT.
 */
export async function openCollective(
  place: RankPlace | undefined,
  onLost: (seen: string) => void,
): Promise<Collective> {
  if (place === undefined) return singleProcess;
  const collective = openMpi(place);
  return watchRanks(collective, seen => {
    onLost(`rank ${collective.rank}: ${seen}`);
    collective.abort(1);
  });
}
