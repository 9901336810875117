// One writer a folder: the file .cram-lock in it says who is writing. A holder that is gone, as a process that was killed, is
// told by its process number and the time it began, and its lock is taken over. Who cannot be seen from here, on another machine
// or in another container, is believed, unless it is one that beats and has fallen silent. Readers look at no lock.

import { randomUUID } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, rmdirSync, unlinkSync, utimesSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { type Clock, systemClock } from "../clock.ts";
import { UserError } from "../errors.ts";
import { findProcessStart, readProcessSpace } from "../process-start.ts";
import { makeFolder, readJson } from "./files.ts";
import { removeLeftovers } from "./leftovers.ts";
import { lookAt } from "./read-failure.ts";
import { explainWriteFailure } from "./write-failure.ts";

export const lockFileName = ".cram-lock";

/** What is refused where another holds it: a run, or any other folder. */
export type Locked = "run" | "folder";

export interface FolderLock {
  readonly folder: string;
  /** Gives the folder free; one that was made for the lock and is still empty is removed. May be called again. */
  release(): void;
  /** Shows those who cannot see the process that it lives. False where another has taken the lock over meanwhile. */
  beat(): boolean;
}

/** Whether the holder of a lock that cannot be seen is taken for dead. */
export type IsSilent = (path: string, id: string) => boolean;

/**
 * Of locks whose holders beat: one is silent when its file has not changed for so many seconds. They are counted from when it was seen
 * first, by the clock of who looks, because clocks of different machines differ.
 */
export function watchBeats(silentSeconds: number, clock: Clock = systemClock): IsSilent {
  const seen = new Map<string, { readonly beat: string; readonly since: number }>();
  return (path, id) => {
    const beat = `${id} ${lookAt(path)?.mtimeMs}`;
    const known = seen.get(path);
    if (known?.beat === beat) return clock.seconds() - known.since >= silentSeconds;
    seen.set(path, { beat, since: clock.seconds() });
    return false;
  };
}

const holderSchema = z.object({
  pid: z.int().positive(),
  host: z.string(),
  /** What process numbers mean something in: a container has its own. */
  processes: z.string(),
  /** Names this start of the machine; empty where the system does not tell. */
  boot: z.string(),
  /** When the process began, in the system's own words. */
  processStart: z.string(),
  verb: z.string(),
  since: z.string(),
  /** Tells two locks of one process apart. */
  id: z.string(),
});
type Holder = z.infer<typeof holderSchema>;

const held = new Set<FolderLock>();
let releasesAtExit = false;

/**
 * Takes the lock of a folder, which is made where it is not there. `verb` is told to those who come second; an unseen holder that
 * `isSilent` says is dead loses it. UserErrors: E_RUN_BUSY or E_FOLDER_BUSY, E_NOT_WRITABLE, E_DISK_FULL.
 */
export function lockFolder(
  folder: string,
  verb: string,
  locked: Locked = "folder",
  isSilent: IsSilent = believed,
): FolderLock {
  const made = makeFolder(folder);
  try {
    return holdLock(folder, verb, locked, made, isSilent);
  } catch (error) {
    removeEmptyFolders(made);
    throw error;
  }
}

