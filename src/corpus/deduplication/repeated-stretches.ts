// Stretches of at least k bytes that stood in the corpus before (Lee et al. 2022, "Deduplicating Training Data Makes Language Models
// Better", §4.1), exactly: a byte is in one if some k bytes around it, within one text, begin at an earlier place as well. Instead of
// a suffix array of the whole corpus there are fingerprints on disk, parted by hash, so that one part fits into memory; of those
// that occur twice the windows themselves are compared, byte by byte.

import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { writeFully } from "../../base/files/files.ts";
import { removeLeftovers } from "../../base/files/leftovers.ts";
import { chooseFingerprints, type FingerprintSizes, sizeFingerprints } from "./fingerprints.ts";
import type { TextStore } from "./text-store.ts";

export interface StretchOptions {
  /** k. */
  readonly leastBytes: number;
  /** An empty folder for parts, on a disk with room for nearly as much as the corpus. */
  readonly workFolder: string;
  /** Memory for one part; default 256 MiB. */
  readonly memoryBytes?: number;
  /** Told the share that is done, 0 to 1. */
  readonly onProgress?: (share: number) => void;
}

/** Places [start, end) in the store, ascending, none touching the next. */
export interface Stretches {
  readonly starts: Float64Array;
  readonly ends: Float64Array;
}

/** Words of a fingerprint in a part: two of the hash, the place in 48 bits, from where in it the first window, how many windows. */
const words = 5;
const bufferedWords = words << 11;
/** A group with more windows is gone through several times, each time for some of the hashes. */
const mostWindows = 1 << 22;

/** The stretches of all texts of the store that are to go, so that the first occurrence of each stays. */
export function findRepeatedStretches(store: TextStore, options: StretchOptions): Stretches {
  const { leastBytes, workFolder, memoryBytes = 2 ** 28, onProgress } = options;
  const sizes = sizeFingerprints(leastBytes);
  const expectedBytes = (4 * words * 2 * store.byteLength) / (sizes.grams + 1);
  // A part takes its own bytes and as much again for what finds its repeated hashes.
  const partCount = Math.min(512, Math.max(1, Math.ceil((2.5 * expectedBytes) / memoryBytes)));
  const parts = Array.from({ length: partCount }, (_, i) => new Part(join(workFolder, `part-${i}`)));
  try {
    writeFingerprints(store, sizes, parts, share => onProgress?.(share / 2));
    const found = new FoundStretches(sizes);
    for (const [i, part] of parts.entries()) {
      findInPart(store, sizes, part.take(), found);
      onProgress?.(0.5 + (i + 1) / parts.length / 2);
    }
    return found.merge();
  } finally {
    for (const part of parts) part.close();
  }
}

function writeFingerprints(
  store: TextStore,
  sizes: FingerprintSizes,
  parts: readonly Part[],
  onProgress: (share: number) => void,
): void {
  for (let text = 0; text < store.textCount; text++) {
    const start = store.startOf(text);
    chooseFingerprints(store.readText(text), sizes, (first, second, at, window, windows) => {
      const part = parts[((second >>> 8) ^ (first >>> 20)) % parts.length]!;
      part.add(first, second, start + at, at - window, windows);
    });
    if (text % 1024 === 0) onProgress(start / store.byteLength);
  }
}

/** The fingerprints whose hash falls into it: written, then read back whole. */
class Part {
  private readonly path: string;
  private file: number | undefined;
  private readonly waiting = new Uint32Array(bufferedWords);
  private used = 0;
  private written = 0;

  constructor(path: string) {
    this.path = path;
    this.file = openSync(path, "wx+");
  }

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
    writeFully(this.file!, new Uint8Array(this.waiting.buffer, 0, 4 * this.used));
    this.written += this.used;
    this.used = 0;
  }

  /** All of it; the file is gone then. */
  take(): Uint32Array {
    this.flush();
    const all = new Uint32Array(this.written);
    const bytes = new Uint8Array(all.buffer);
    for (let done = 0; done < bytes.length; ) {
      done += readSync(this.file!, bytes, done, Math.min(bytes.length - done, 1 << 30), done);
    }
    this.close();
    return all;
  }

  close(): void {
    if (this.file === undefined) return;
    closeSync(this.file);
    this.file = undefined;
    removeLeftovers(this.path);
  }
}

function findInPart(store: TextStore, sizes: FingerprintSizes, part: Uint32Array, found: FoundStretches): void {
  const members = listRepeated(part);
  const sameHash = (a: number, b: number) => part[a] === part[b] && part[a + 1] === part[b + 1];
  for (let begin = 0; begin < members.length; ) {
    let end = begin + 1;
    while (end < members.length && sameHash(members[begin]!, members[end]!)) end++;
    findInGroup(store, sizes, part, members.subarray(begin, end), found);
    begin = end;
  }
}

/** Where in the part the fingerprints begin whose hash occurs more than once: those of one hash together, in the order of places. */
function listRepeated(part: Uint32Array): Uint32Array {
  const count = part.length / words;
  let size = 1024;
  while (size < 2 * count) size *= 2;
  const slots = new Uint32Array(size);
  const isRepeated = new Uint8Array(count);
  let repeated = 0;
  for (let i = 0; i < count; i++) {
    const [first, second] = [part[i * words]!, part[i * words + 1]!];
    let slot = Math.imul(first ^ (second >>> 7), 0x9e3779b1) & (size - 1);
    for (; slots[slot] !== 0; slot = (slot + 1) & (size - 1)) {
      const other = slots[slot]! - 1;
      if (part[other * words] !== first || part[other * words + 1] !== second) continue;
      repeated += isRepeated[other] === 0 ? 2 : 1;
      isRepeated[other] = isRepeated[i] = 1;
      break;
    }
    if (slots[slot] === 0) slots[slot] = i + 1;
  }
  const members = new Uint32Array(repeated);
  for (let i = 0, used = 0; i < count; i++) if (isRepeated[i] === 1) members[used++] = i * words;
  return members.sort((a, b) => part[a]! - part[b]! || part[a + 1]! - part[b + 1]! || a - b);
}

