// The files of a folder replaced as one. They are built in a folder inside, made final by one rename, and then moved into place.
// Killed before that rename, what stood there stands, and the next writer removes the draft; killed after it, whoever opens the
// folder next finishes the moves. What is not the writer's own is neither removed nor replaced, and no link is followed: a folder
// from elsewhere may hold moves of somebody else's.

import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { UserError } from "../errors.ts";
import { makeFolder, readJson, syncFolder, writeFileAtomically } from "./files.ts";
import { lockFolder } from "./folder-lock.ts";
import { removeLeftovers } from "./leftovers.ts";
import { explainWriteFailure } from "./write-failure.ts";

const draftOf = (folder: string) => join(folder, ".cram-draft");
const finalOf = (folder: string) => join(folder, ".cram-final");
const journalName = "moves.json";
const filesIn = (final: string) => join(final, "files");
const pathInside = z.string().refine(path => path.split("/").every(part => part !== "" && !/^\.+$|[\\:\0]/.test(part)));
const journalSchema = z.strictObject({ removes: z.array(pathInside), last: pathInside });

export interface Replacement {
  /** Files of the writer's that stand there, by their paths in the folder. */
  readonly own: readonly string[];
  /** The file that makes the others readable: removed first and moved last. */
  readonly last: string;
}

/**
 * Replaces the `own` files of a folder by those that `build` writes into the folder it is given; the caller holds the lock. What
 * `build` throws leaves the folder as it was. UserErrors: those of `build`, E_OUTPUT_OTHER for a file that is not its own where
 * one is to go, E_DISK_FULL, E_NOT_WRITABLE.
 */
export async function replaceFiles<T>(
  folder: string,
  { own, last }: Replacement,
  build: (draft: string) => Promise<T>,
): Promise<T> {
  const draft = draftOf(folder);
  try {
    rmSync(draft, { recursive: true, force: true });
    makeFolder(filesIn(draft));
    const built = await build(filesIn(draft));
    const files = listFiles(filesIn(draft));
    const mine = new Set(own);
    const other = files.find(path => !mine.has(path) && existsSync(join(folder, path)));
    if (other !== undefined) refuseOther(join(folder, other));
    for (const path of [...own, ...files]) refuseLinks(folder, path);
    const removes = own.filter(path => !files.includes(path));
    writeFileAtomically(join(draft, journalName), JSON.stringify({ removes, last }));
    renameSync(draft, finalOf(folder));
    syncFolder(folder);
    finishMoves(folder);
    return built;
  } catch (error) {
    removeLeftovers(draft);
    throw nameInPlace(explainWriteFailure(error, folder), filesIn(draft), folder);
  }
}

/** A file of somebody else's is never replaced: E_OUTPUT_OTHER. */
export function refuseOther(path: string): never {
  throw new UserError(
    "E_OUTPUT_OTHER",
    `${path}: stands there, is not what cram wrote, and would be replaced`,
    "Choose another folder, or move that away.",
  );
}

/** Finishes the moves of a writer that was killed in them. UserErrors: E_FOLDER_BUSY where it is just moving. */
export function recoverFolder(folder: string): void {
  if (!existsSync(finalOf(folder))) return;
  const lock = lockFolder(folder, "recovery");
  try {
    finishMoves(folder);
  } finally {
    lock.release();
  }
}

/**
 * Moves what is final into place and removes what never became final; done again after a kill it ends the same. The caller holds
 * the lock. UserErrors: E_JSON for moves that cannot be read, E_OUTPUT_OTHER for a link in their way, E_NOT_WRITABLE.
 */
export function finishMoves(folder: string): void {
  try {
    moveFinal(folder);
  } catch (error) {
    throw explainWriteFailure(error, folder);
  }
}

function moveFinal(folder: string): void {
  rmSync(draftOf(folder), { recursive: true, force: true });
  const final = finalOf(folder);
  if (!existsSync(final)) return;
  const from = filesIn(final);
  for (const path of [final, from]) {
    if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) refuseOther(path);
  }
  const { removes, last } = readJournal(join(final, journalName));
  const files = listFiles(from).filter(path => path !== last);
  for (const path of [...removes, ...files, last]) refuseLinks(folder, path);
  if (existsSync(join(from, last))) rmSync(join(folder, last), { force: true });
  for (const path of removes) removeFile(folder, path);
  for (const path of existsSync(join(from, last)) ? [...files, last] : files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    renameSync(join(from, path), join(folder, path));
  }
  syncFolder(folder);
  // Half removed it would be a list of moves no more.
  renameSync(final, draftOf(folder));
  rmSync(draftOf(folder), { recursive: true, force: true });
}

function readJournal(path: string): z.infer<typeof journalSchema> {
  const parsed = journalSchema.safeParse(readJson(path, "list of moves"));
  if (parsed.success) return parsed.data;
  throw new UserError(
    "E_JSON",
    `${path}: not a list of moves that cram wrote`,
    `Remove ${dirname(path)}, and make again what is in this folder.`,
  );
}

/** A file is moved into folders, and never through a link that leads elsewhere. */
function refuseLinks(folder: string, path: string): void {
  const parts = path.split("/");
  for (let depth = 1; depth < parts.length; depth++) {
    const above = join(folder, ...parts.slice(0, depth));
    if (lstatSync(above, { throwIfNoEntry: false })?.isSymbolicLink() === true) refuseOther(above);
  }
}

/** The folder it leaves empty goes, too. */
function removeFile(folder: string, path: string): void {
  rmSync(join(folder, path), { force: true });
  try {
    if (path.includes("/")) rmdirSync(dirname(join(folder, path)));
  } catch {
    // It holds something else, or is not there.
  }
}

/** Paths of all files below, parted by slashes. */
function listFiles(folder: string, below = ""): string[] {
  return readdirSync(join(folder, below), { withFileTypes: true }).flatMap(entry => {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    return entry.isDirectory() ? listFiles(folder, path) : [path];
  });
}

/** Errors name a file where it was to be, which is where a person looks for it. */
function nameInPlace(error: unknown, draft: string, folder: string): unknown {
  if (!(error instanceof UserError)) return error;
  const message = error.message.replaceAll(draft, folder);
  return message === error.message
    ? error
    : new UserError(error.code as `E_${string}`, message, error.advice, { cause: error });
}
