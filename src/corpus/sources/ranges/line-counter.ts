// Which line a place of a file lies in, for messages: who reads a range of the file has not seen the lines before it.

import { closeSync, readSync } from "node:fs";
import { openForReading } from "../../../base/files/files.ts";
import { reading } from "../../../base/files/read-failure.ts";

const bytesAtOnce = 1 << 20;

/** Counts the lines before places of files; those of one file that come in their order are counted in one pass. */
export class LineCounter {
  private path = "";
  private at = 0;
  private lines = 0;

  /** UserErrors: E_FILE_MISSING, E_FILE_UNREADABLE. */
  countBefore(path: string, place: number): number {
    if (path !== this.path || place < this.at) [this.path, this.at, this.lines] = [path, 0, 0];
    if (place === this.at) return this.lines;
    const file = openForReading(path, "text");
    try {
      const bytes = Buffer.allocUnsafe(Math.min(bytesAtOnce, place - this.at));
      while (this.at < place) {
        const wanted = Math.min(bytes.length, place - this.at);
        const count = reading(path, "text", () => readSync(file, bytes, 0, wanted, this.at));
        if (count === 0) break;
        const read = bytes.subarray(0, count);
        for (let end = read.indexOf(10); end >= 0; end = read.indexOf(10, end + 1)) this.lines += 1;
        this.at += count;
      }
      return this.lines;
    } finally {
      closeSync(file);
    }
  }
}
