// The texts of a corpus as bytes in one file, so that any place of it can be looked at however large it is: UTF-8, a byte that
// UTF-8 never has after each text. A place is a number of bytes from the beginning of the file.

import { closeSync, openSync, readSync } from "node:fs";
import { writeFully } from "../../base/files/files.ts";
import { removeLeftovers } from "../../base/files/leftovers.ts";

/** Ends a text; nothing that is looked for can reach over it. */
const endOfText = 0xff;

const bufferedBytes = 1 << 22;

export class TextStore {
  private readonly path: string;
  private readonly file: number;
  private readonly waiting = Buffer.alloc(bufferedBytes);
  private waitingBytes = 0;
  private writtenBytes = 0;
  /** Where each text begins, and where the last ends. */
  private starts = new Float64Array(1024);
  private count = 0;

  /** Makes the file, which `close` removes. */
  constructor(path: string) {
    this.path = path;
    this.file = openSync(path, "wx+");
  }

  get textCount(): number {
    return this.count;
  }

  get byteLength(): number {
    return this.writtenBytes + this.waitingBytes;
  }

  add(text: string): void {
    const bytes = Buffer.from(text);
    if (this.count + 1 >= this.starts.length) {
      const larger = new Float64Array(2 * this.starts.length);
      larger.set(this.starts);
      this.starts = larger;
    }
    if (this.waitingBytes + bytes.length + 1 > bufferedBytes) this.flush();
    if (bytes.length + 1 > bufferedBytes) {
      writeFully(this.file, bytes);
      this.writtenBytes += bytes.length;
    } else {
      this.waiting.set(bytes, this.waitingBytes);
      this.waitingBytes += bytes.length;
    }
    this.waiting[this.waitingBytes++] = endOfText;
    this.starts[++this.count] = this.byteLength;
  }

  private flush(): void {
    writeFully(this.file, this.waiting.subarray(0, this.waitingBytes));
    this.writtenBytes += this.waitingBytes;
    this.waitingBytes = 0;
  }

  /** Where a text begins; of `textCount`, where all end. */
  startOf(text: number): number {
    return this.starts[text]!;
  }

  /** The bytes of a text without its end. */
  readText(text: number): Buffer {
    const from = this.starts[text]!;
    return this.read(from, this.starts[text + 1]! - 1 - from);
  }

  /** Bytes from a place on: fewer where the file ends. */
  read(from: number, length: number, into: Buffer = Buffer.allocUnsafe(length)): Buffer {
    if (this.waitingBytes > 0) this.flush();
    let done = 0;
    while (done < length) {
      const count = readSync(this.file, into, done, length - done, from + done);
      if (count === 0) break;
      done += count;
    }
    return into.subarray(0, done);
  }

  close(): void {
    closeSync(this.file);
    removeLeftovers(this.path);
  }
}
