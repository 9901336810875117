// Which collective a process belongs to: the one place that knows them all.

import { type Collective, singleProcess } from "./collective.ts";
import { openMpi } from "./mpi/mpi.ts";
import type { RankPlace } from "./rank-place.ts";

/** Connects this process with those that it was started with. UserErrors: E_RANKS, E_MPI_ABSENT. */
export async function openCollective(place: RankPlace | undefined): Promise<Collective> {
  return place === undefined ? singleProcess : openMpi(place);
}
