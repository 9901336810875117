// Files that are kept to go on from, each with its SHA-256 in a file beside it that comes last. What has no such seal, or another
// content than it says, is as good as not there: whoever wanted to go on from it makes it again.

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { UserError } from "../errors.ts";
import { FileDraft, hashFile, readText } from "./files.ts";

const sealOf = (path: string) => `${path}.sha256`;

/** Seals a file that is whole. UserErrors: E_DISK_FULL, E_NOT_WRITABLE. */
export function sealFile(path: string, sha256 = hashFile(path)): void {
  const draft = new FileDraft(sealOf(path));
  draft.write(Buffer.from(`${sha256}\n`));
  draft.commit(false);
}

/** Whether a file stands there and is what its seal says; reads it. */
export function isSealed(path: string): boolean {
  if (!existsSync(path) || !existsSync(sealOf(path))) return false;
  try {
    return readText(sealOf(path), "seal", 1 << 10) === `${hashFile(path)}\n`;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}

const bytesPerWrite = 1 << 18;

/** A file written in large pieces, hashed as it goes. */
export class HashedFile {
  private readonly draft: FileDraft;
  private readonly hash = createHash("sha256");
  private readonly waiting = Buffer.allocUnsafe(bytesPerWrite);
  private used = 0;

  constructor(path: string) {
    this.draft = new FileDraft(path);
  }

  add(bytes: Uint8Array): void {
    if (this.used + bytes.length > this.waiting.length) this.flush();
    if (bytes.length > this.waiting.length) {
      this.hash.update(bytes);
      this.draft.write(bytes);
      return;
    }
    this.waiting.set(bytes, this.used);
    this.used += bytes.length;
  }

  private flush(): void {
    const bytes = this.waiting.subarray(0, this.used);
    this.hash.update(bytes);
    this.draft.write(bytes);
    this.used = 0;
  }

  /** Gives the file its name; returns its hash. */
  commit(): string {
    this.flush();
    this.draft.commit(false);
    return this.hash.digest("hex");
  }

  abandon(): void {
    this.draft.abandon();
  }
}