/** The same of the first of `base`, `base-2`, `base-3`, … at which nothing stands, whoever else looks for one now. */
export function lockFreeFolder(base: string, verb: string, locked: Locked = "folder"): FolderLock {
  const above = makeFolder(dirname(base));
  for (let number = 1; ; number++) {
    const folder = number === 1 ? base : `${base}-${number}`;
    try {
      mkdirSync(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") continue;
      removeEmptyFolders(above);
      throw explainWriteFailure(error, folder);
    }
    return holdLock(folder, verb, locked, [...above, folder]);
  }
}

/** Holds the lock while `use` works, and gives it free however that ends. */
export async function withFolderLock<T>(
  folder: string,
  verb: string,
  use: () => Promise<T> | T,
  locked: Locked = "folder",
): Promise<T> {
  const lock = lockFolder(folder, verb, locked);
  try {
    return await use();
  } finally {
    lock.release();
  }
}

const believed: IsSilent = () => false;

function holdLock(
  folder: string,
  verb: string,
  locked: Locked,
  made: readonly string[],
  isSilent: IsSilent = believed,
): FolderLock {
  const path = join(folder, lockFileName);
  const self: Holder = {
    ...{ pid: process.pid, host: hostname(), ...readProcessSpace() },
    processStart: findProcessStart(process.pid) ?? "",
    verb,
    since: systemClock.date().toISOString(),
    id: randomUUID(),
  };
  takeLockFile(path, self, holder => refuseBusy(folder, path, holder, locked), isSilent);
  const lock: FolderLock = {
    folder,
    release() {
      if (!held.delete(lock)) return;
      // One that cannot be removed is of a process that is gone, and taken over.
      if (readHolder(path)?.id === self.id) removeLeftovers(path);
      removeEmptyFolders(made);
    },
    beat() {
      if (!held.has(lock) || readHolder(path)?.id !== self.id) return false;
      const now = systemClock.date();
      try {
        utimesSync(path, now, now);
      } catch {
        // A disk that refuses it is no other holder. Where it stays so, what is written there fails and says it.
      }
      return true;
    },
  };
  held.add(lock);
  if (!releasesAtExit) process.on("exit", () => [...held].forEach(lock => void lock.release()));
  releasesAtExit = true;
  return lock;
}

/**
 * Makes the file, or takes it over from one that is gone: alone, behind a second lock that is held for that moment, so that of
 * two who find the same dead holder one wins.
 */
function takeLockFile(
  path: string,
  self: Holder,
  refuse: (holder: Holder | undefined) => never,
  isSilent: IsSilent,
): void {
  const takeover = `${path}.takeover`;
  while (!createLockFile(path, self)) {
    if (!isTakeable(path, isSilent)) refuse(readHolder(path));
    if (!createLockFile(takeover, self)) {
      // Another takes over at this moment, or was killed in it.
      if (isTakeable(takeover)) removeLockFile(takeover);
      else sleepBriefly();
      continue;
    }
    try {
      if (isTakeable(path, isSilent)) removeLockFile(path);
    } finally {
      removeLeftovers(takeover);
    }
  }
  // One that was killed in between left the second lock alone; nobody else takes it while we hold the first.
  if (existsSync(takeover) && isTakeable(takeover)) removeLockFile(takeover);
}

/** E_NOT_WRITABLE for what is no file. */
function removeLockFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    // A folder is EPERM on macOS, EISDIR on Linux.
    throw explainWriteFailure(error, path);
  }
}

/** False where the file stands already. */
function createLockFile(path: string, self: Holder): boolean {
  let file: number;
  try {
    file = openSync(path, "wx", 0o644);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw explainWriteFailure(error, path);
  }
  try {
    writeSync(file, `${JSON.stringify(self, undefined, 2)}\n`);
    return true;
  } catch (error) {
    removeLeftovers(path);
    throw explainWriteFailure(error, path);
  } finally {
    closeSync(file);
  }
}

/** Whether a lock may be taken: its holder is gone, or silent, or it never said who it was. */
function isTakeable(path: string, isSilent: IsSilent = believed): boolean {
  for (let tries = 0; tries < 20; tries++) {
    const holder = readHolder(path);
    if (holder !== undefined) return isGone(holder) || (!canSee(holder) && isSilent(path, holder.id));
    // Made this moment and not yet written, or left by a power cut.
    sleepBriefly();
  }
  return true;
}

/** Whether a holder's process number means here what it means there. */
function canSee({ host, boot, processes }: Holder): boolean {
  const here = readProcessSpace();
  return boot === here.boot && processes === here.processes && (boot !== "" || host === hostname());
}

function isGone(holder: Holder): boolean {
  if (canSee(holder)) return findProcessStart(holder.pid) !== holder.processStart;
  // Our own machine, started again since.
  return holder.host === hostname() && holder.boot !== readProcessSpace().boot;
}

function refuseBusy(folder: string, path: string, holder: Holder | undefined, locked: Locked): never {
  const who =
    holder === undefined
      ? "another process"
      : `cram ${holder.verb}, process ${holder.pid} on ${holder.host}, since ${holder.since.slice(0, 16).replace("T", " ")}`;
  const unseen =
    holder === undefined || !canSee(holder) ? ` It cannot be seen from here: if it is gone, remove ${path}.` : "";
  throw new UserError(
    locked === "run" ? "E_RUN_BUSY" : "E_FOLDER_BUSY",
    `${folder}: is being written by ${who}`,
    `Wait until it ends, or stop it.${unseen}`,
  );
}

/** Undefined where there is none, or none that can be read. */
function readHolder(path: string): Holder | undefined {
  try {
    return holderSchema.safeParse(readJson(path, "lock", 1 << 16)).data;
  } catch {
    return undefined;
  }
}

function removeEmptyFolders(folders: readonly string[]): void {
  for (const folder of [...folders].reverse()) {
    try {
      rmdirSync(folder);
    } catch {
      return; // It holds something now.
    }
  }
}

function sleepBriefly(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 25);
}
