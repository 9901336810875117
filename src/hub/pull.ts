// A repository of the hub into a folder. Every file is compared with the hash that the hub lists and stands under its name only
// when it is whole; one that is there already and the same is not fetched again.

import { createHash } from "node:crypto";
import { closeSync, createReadStream, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { UserError } from "../base/errors.ts";
import { explainWriteFailure, makeFolder, syncFolder, writeFully } from "../base/files.ts";
import { askHub, type Hub, readAnswer } from "./hub.ts";

const treeSchema = z.array(
  z.object({
    type: z.string(),
    path: z.string(),
    size: z.number(),
    /** Of a small file, the hash that Git gives it. */
    oid: z.string(),
    /** Of a file in the storage of large files, SHA-256. */
    lfs: z.object({ oid: z.string(), size: z.number() }).optional(),
  }),
);
type RemoteFile = z.infer<typeof treeSchema>[number];

export interface PullOptions {
  /** "user/name" */
  readonly repository: string;
  readonly folder: string;
  readonly onFile?: (file: { path: string; bytes: number }) => void;
}

/** Returns the paths below the folder. Errors: E_HUB, E_HUB_TOKEN, E_NOT_WRITABLE, E_DISK_FULL. */
export async function pullRepository(hub: Hub, { repository, folder, onFile }: PullOptions): Promise<string[]> {
  const files = await listRemote(hub, repository);
  for (const file of files) {
    const target = join(folder, ...file.path.split("/"));
    if (await isSame(target, file)) continue;
    onFile?.({ path: file.path, bytes: file.size });
    const path = file.path.split("/").map(encodeURIComponent).join("/");
    const response = await askHub(hub, `/${repository}/resolve/main/${path}`);
    await store(target, file, response);
  }
  return files.map(({ path }) => path);
}

async function listRemote(hub: Hub, repository: string): Promise<RemoteFile[]> {
  const files: RemoteFile[] = [];
  let next: string | undefined = `/api/models/${repository}/tree/main?recursive=true`;
  while (next !== undefined) {
    const response: Response = await askHub(hub, next);
    const entries = await readAnswer(response, value => treeSchema.parse(value));
    files.push(...entries.filter(({ type }) => type === "file"));
    next = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get("Link") ?? "")?.[1];
  }
  const outside = files.find(({ path }) => !isInside(path));
  if (outside !== undefined) {
    throw new UserError(
      "E_HUB",
      `${repository}: ${outside.path} would be written outside the folder`,
      "Do not trust it.",
    );
  }
  return files;
}

/** Below the folder on every system: no part that leads out, no drive, no backslash. */
const isInside = (path: string) =>
  path.split("/").every(part => part !== "" && part !== "." && part !== ".." && !/[\\:\0]/.test(part));

const openHash = ({ lfs, size }: RemoteFile) =>
  lfs === undefined ? createHash("sha1").update(`blob ${size}\0`) : createHash("sha256");

async function isSame(target: string, file: RemoteFile): Promise<boolean> {
  if (!existsSync(target) || statSync(target).size !== file.size) return false;
  const hash = openHash(file);
  for await (const part of createReadStream(target, { highWaterMark: 1 << 20 })) hash.update(part as Buffer);
  return hash.digest("hex") === (file.lfs ?? file).oid;
}

async function store(target: string, file: RemoteFile, response: Response): Promise<void> {
  const temporary = `${target}.writing`;
  const hash = openHash(file);
  makeFolder(dirname(target), target);
  let handle: number | undefined;
  try {
    handle = openSync(temporary, "w");
    for await (const part of response.body ?? []) {
      const bytes = part as Uint8Array;
      hash.update(bytes);
      writeFully(handle, bytes);
    }
    fsyncSync(handle);
    closeSync(handle);
    handle = undefined;
    if (hash.digest("hex") !== (file.lfs ?? file).oid) {
      throw new UserError("E_HUB", `${file.path}: came changed or cut short`, "Pull it again.");
    }
    renameSync(temporary, target);
    syncFolder(dirname(target));
  } catch (error) {
    if (handle !== undefined) closeSync(handle);
    rmSync(temporary, { force: true });
    if (error instanceof TypeError) {
      throw new UserError("E_HUB", `${file.path}: the connection broke`, "Pull it again.", { cause: error });
    }
    throw explainWriteFailure(error, target);
  }
}
