// Sums between GPUs by NCCL: what stands on a device is summed there, on the stream of the backend, behind what was asked of it and before
// what will be, or on one beside it, in its graph; and the host waits for nothing. What connects the ranks' hosts carries everything else,
// the identifier first of all.

import { clearInterval, setInterval } from "node:timers";
import { UserError } from "../../base/errors.ts";
import { broadcastJson, type Collective, type NamedArray, type PlacedValues } from "../collective.ts";
import { ncclConstants as nccl, openNcclApi, uniqueIdBytes } from "./nccl-library.ts";

/** NCCL finds a broken link by itself, and its kernels wait for ever all the same. */
const secondsBetweenLooks = 1;

/**
 * The ranks of `base` connected by NCCL, each with the GPU whose context is current in this thread. It waits, with the event loop, until
 * all have come. What NCCL holds stays until the process ends: giving it back waits for ranks that may be gone. UserErrors E_CUDA_ABSENT,
 * and E_RANKS for ranks of different versions.
 */
export async function openNccl(base: Collective, stream: bigint): Promise<Collective> {
  const { rank, size } = base;
  const api = openNcclApi();
  const { version, isRecordable } = api;
  const first = await broadcastJson(base, version);
  if (first !== version) {
    throw new UserError(
      "E_RANKS",
      `rank ${rank} has NCCL ${version}, and rank 0 has ${first}`,
      "Install the same version on every machine, or set CRAM_CUDA_LIBRARIES to the folder that has it.",
    );
  }
  const internal = new Uint8Array(uniqueIdBytes);
  if (rank === 0) api.call("ncclGetUniqueId", internal);
  await base.broadcast(internal, 0);
  const handle = new BigUint64Array(1);
  api.call("ncclCommInitRank", handle, size, { internal }, rank);
  const communicator = handle[0]!;
  const look = setInterval(() => {
    const result = new Int32Array(1);
    api.call("ncclCommGetAsyncError", communicator, result);
    if (result[0] === nccl.ncclSuccess || result[0] === nccl.ncclInProgress) return;
    clearInterval(look);
    base.abort(1, `NCCL: ${api.describe(result[0]!)}`);
  }, 1000 * secondsBetweenLooks).unref();
  const { ncclFloat32, ncclSum } = nccl;
  /** A group is one launch, however many arrays it has. */
  const sumPlaced = (places: readonly PlacedValues[], on: bigint) => {
    api.call("ncclGroupStart");
    for (const { address, elements } of places) {
      api.call("ncclAllReduce", address, address, elements, ncclFloat32, ncclSum, communicator, on);
    }
    api.call("ncclGroupEnd");
  };
  return {
    ...base,
    engine: `NCCL ${version}`,
    stream,
    sum: async arrays => {
      const placed = arrays.flatMap(({ values }) => ("address" in values ? [values] : []));
      if (placed.length > 0) sumPlaced(placed, stream);
      const others = arrays.filter(({ values }) => !("address" in values));
      if (others.length > 0) await base.sum(others);
    },
    ...(isRecordable && { sumBeside: sumPlaced }),
    broadcast: async (values: NamedArray["values"] | Uint8Array, root) => {
      if (!isPlaced(values)) return base.broadcast(values, root);
      const { address, elements } = values;
      api.call("ncclBroadcast", address, address, elements, ncclFloat32, root, communicator, stream);
    },
    close: () => {
      clearInterval(look);
      return base.close();
    },
  };
}

const isPlaced = (values: NamedArray["values"] | Uint8Array): values is PlacedValues => "address" in values;