/** Windows of one gram: what stood at an earlier place is found. */
function findInGroup(
  store: TextStore,
  { windowBytes, grams }: FingerprintSizes,
  part: Uint32Array,
  members: Uint32Array,
  found: FoundStretches,
): void {
  const windowsOf = (member: number) => part[member + 4]!;
  const total = members.reduce((sum, member) => sum + windowsOf(member), 0);
  const passes = Math.ceil(total / mostWindows);
  const own = Buffer.allocUnsafe(grams + windowBytes);
  const other = Buffer.allocUnsafe(grams + windowBytes);
  const hashes = new Float64Array(grams);
  for (let pass = 0; pass < passes; pass++) {
    /** Where a window of this hash began first. */
    const seen = new Map<number, number>();
    // Most of what occurs again is what the member before was: then all its windows are known.
    let last = Buffer.alloc(0);
    for (const member of members) {
      const place =
        part[member + 2]! + Math.floor(part[member + 3]! / 2 ** 16) * 2 ** 32 - (part[member + 3]! & 0xffff);
      const windows = windowsOf(member);
      const bytes = store.read(place, windows + windowBytes - 1, own);
      if (last.equals(bytes)) {
        if (pass === 0) found.add(place, bytes.length);
        continue;
      }
      last = Buffer.from(bytes);
      hashWindows(bytes, windowBytes, windows, hashes);
      for (let i = 0; i < windows; i++) {
        const hash = hashes[i]!;
        if (hash % passes !== pass) continue;
        const earlier = seen.get(hash);
        if (earlier === undefined) {
          seen.set(hash, place + i);
          continue;
        }
        const before = store.read(earlier, bytes.length - i, other);
        const equal = countEqual(bytes.subarray(i), before);
        // Another window of the same hash, which is as rare as it can be, stays.
        if (equal < windowBytes) continue;
        found.add(place + i, equal);
        i += equal - windowBytes;
      }
    }
  }
}

/** 52 bits of each window's content, as numbers. */
function hashWindows(bytes: Uint8Array, windowBytes: number, windows: number, out: Float64Array): void {
  let first = 0;
  let second = 0;
  let firstLeaving = 1;
  let secondLeaving = 1;
  for (let i = 0; i < windowBytes; i++) {
    first = (Math.imul(first, 0x0019660d) + bytes[i]!) | 0;
    second = (Math.imul(second, 0x41c64e6d) + bytes[i]!) | 0;
    firstLeaving = Math.imul(firstLeaving, 0x0019660d);
    secondLeaving = Math.imul(secondLeaving, 0x41c64e6d);
  }
  for (let at = 0; ; at++) {
    out[at] = (first >>> 0) * 2 ** 20 + (second >>> 12);
    if (at + 1 === windows) return;
    const [leaving, entering] = [bytes[at]!, bytes[at + windowBytes]!];
    first = (Math.imul(first, 0x0019660d) + entering - Math.imul(leaving, firstLeaving)) | 0;
    second = (Math.imul(second, 0x41c64e6d) + entering - Math.imul(leaving, secondLeaving)) | 0;
  }
}

function countEqual(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return i;
  return length;
}

/** What was found, in the order of hashes, put into the order of places. A stretch is one number: its place, then its length. */
class FoundStretches {
  private readonly lengths: number;
  private stretches = new Float64Array(1024);
  private count = 0;

  constructor({ windowBytes, grams }: FingerprintSizes) {
    this.lengths = 2 ** Math.ceil(Math.log2(windowBytes + grams + 1));
  }

  add(place: number, length: number): void {
    if (this.count === this.stretches.length) {
      const larger = new Float64Array(2 * this.count);
      larger.set(this.stretches);
      this.stretches = larger;
    }
    this.stretches[this.count++] = place * this.lengths + length;
  }

  merge(): Stretches {
    const sorted = this.stretches.subarray(0, this.count).sort();
    const starts: number[] = [];
    const ends: number[] = [];
    for (const stretch of sorted) {
      const start = Math.floor(stretch / this.lengths);
      const end = start + (stretch % this.lengths);
      const last = ends.length - 1;
      if (last >= 0 && start <= ends[last]!) ends[last] = Math.max(ends[last]!, end);
      else {
        starts.push(start);
        ends.push(end);
      }
    }
    return { starts: Float64Array.from(starts), ends: Float64Array.from(ends) };
  }
}

/**
 * A text without the stretches that lie in it, whole characters only: one that begins or ends in the middle of a character leaves
 * that. A space stands where two words would touch.
 */
export function cutStretches(text: Uint8Array, stretches: readonly (readonly [start: number, end: number])[]): string {
  const isInside = (at: number) => at < text.length && (text[at]! & 0xc0) === 0x80;
  const decoder = new TextDecoder();
  let kept = "";
  let from = 0;
  for (const [first, last] of [...stretches, [text.length, text.length] as const]) {
    let [start, end] = [first, last];
    while (start < end && isInside(start)) start++;
    while (end > start && isInside(end)) end--;
    const piece = decoder.decode(text.subarray(from, start));
    kept += kept !== "" && piece !== "" && /\S$/.test(kept) && /^\S/.test(piece) ? ` ${piece}` : piece;
    from = end;
  }
  return kept;
}
