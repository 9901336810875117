// Which collective a process belongs to: the one place that knows them all.

import { type Collective, singleProcess } from "./collective.ts";
import { openMpi } from "./mpi/mpi.ts";
import { readRankPlace } from "./rank-place.ts";

/** Connects this process with those that it was started with. UserErrors: E_RANKS, E_MPI_ABSENT. */
export async function openCollective(): Promise<Collective> {
  const place = readRankPlace();
  return place === undefined ? singleProcess : openMpi(place);
}
