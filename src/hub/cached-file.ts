// A file of the hub as it lies on this machine: of its whole size from the beginning, and fetched block by block as its bytes are
// asked for. Which blocks are there, and the checksum of each, stands in a list beside it that is only ever added to, so that
// processes may share it and may be killed. It is named by its content: another revision with the same file has it already.

import { createReadStream, existsSync, ftruncateSync, rmSync, truncateSync } from "node:fs";
import { appendFile, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { UserError } from "../base/errors.ts";
import { makeFolder, readWholeFile, writeFully } from "../base/files/files.ts";
import { lookAt } from "../base/files/read-failure.ts";
import { explainWriteFailure } from "../base/files/write-failure.ts";
import type { Patience } from "../base/patience.ts";
import { readRemoteBytes } from "./file-bytes.ts";
import type { Hub } from "./hub.ts";
import { openContentHash, type RemoteFile, type Repository } from "./remote-files.ts";

/** Blocks that are fetched before they are asked for, where a file is read on and on. */
const blocksAhead = 2;
const entryBytes = 8;

export class CachedFile {
  readonly path: string;
  private readonly hub: Hub;
  private readonly repository: Repository;
  private readonly file: RemoteFile;
  private readonly patience: Patience;
  private readonly blockBytes: number;
  private readonly blocks: number;
  /** Checksums of the blocks that are there, those of this process and of others before it. */
  private checksums: Map<number, number> | undefined;
  /** Blocks whose bytes were seen to be what the list says, or are being fetched. */
  private readonly coming = new Map<number, Promise<void>>();
  private end = 0;

  constructor(
    folder: string,
    hub: Hub,
    repository: Repository,
    file: RemoteFile,
    patience: Patience,
    blockBytes = 8 * 2 ** 20,
  ) {
    this.path = join(folder, ...repository.repository.split("/"), (file.lfs ?? file).oid);
    [this.hub, this.repository, this.file, this.patience] = [hub, repository, file, patience];
    this.blockBytes = blockBytes;
    this.blocks = Math.ceil(file.size / blockBytes);
  }

  /**
   * Waits until the file stands there in its size, with its bytes from `start` to before `end`. UserErrors: E_HUB, E_HUB_TOKEN,
   * E_DISK_FULL, E_NOT_WRITABLE.
   */
  async bring(start: number, end: number): Promise<void> {
    this.checksums ??= await this.openList();
    const first = Math.floor(start / this.blockBytes);
    const last = Math.ceil(end / this.blockBytes) - 1;
    const goesOn = start > 0 && start === this.end;
    this.end = end;
    for (let block = last + 1; goesOn && block <= last + blocksAhead; block++) {
      // Whoever asks for it meets its failure, once it is tried again.
      this.bringBlock(block).catch(() => this.coming.delete(block));
    }
    for (let block = first; block <= last; block++) {
      await this.bringBlock(block).catch(error => {
        this.coming.delete(block);
        throw error;
      });
    }
  }

  private bringBlock(block: number): Promise<void> {
    if (block >= this.blocks) return Promise.resolve();
    let coming = this.coming.get(block);
    if (coming === undefined) this.coming.set(block, (coming = this.checkOrFetch(block)));
    return coming;
  }

  private async checkOrFetch(block: number): Promise<void> {
    const start = block * this.blockBytes;
    const end = Math.min(start + this.blockBytes, this.file.size);
    const known = this.checksums!.get(block);
    if (known !== undefined && (await this.computeChecksum(start, end)) === known) return;
    const checksum = await writingCache(this.path, () => this.fetch(start, end));
    const entry = Buffer.alloc(entryBytes);
    entry.writeUInt32LE(block, 0);
    entry.writeUInt32LE(checksum, 4);
    await writingCache(this.path, () => appendFile(this.listPath, entry));
    this.checksums!.set(block, checksum);
    if (this.checksums!.size === this.blocks) await this.checkWhole();
  }

  private get listPath(): string {
    return `${this.path}.blocks`;
  }

  /** The file in its size, and what of it is there. */
  private openList(): Promise<Map<number, number>> {
    return writingCache(this.path, async () => {
      makeFolder(dirname(this.path));
      const isThere = lookAt(this.path)?.size === this.file.size;
      if (!isThere) {
        rmSync(this.listPath, { force: true });
        const file = await open(this.path, "a");
        ftruncateSync(file.fd, this.file.size);
        await file.close();
      }
      const list = existsSync(this.listPath) ? readWholeFile(this.listPath, "list of blocks") : Buffer.alloc(0);
      // A disk that was full may have left a part of the last entry.
      const torn = list.length % entryBytes;
      if (torn > 0) truncateSync(this.listPath, list.length - torn);
      const checksums = new Map<number, number>();
      for (let at = 0; at + entryBytes <= list.length; at += entryBytes) {
        checksums.set(list.readUInt32LE(at), list.readUInt32LE(at + 4));
      }
      return checksums;
    });
  }

  private async computeChecksum(start: number, end: number): Promise<number> {
    let checksum = 0;
    for await (const part of createReadStream(this.path, { start, end: end - 1, highWaterMark: 1 << 20 })) {
      checksum = crc32(part as Buffer, checksum);
    }
    return checksum;
  }

  /** Fetches bytes and gives their checksum. */
  private async fetch(start: number, end: number): Promise<number> {
    const { hub, repository, file, patience } = this;
    const own = await open(this.path, "r+");
    let [at, checksum] = [start, 0];
    try {
      for await (const part of readRemoteBytes({ hub, repository, file, start, end, patience })) {
        writeFully(own.fd, part, at);
        checksum = crc32(part, checksum);
        at += part.length;
      }
      await own.datasync();
    } finally {
      await own.close();
    }
    return checksum;
  }

  private get name(): string {
    return `${this.repository.repository}/${this.file.path}`;
  }

  /** Compares the whole file with the hash that the hub lists; one that is another is not kept. */
  private async checkWhole(): Promise<void> {
    const hash = openContentHash(this.file);
    for await (const part of createReadStream(this.path, { highWaterMark: 1 << 20 })) hash.update(part as Buffer);
    if (hash.digest("hex") === (this.file.lfs ?? this.file).oid) return;
    for (const path of [this.listPath, this.path]) rmSync(path, { force: true });
    throw new UserError(
      "E_HUB",
      `${this.name}: came changed: its content is not what the hub lists`,
      "Run the same command again; it is fetched anew.",
    );
  }
}

/** Work that writes into the cache; where that cannot be, it is said how to choose another. */
export async function writingCache<T>(path: string, work: () => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const error = explainWriteFailure(cause, path);
    if (!(error instanceof UserError)) throw error;
    const { code, message } = error;
    if (code !== "E_DISK_FULL" && code !== "E_NOT_WRITABLE") throw error;
    throw new UserError(code, message, "Set CRAM_CACHE to a folder of your own that has room.", { cause });
  }
}
