// Files that are whole or absent: written as a draft, synced, renamed. A process killed at any moment leaves either the old file
// or the new one, and a draft that the next writer in that folder removes; a draft's name is drawn and must be new, so that two
// writers never share one and none follows a link. And small files read whole: only regular files, of a size that is bounded;
// what is missing, what may not be read and what is damaged are three errors.

import { createHash, randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  type Dirent,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { systemClock } from "../clock.ts";
import { UserError } from "../errors.ts";
import { deepestNesting, findDoubledKey, isNestedDeeply } from "../json.ts";
import { makePrintable } from "../printable.ts";
import { findProcessStart, readProcessSpace } from "../process-start.ts";
import { removeLeftovers } from "./leftovers.ts";
import { explainReadFailure, explainUnreadable, lookAt, pipeOrDevice } from "./read-failure.ts";
import { explainWriteFailure } from "./write-failure.ts";

const draftName = /^\.cram-(\d+)(?:-([0-9a-f]{8}))?-[0-9a-f]+\.writing$/;
let ownSpace: string | undefined;
/** Where this process has its number, in a few letters. */
const nameSpace = () => (ownSpace ??= contentHash(JSON.stringify(readProcessSpace())).slice(0, 8));

/** A file while it is written: it has its name only once it is whole. */
export class FileDraft {
  readonly path: string;
  private readonly draft: string;
  private file: number | undefined;

  /** Begins a draft beside `path`, and makes the folders above. UserErrors: E_DISK_FULL, E_NOT_WRITABLE. */
  constructor(path: string) {
    this.path = path;
    refuseSpecial(path);
    const folder = dirname(path);
    makeFolder(folder, path);
    // Not named after the file, whose name may be as long as a name can be.
    this.draft = join(folder, `.cram-${process.pid}-${nameSpace()}-${randomBytes(6).toString("hex")}.writing`);
    this.trying(() => {
      removeLeftDrafts(folder);
      this.file = openSync(this.draft, "wx");
    });
  }

  /** Writes at the end, or at `position`. UserError E_DISK_FULL, after which there is no draft any more. */
  write(bytes: Uint8Array, position?: number): void {
    this.trying(() => writeFully(this.file!, bytes, position));
  }

  /**
   * Gives the file its name, in place of what stood there. One that is made again where it is not whole, as its seal says, need not outlive
   * the machine's own end: nobody waits for the disk. UserErrors: E_DISK_FULL, E_NOT_WRITABLE.
   */
  commit(outlives = true): void {
    this.trying(() => {
      if (outlives) fsyncSync(this.file!);
      closeSync(this.file!);
      this.file = undefined;
      renameSync(this.draft, this.path);
      if (outlives) syncFolder(dirname(this.path));
    });
  }

  /** Removes the draft. Never throws: why it is abandoned matters more. */
  abandon(): void {
    try {
      if (this.file !== undefined) closeSync(this.file);
    } catch {
      // What it was to write is given up.
    }
    this.file = undefined;
    removeLeftovers(this.draft);
  }

  private trying(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.abandon();
      throw explainWriteFailure(error, this.path, "; what stood there before is untouched");
    }
  }
}

/**
 * What a file would take the place of is another file: who reads a pipe would wait for ever, and the machine's devices, /dev/stdout
 * among them, are everybody's. E_NOT_WRITABLE.
 */
function refuseSpecial(path: string): void {
  const there = lookAt(path);
  const isSpecial = there !== undefined && !there.isFile() && !there.isDirectory();
  if (!isSpecial && dirname(resolve(path)) !== "/dev") return;
  throw new UserError("E_NOT_WRITABLE", `${path}: a pipe or a device, and no file, stands here`, "Name a file.");
}

/** Nobody writes at a draft for that long without a word. */
const deadAfterSeconds = 86_400;

/** Drafts whose writer was killed. One in another container, or before the machine was started, is believed for a day. */
function removeLeftDrafts(folder: string): void {
  for (const name of readdirSync(folder)) {
    const [, pid, space] = draftName.exec(name) ?? [];
    if (pid === undefined) continue;
    const path = join(folder, name);
    const isGone = space === nameSpace() ? findProcessStart(Number(pid)) === undefined : isOld(path);
    if (isGone) rmSync(path, { force: true });
  }
}

