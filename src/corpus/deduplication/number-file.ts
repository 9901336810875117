// Numbers that wait on disk because memory has no room for them: written one after another, read back in the same order.

import { closeSync, openSync, readSync } from "node:fs";
import { writeFully } from "../../base/files/files.ts";
import { removeLeftovers } from "../../base/files/leftovers.ts";
import { explainWriteFailure } from "../../base/files/write-failure.ts";

const bufferedNumbers = 1 << 10;
const readNumbers = 1 << 13;

/** A file of float64, which is gone when it is closed. UserErrors: E_DISK_FULL, E_NOT_WRITABLE. */
export class NumberFile {
  count = 0;
  private readonly path: string;
  private file: number | undefined;
  private waiting = new Float64Array(bufferedNumbers);
  private used = 0;

  constructor(path: string) {
    this.path = path;
  }

  add(value: number): void {
    this.waiting[this.used++] = value;
    this.count++;
    if (this.used === bufferedNumbers) this.flush();
  }

  /** All of them; the file is gone then. */
  take(): Float64Array {
    const all = new Float64Array(this.count);
    const written = this.count - this.used;
    this.fill(all, 0, written);
    all.set(this.waiting.subarray(0, this.used), written);
    this.close();
    return all;
  }

  *[Symbol.iterator](): Generator<number> {
    const written = this.count - this.used;
    const piece = new Float64Array(Math.min(readNumbers, written));
    for (let done = 0; done < written; ) {
      const count = Math.min(piece.length, written - done);
      this.fill(piece, done, count);
      for (let i = 0; i < count; i++) yield piece[i]!;
      done += count;
    }
    for (let i = 0; i < this.used; i++) yield this.waiting[i]!;
  }

  close(): void {
    this.waiting = new Float64Array(0);
    if (this.file === undefined) return;
    closeSync(this.file);
    this.file = undefined;
    removeLeftovers(this.path);
  }

  private fill(into: Float64Array, from: number, count: number): void {
    const bytes = new Uint8Array(into.buffer, into.byteOffset, 8 * count);
    for (let done = 0; done < bytes.length; ) {
      done += readSync(this.file!, bytes, done, Math.min(bytes.length - done, 1 << 30), 8 * from + done);
    }
  }

  private flush(): void {
    try {
      this.file ??= openSync(this.path, "wx+");
      writeFully(this.file, new Uint8Array(this.waiting.buffer, 0, 8 * this.used), 8 * (this.count - this.used));
    } catch (error) {
      throw explainWriteFailure(error, this.path);
    }
    this.used = 0;
  }
}
