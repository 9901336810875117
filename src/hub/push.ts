// A folder to a repository of the hub, as one commit. The hub's own library sends it: what the hub wants in its storage of large files
// first, by Xet, of which only chunks that are new are sent, else by Git LFS; the rest in the commit itself.

import { openAsBlob, readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { answerBounds } from "../base/answer-body.ts";
import { UserError } from "../base/errors.ts";
import { recoverFolder } from "../base/files/folder-draft.ts";
import { hasty, type Patience, tryAgain } from "../base/patience.ts";
import { createClientFetch, explainFault } from "./client-fetch.ts";
import { askHub, type Hub } from "./hub.ts";

/** Of all files: how many bytes are done. */
export interface BytesDone {
  readonly doing: "hashing" | "sending" | "fetching";
  readonly path: string;
  readonly done: number;
  readonly total: number;
}
export type OnBytes = (bytes: BytesDone) => void;

export interface PushOptions {
  readonly folder: string;
  /** "user/name" */
  readonly repository: string;
  /** Of a repository that does not exist yet. */
  readonly isPrivate: boolean;
  /** A branch, which is made where there is none. Default main. */
  readonly revision?: string | undefined;
  /** Called while files for the storage are hashed, and while files are sent; what the storage has already counts as sent. */
  readonly onBytes?: OnBytes;
  readonly patience?: Patience;
}

interface LocalFile {
  readonly path: string;
  readonly content: Blob;
}

/** Makes the repository where there is none, and returns the commit's address. Errors: E_HUB, E_HUB_TOKEN, E_FILE_MISSING. */
export async function pushFolder(hub: Hub, options: PushOptions): Promise<string> {
  const { folder, repository, isPrivate, revision = "main", onBytes = () => {}, patience = hasty } = options;
  recoverFolder(folder);
  const files = await listFiles(folder);
  if (!files.some(({ path }) => /\.(safetensors|onnx)$/.test(path))) {
    throw new UserError(
      "E_FILE_MISSING",
      `${folder}: no model here, neither .safetensors nor .onnx: an export that was stopped`,
      "Export it again.",
    );
  }
  const [organization, name] = repository.split("/");
  const visibility = isPrivate ? "private" : "public";
  await makeUnlessThere(hub, "/api/repos/create", { name, organization, type: "model", visibility }, patience);
  if (revision !== "main")
    await makeUnlessThere(hub, `/api/models/${repository}/branch/${encodeURIComponent(revision)}`, {}, patience);
  const { commitIter } = await import("@huggingface/hub");
  const count = createCounter(files, onBytes);
  try {
    const events = commitIter({
      repo: { type: "model", name: repository },
      title: "Upload a model with cram push",
      operations: files.map(({ path, content }) => ({ operation: "addOrUpdate", path, content })),
      ...{ branch: revision, hubUrl: hub.endpoint, fetch: createClientFetch(hub, patience, answerBounds) },
    });
    for (;;) {
      const { done, value } = await events.next();
      if (done !== true && value.event === "fileProgress") count(value);
      if (done !== true) continue;
      if (typeof value?.commit.url === "string") return value.commit.url;
      throw new Error("no address of a commit");
    }
  } catch (fault) {
    throw explainFault(hub, fault);
  }
}

/** Asks for what may be there already. */
async function makeUnlessThere(hub: Hub, path: string, what: object, patience: Patience): Promise<void> {
  const alreadyThere = 409;
  const request = { type: "application/json", body: JSON.stringify(what), accept: [alreadyThere] };
  await tryAgain(() => askHub(hub, path, request), patience);
}

/** Bytes of all files, of the share of each that is hashed, or sent. */
function createCounter(
  files: readonly LocalFile[],
  onBytes: OnBytes,
): (event: { path: string; progress: number; state: "hashing" | "uploading" | "error" }) => void {
  const sizes = new Map(files.map(({ path, content }) => [path, content.size]));
  const total = files.reduce((sum, { content }) => sum + content.size, 0);
  const shares = { hashing: new Map<string, number>(), sending: new Map<string, number>() };
  return ({ path, progress, state }) => {
    const doing = state === "hashing" ? "hashing" : "sending";
    shares[doing].set(path, Math.max(progress, shares[doing].get(path) ?? 0));
    const done = [...shares[doing]].reduce((sum, [each, share]) => sum + share * sizes.get(each)!, 0);
    onBytes({ doing, path, done: Math.round(done), total });
  };
}

/** Regular files at every depth, in the order of their paths; hidden ones and unfinished writes stay here. */
async function listFiles(folder: string): Promise<LocalFile[]> {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && !entry.name.endsWith(".writing"))
    .map(entry => relative(folder, join(entry.parentPath ?? entry.path, entry.name)))
    .filter(path => !path.split(sep).some(part => part.startsWith(".")))
    .sort();
  const files: LocalFile[] = [];
  for (const path of found)
    files.push({ path: path.split(sep).join("/"), content: await openAsBlob(join(folder, path)) });
  return files;
}
