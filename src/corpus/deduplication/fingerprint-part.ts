// The fingerprints whose hash falls into one part of all: written in the order of places, then read back whole, and those that occur
// more than once brought together.

import { closeSync, openSync, readSync } from "node:fs";
import { writeFully } from "../../base/files/files.ts";
import { removeLeftovers } from "../../base/files/leftovers.ts";
import { explainWriteFailure } from "../../base/files/write-failure.ts";

/** Words of a fingerprint: two of the hash, the place in 48 bits, from where in it the first window, how many windows. */
const words = 5;
export const fingerprintBytes = 4 * words;
const bufferedWords = words << 11;

/** A file of fingerprints, which is gone when it is taken or closed. UserErrors: E_DISK_FULL, E_NOT_WRITABLE. */
export class FingerprintPart {
  private readonly path: string;
  private file: number | undefined;
  private waiting = new Uint32Array(bufferedWords);
  private used = 0;
  private written = 0;

  constructor(path: string) {
    this.path = path;
    this.file = openSync(path, "wx+");
  }

  /** Windows begin `offset` before the gram's place, and there are so many. */
  add(first: number, second: number, place: number, offset: number, windows: number): void {
    const { waiting, used } = this;
    waiting[used] = first;
    waiting[used + 1] = second;
    waiting[used + 2] = place;
    waiting[used + 3] = Math.floor(place / 2 ** 32) * 2 ** 16 + offset;
    waiting[used + 4] = windows;
    this.used += words;
    if (this.used === bufferedWords) this.flush();
  }

  private flush(): void {
    try {
      writeFully(this.file!, new Uint8Array(this.waiting.buffer, 0, 4 * this.used));
    } catch (error) {
      throw explainWriteFailure(error, this.path);
    }
    this.written += this.used;
    this.used = 0;
  }

  take(): RepeatedGrams {
    this.flush();
    this.waiting = new Uint32Array(0);
    const all = new Uint32Array(this.written);
    const bytes = new Uint8Array(all.buffer);
    for (let done = 0; done < bytes.length; ) {
      done += readSync(this.file!, bytes, done, Math.min(bytes.length - done, 1 << 30), done);
    }
    this.close();
    return new RepeatedGrams(all);
  }

  close(): void {
    if (this.file === undefined) return;
    closeSync(this.file);
    this.file = undefined;
    removeLeftovers(this.path);
  }
}

/** The fingerprints of a part in groups of the same hash, those that are alone left out. */
export class RepeatedGrams {
  /** Where each group ends among `members`. */
  readonly ends: Uint32Array;
  /** Numbers of fingerprints: those of a group together, in the order of places. */
  readonly members: Uint32Array;
  /** Of a fingerprint its group, counted from 1; 0 is none. */
  readonly groupOf: Uint32Array;
  private readonly part: Uint32Array;

  constructor(part: Uint32Array) {
    this.part = part;
    this.groupOf = new Uint32Array(part.length / words);
    const sizes = this.findGroups();
    this.ends = new Uint32Array(sizes.length);
    const next = new Uint32Array(sizes.length);
    let total = 0;
    for (const [group, size] of sizes.entries()) {
      next[group] = total;
      this.ends[group] = total += size;
    }
    this.members = new Uint32Array(total);
    for (let i = 0; i < this.groupOf.length; i++) {
      const group = this.groupOf[i]!;
      if (group > 0) this.members[next[group - 1]!++] = i;
    }
  }

  /** Where the first window of a fingerprint begins. */
  placeOf(fingerprint: number): number {
    const at = fingerprint * words;
    const high = this.part[at + 3]!;
    return this.part[at + 2]! + Math.floor(high / 2 ** 16) * 2 ** 32 - (high & 0xffff);
  }

  windowsOf(fingerprint: number): number {
    return this.part[fingerprint * words + 4]!;
  }

  /** Gives every fingerprint its group, and returns how many each has. */
  private findGroups(): number[] {
    const { part, groupOf } = this;
    const sizes: number[] = [];
    let size = 1024;
    while (size < 2 * groupOf.length) size *= 2;
    const slots = new Uint32Array(size);
    for (let i = 0; i < groupOf.length; i++) {
      const [first, second] = [part[i * words]!, part[i * words + 1]!];
      let slot = Math.imul(first ^ (second >>> 7), 0x9e3779b1) & (size - 1);
      for (; slots[slot] !== 0; slot = (slot + 1) & (size - 1)) {
        const other = slots[slot]! - 1;
        if (part[other * words] !== first || part[other * words + 1] !== second) continue;
        if (groupOf[other] === 0) groupOf[other] = sizes.push(1);
        groupOf[i] = groupOf[other]!;
        sizes[groupOf[i]! - 1]!++;
        break;
      }
      if (slots[slot] === 0) slots[slot] = i + 1;
    }
    return sizes;
  }
}
