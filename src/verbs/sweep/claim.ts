// A trial claimed by the lock of its folder. The claim beats, so that workers on other machines tell a dead one; and who finds that
// another has it by now, as after the machine slept, stops.

import { UserError } from "../../base/errors.ts";
import { type FolderLock, type IsSilent, lockFolder } from "../../base/files/folder-lock.ts";
import { hasBegun } from "../../train/run-folder.ts";

export interface Claim {
  /** Aborted when the claim is another's. */
  readonly lost: AbortSignal;
  release(): void;
}

const secondsBetweenBeats = 5;
/** Several beats, and what a network's file system keeps back of them. */
export const silentSeconds = 90;

/** Undefined where another worker has it. The run inside is given free where its writer is dead. */
export function claimTrial(folder: string, run: string, isSilent: IsSilent): Claim | undefined {
  const lock = tryLock(folder, isSilent);
  if (lock === undefined) return undefined;
  // Only who has the claim trains: an unseen writer of the run is the dead worker.
  if (hasBegun(run)) lockFolder(run, "sweep", "run", () => true).release();
  const lost = new AbortController();
  const timer = setInterval(() => {
    if (!lock.beat()) lost.abort();
  }, 1000 * secondsBetweenBeats).unref();
  return {
    lost: lost.signal,
    release: () => {
      clearInterval(timer);
      lock.release();
    },
  };
}

function tryLock(folder: string, isSilent: IsSilent): FolderLock | undefined {
  try {
    return lockFolder(folder, "sweep", "folder", isSilent);
  } catch (error) {
    if (error instanceof UserError && error.code === "E_FOLDER_BUSY") return undefined;
    throw error;
  }
}