function isOld(path: string): boolean {
  const changed = lookAt(path)?.mtimeMs;
  return changed !== undefined && systemClock.date().getTime() - changed > 1000 * deadAfterSeconds;
}

/**
 * Writes a whole file atomically from parts, in order, and the folders above it. UserErrors: E_DISK_FULL when the disk has no
 * room, E_NOT_WRITABLE where the file cannot be.
 */
export function writeFileAtomically(path: string, parts: string | Uint8Array | Iterable<Uint8Array>): void {
  const draft = new FileDraft(path);
  try {
    if (typeof parts === "string") draft.write(Buffer.from(parts));
    else if (parts instanceof Uint8Array) draft.write(parts);
    else for (const part of parts) draft.write(part);
  } catch (error) {
    draft.abandon();
    throw explainWriteFailure(error, path, "; what stood there before is untouched");
  }
  draft.commit();
}

/** The same of parts that come one after another. */
export async function streamFileAtomically(path: string, parts: AsyncIterable<Uint8Array>): Promise<void> {
  const draft = new FileDraft(path);
  try {
    for await (const part of parts) draft.write(part);
  } catch (error) {
    draft.abandon();
    throw explainWriteFailure(error, path, "; what stood there before is untouched");
  }
  draft.commit();
}

/** Writes every byte of `bytes`, however many calls the system makes of it; at the end, or at `position`. */
export function writeFully(file: number, bytes: Uint8Array, position?: number): void {
  for (let done = 0; done < bytes.byteLength; ) {
    const at = position === undefined ? null : position + done;
    done += writeSync(file, bytes, done, Math.min(bytes.byteLength - done, 1 << 30), at);
  }
}

