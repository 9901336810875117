// The files of a repository of the hub, with the hash that each is listed with.

import { createHash, type Hash } from "node:crypto";
import { z } from "zod";
import { UserError } from "../base/errors.ts";
import { type Patience, tryAgain } from "../base/patience.ts";
import { askHub, type Hub, readAnswer } from "./hub.ts";

export interface Repository {
  readonly kind: "models" | "datasets";
  /** "user/name" */
  readonly repository: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
}

export const remoteFileSchema = z.object({
  type: z.string(),
  path: z.string(),
  size: z.number().int().nonnegative(),
  /** Of a small file, the hash that Git gives it. */
  oid: z.string(),
  /** Of a file in the storage of large files, SHA-256. */
  lfs: z.object({ oid: z.string(), size: z.number() }).optional(),
  /** Of a file in Xet's storage, where most large files are. */
  xetHash: z.string().optional(),
});
export type RemoteFile = z.infer<typeof remoteFileSchema>;

/** Of a thousand files each, of the largest datasets some hundreds; a list without end is none. */
const mostPages = 1000;

export const encodePath = (path: string) => path.split("/").map(encodeURIComponent).join("/");

/** The path of a file's content on the hub. */
export const addressOf = ({ kind, repository, revision }: Repository, path: string): string =>
  `${kind === "models" ? "" : `/${kind}`}/${repository}/resolve/${encodeURIComponent(revision)}/${encodePath(path)}`;

/** What has the hash that a file is listed with, once it has taken its content. */
export const openContentHash = ({ lfs, size }: Pick<RemoteFile, "lfs" | "size">): Hash =>
  lfs === undefined ? createHash("sha1").update(`blob ${size}\0`) : createHash("sha256");

/** The files below a folder of a repository, at every depth; none of a folder that is not there. UserErrors: E_HUB, E_HUB_TOKEN. */
export async function listRemoteFiles(
  hub: Hub,
  { kind, repository, revision }: Repository,
  folder: string,
  patience: Patience,
): Promise<RemoteFile[]> {
  const files: RemoteFile[] = [];
  const seen = new Set<string>();
  const below = folder === "" ? "" : `/${encodePath(folder)}`;
  let next: string | undefined =
    `/api/${kind}/${repository}/tree/${encodeURIComponent(revision)}${below}?recursive=true`;
  while (next !== undefined) {
    if (seen.has(next) || seen.size >= mostPages) {
      throw new UserError(
        "E_HUB",
        `${repository}: its list of files has no end`,
        "Check the name, and the address: --endpoint, or HF_ENDPOINT.",
      );
    }
    seen.add(next);
    const path: string = next;
    const accept = folder === "" ? [] : [404];
    const response = await tryAgain(() => askHub(hub, path, { accept }), patience);
    if (response.status === 404) return files;
    const entries = await readAnswer(response, value => z.array(remoteFileSchema).parse(value));
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

/** Below the folder on every system: no part that leads out, no drive, no backslash, no control character. */
const isInside = (path: string) =>
  path.split("/").every(part => part !== "" && part !== "." && part !== ".." && !/[\\:\p{Cc}]/u.test(part));
