// A dataset's repository at one commit: what it lists, and its card. A commit never changes, so what it lists is kept and asked for
// once.

import { join } from "node:path";
import { z } from "zod";
import { readBodyText } from "../base/answer-body.ts";
import { UserError } from "../base/errors.ts";
import { findCacheFolder } from "../base/files/cache-folder.ts";
import { contentHash, isPresent, mostBytes, readJson, writeFileAtomically } from "../base/files/files.ts";
import { type Patience, tryAgain } from "../base/patience.ts";
import { CachedFile, writingCache } from "./cached-file.ts";
import { askHub, type Hub, type HubRequest, readAnswer } from "./hub.ts";
import { addressOf, listRemoteFiles, type RemoteFile, type Repository, remoteFileSchema } from "./remote-files.ts";

/** Where shards of the hub are kept. UserError E_CACHE. */
const cacheFolder = () => join(findCacheFolder(), "datasets");

export class DatasetRepository {
  readonly at: Repository;
  private readonly hub: Hub;
  private readonly patience: Patience;

  constructor(hub: Hub, repository: string, commit: string, patience: Patience) {
    this.at = { kind: "datasets", repository, revision: commit };
    [this.hub, this.patience] = [hub, patience];
  }

  /** README.md; empty where there is none. UserErrors: E_HUB, E_HUB_TOKEN. */
  readCard(): Promise<string> {
    return this.keeping("card.json", z.string(), async () => {
      const accept = [404];
      const response = await askPatiently(this.hub, addressOf(this.at, "README.md"), this.patience, { accept });
      return response.status === 404 ? "" : readBodyText(response);
    });
  }

  /** The files below a folder; none where there is no such folder. UserErrors: E_HUB, E_HUB_TOKEN. */
  listFiles(folder: string): Promise<RemoteFile[]> {
    return this.keeping(`${contentHash(folder).slice(0, 16)}.json`, z.array(remoteFileSchema), () =>
      listRemoteFiles(this.hub, this.at, folder, this.patience),
    );
  }

  openFile(file: RemoteFile): CachedFile {
    return new CachedFile(cacheFolder(), this.hub, this.at, file, this.patience);
  }

  /** What was kept under a name for this commit; else it is made, and kept where that is possible. */
  private async keeping<T>(name: string, schema: z.ZodType<T>, make: () => Promise<T>): Promise<T> {
    const { repository, revision } = this.at;
    const path = join(
      cacheFolder(),
      ...repository.split("/"),
      "commits",
      contentHash(this.hub.endpoint, revision).slice(0, 32),
      name,
    );
    const kept = schema.safeParse(readKept(path));
    if (kept.success) return kept.data;
    const made = await make();
    await writingCache(path, () => writeFileAtomically(path, JSON.stringify(made)));
    return made;
  }
}

function readKept(path: string): unknown {
  try {
    return isPresent(path, "list of files") ? readJson(path, "list of files", mostBytes.ofTokenizer) : undefined;
  } catch (error) {
    if (error instanceof UserError) return undefined; // it is asked for again
    throw error;
  }
}

function askPatiently(hub: Hub, path: string, patience: Patience, request?: HubRequest): Promise<Response> {
  return tryAgain(() => askHub(hub, path, request), patience);
}

/** A dataset's repository at the commit that a revision is now. UserErrors: E_HUB, E_HUB_TOKEN. */
export async function openDatasetRepository(
  hub: Hub,
  repository: string,
  revision: string,
  patience: Patience,
): Promise<DatasetRepository> {
  const isCommit = /^[0-9a-f]{40}$/.test(revision);
  const commit = isCommit ? revision : await findCommit(hub, repository, revision, patience);
  return new DatasetRepository(hub, repository, commit, patience);
}

async function findCommit(hub: Hub, repository: string, revision: string, patience: Patience): Promise<string> {
  const path = `/api/datasets/${repository}/revision/${encodeURIComponent(revision)}`;
  const response = await askPatiently(hub, path, patience);
  return readAnswer(response, value => z.object({ sha: z.string().regex(/^[0-9a-f]{40}$/) }).parse(value).sha);
}
