// NVIDIA's own library, where it is installed: no device is needed for what is asked here.

import assert from "node:assert/strict";
import { test } from "node:test";
import { skipWithout } from "../../../test/required.ts";
import { findCudaLibrary } from "../../backends/cuda/driver/libraries.ts";
import { UserError } from "../../base/errors.ts";
import { openNcclApi, uniqueIdBytes } from "./nccl-library.ts";

function findMissing(): string | undefined {
  try {
    findCudaLibrary("nccl");
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

test("the real library says its version, gives identifiers, and names what it refuses", {
  skip: skipWithout("cuda", findMissing()),
}, () => {
  const api = openNcclApi();
  assert.match(api.version, /^2\.\d+\.\d+$/);
  const [one, other] = [new Uint8Array(uniqueIdBytes), new Uint8Array(uniqueIdBytes)];
  for (const id of [one, other]) api.call("ncclGetUniqueId", id);
  assert.notDeepEqual(one, other);
  // Rank 5 of 1; without a device NCCL does not get that far.
  assert.throws(
    () => api.call("ncclCommInitRank", new BigUint64Array(1), 1, { internal: one }, 5),
    /^Error: ncclCommInitRank: (invalid|unhandled)/,
  );
});