/** Makes a rename in this folder survive a power cut, where the system knows how. */
export function syncFolder(folder: string): void {
  let handle: number | undefined;
  try {
    handle = openSync(folder, "r");
    fsyncSync(handle);
  } catch (error) {
    // Windows and some file systems of networks sync no folder.
    if (["EIO", "ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}

/** Makes what files hold survive a power cut, while the program goes on. UserErrors: E_DISK_FULL, E_NOT_WRITABLE. */
export async function syncFiles(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    try {
      const file = await open(path, "r+");
      await file.sync().finally(() => file.close());
    } catch (error) {
      throw explainWriteFailure(error, path);
    }
  }
}

/**
 * Makes a folder and those above it; `wanted` is what the errors name: E_NOT_WRITABLE, E_DISK_FULL. Returns those that were
 * not there, from the top. One by one, because mkdirSync's own recursion never ends where a system answers that there is no
 * such place, as under /proc.
 */
export function makeFolder(folder: string, wanted = folder): string[] {
  try {
    return makeMissingFolders(folder);
  } catch (error) {
    throw explainWriteFailure(error, wanted);
  }
}

function makeMissingFolders(folder: string): string[] {
  const isFolder = () => lookAt(folder)?.isDirectory() === true;
  if (isFolder()) return [];
  const above = existsSync(folder) ? [] : makeMissingFolders(dirname(folder));
  try {
    mkdirSync(folder);
    return [...above, folder];
  } catch (error) {
    // Another process may have been faster.
    if (!isFolder()) throw error;
    return above;
  }
}

/**
 * The most bytes of a file that is read whole: far more than any real one, far less than memory. `ofLongest` is for what grows with
 * a run or a task, a line a step or an example: a string has no room for more.
 */
export const mostBytes = { ofJson: 16 << 20, ofTokenizer: 128 << 20, ofLines: 64 << 20, ofLongest: 500 << 20 } as const;

/**
 * Opens a regular file to read it. A pipe, a socket or a device is refused and not waited for. `kind` says what should be there.
 * UserErrors: E_FILE_MISSING where nothing is, E_FILE_UNREADABLE for what may not be read or is no file.
 */
export function openForReading(path: string, kind: string): number {
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stats = fstatSync(file);
    if (stats.isFile()) return file;
    throw explainUnreadable(path, kind, stats.isDirectory() ? "a folder stands here" : pipeOrDevice);
  } catch (error) {
    if (file !== undefined) closeSync(file);
    throw explainReadFailure(error, path, kind);
  }
}

/** Reads a whole file. UserErrors: those of `openForReading`, and E_FILE_LARGE for more than `most` bytes. */
export function readWholeFile(path: string, kind: string, most: number = mostBytes.ofLines): Buffer {
  const file = openForReading(path, kind);
  try {
    // A file of the system says that it has 0 bytes, and one that grows has more than it said: read on until the end.
    const { size } = fstatSync(file);
    if (size > most) throw explainLarge(path, kind, most);
    let bytes = Buffer.allocUnsafe(size + 1);
    let filled = 0;
    for (;;) {
      const count = readSync(file, bytes, filled, bytes.length - filled, null);
      filled += count;
      if (count === 0) return bytes.subarray(0, filled);
      if (filled > most) throw explainLarge(path, kind, most);
      if (filled === bytes.length) bytes = Buffer.concat([bytes], Math.min(2 * bytes.length + 65_536, most + 1));
    }
  } catch (error) {
    throw explainReadFailure(error, path, kind);
  } finally {
    closeSync(file);
  }
}

/** Reads a whole file of text, without its byte order mark. UserErrors: those of `readWholeFile`, E_UTF8. */
export function readText(path: string, kind: string, most: number = mostBytes.ofLines): string {
  const bytes = readWholeFile(path, kind, most);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    const advice = "Save the file as UTF-8; if it was not written by hand, it is damaged: make it again.";
    throw new UserError("E_UTF8", `${path}: this ${kind} is not UTF-8`, advice, { cause });
  }
}

/** Reads a JSON file. UserErrors: those of `readText`, and E_JSON for one that is malformed or nested without end. */
export function readJson(path: string, kind: string, most: number = mostBytes.ofJson): unknown {
  return readChecked(path, kind, most, () => undefined);
}

/** The same of one that a person writes, in which a key that stands twice is E_JSON, too: what was said first would be gone. */
export function readWrittenJson(path: string, kind: string): unknown {
  return readChecked(path, kind, mostBytes.ofJson, text => {
    const key = findDoubledKey(text);
    return key === undefined ? undefined : `"${key}" stands twice in one object`;
  });
}

/** `findFault` looks at what parses. */
function readChecked(
  path: string,
  kind: string,
  most: number,
  findFault: (text: string) => string | undefined,
): unknown {
  const text = readText(path, kind, most);
  const malformed = (seen: string, cause?: unknown) =>
    new UserError(
      "E_JSON",
      `${path}: not a ${kind}: ${makePrintable(seen, 160)}`,
      "If you wrote it, correct it there; if not, it was changed or cut short, and has to be made again.",
      { cause },
    );
  if (isNestedDeeply(text)) throw malformed(`lists or objects nested more than ${deepestNesting} deep`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw malformed((cause as Error).message, cause);
  }
  const fault = findFault(text);
  if (fault !== undefined) throw malformed(fault);
  return value;
}

/** Whether something stands there. E_FILE_UNREADABLE where that may not be seen, which is no "no". */
export function isPresent(path: string, kind: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    throw explainReadFailure(error, path, kind);
  }
}

/** What is in a folder; nothing where there is none. E_FILE_UNREADABLE where it may not be listed, or is no folder. */
export function listFolder(path: string, kind: string): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw explainReadFailure(error, path, kind);
  }
}

function explainLarge(path: string, kind: string, most: number): UserError {
  const size = most >= 1 << 20 ? `${most / 2 ** 20} MiB` : `${most} bytes`;
  return new UserError(
    "E_FILE_LARGE",
    `${path}: more than ${size}, which no ${kind} has`,
    `Check what is there; it should be a ${kind}.`,
  );
}

/** SHA-256 of a file's content, whole, read in pieces. `kind` says what should be there. UserErrors: those of `openForReading`. */
export function hashFile(path: string, kind = "file"): string {
  const hash = createHash("sha256");
  const piece = Buffer.alloc(1 << 20);
  const file = openForReading(path, kind);
  try {
    for (let count = 1; count > 0; ) {
      count = readSync(file, piece);
      hash.update(piece.subarray(0, count));
    }
  } catch (error) {
    throw explainReadFailure(error, path, kind);
  } finally {
    closeSync(file);
  }
  return hash.digest("hex");
}

/** The first 16 hexadecimal digits of SHA-256: how files and programs are named after their content. */
export function contentHash(...parts: (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex").slice(0, 16);
}
