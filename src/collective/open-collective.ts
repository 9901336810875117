// Which collective a process belongs to: the one place that knows them all.

import { type Collective, singleProcess } from "./collective.ts";
import { openMpi } from "./mpi/mpi.ts";
import { openNccl } from "./nccl/nccl.ts";
import type { RankPlace } from "./rank-place.ts";
import { openTcp } from "./tcp/tcp.ts";
import { watchRanks } from "./watch.ts";

/**
 * Connects this process with those that it was started with, and watches them. `run`, the run's folder as a person gave it, tells its ranks
 * from another training's. `onLost` hears what was seen of one that is lost, before all are ended. UserErrors: E_RANKS, E_MPI_ABSENT.
 */
export async function openCollective(
  place: RankPlace | undefined,
  run: string,
  onLost: (seen: string) => void,
): Promise<Collective> {
  if (place === undefined) return singleProcess;
  const { launcher, size } = place;
  const collective = launcher === "torchrun" ? await openTcp(place, run) : openMpi({ launcher, size });
  // Who said goodbye takes nobody's end for a loss.
  let isClosed = false;
  const close = () => {
    isClosed = true;
    return collective.close();
  };
  const abort = (exitCode: number, seen?: string) => {
    if (isClosed) return;
    if (seen !== undefined) onLost(`rank ${collective.rank}: ${seen}`);
    collective.abort(exitCode);
  };
  return watchRanks({ ...collective, abort, close }, seen => abort(1, seen));
}

/** The same ranks with their GPUs connected, where they have some. Every rank calls it. UserErrors: those of NCCL. */
export async function connectDevices(
  collective: Collective,
  { stream }: { readonly stream?: bigint | undefined },
): Promise<Collective> {
  return stream === undefined || collective.size === 1 ? collective : openNccl(collective, stream);
}
