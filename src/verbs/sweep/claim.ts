// A trial claimed, and the run in it given free where its writer is dead.

import { type Claim, claimFolder } from "../../base/files/claim.ts";
import { type IsSilent, lockFolder } from "../../base/files/folder-lock.ts";
import { hasBegun } from "../../train/run-folder.ts";

/** Undefined where another worker has it. */
export function claimTrial(folder: string, run: string, isSilent: IsSilent): Claim | undefined {
  const claim = claimFolder(folder, "sweep", isSilent);
  // Only who has the claim trains: an unseen writer of the run is the dead worker.
  if (claim !== undefined && hasBegun(run)) lockFolder(run, "sweep", "run", () => true).release();
  return claim;
}
