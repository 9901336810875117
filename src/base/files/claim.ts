// A piece of shared work claimed by the lock of its folder, whoever else works there. The claim beats, so that workers on other machines
// tell a dead one; and who finds that another has it by now, as after the machine slept, stops.

import { UserError } from "../errors.ts";
import { type FolderLock, type IsSilent, lockFolder } from "./folder-lock.ts";

export interface Claim {
  /** Aborted when the claim is another's. */
  readonly lost: AbortSignal;
  release(): void;
}

const secondsBetweenBeats = 5;
/** Several beats, and what a network's file system keeps back of them. */
export const silentSeconds = 90;

/** Undefined where another has it; `verb` is told to those who ask who. */
export function claimFolder(folder: string, verb: string, isSilent: IsSilent): Claim | undefined {
  const lock = tryLock(folder, verb, isSilent);
  if (lock === undefined) return undefined;
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

function tryLock(folder: string, verb: string, isSilent: IsSilent): FolderLock | undefined {
  try {
    return lockFolder(folder, verb, "folder", isSilent);
  } catch (error) {
    if (error instanceof UserError && error.code === "E_FOLDER_BUSY") return undefined;
    throw error;
  }
}
