// Stretches of at least k bytes that stood in the corpus before (Lee et al. 2022, "Deduplicating Training Data Makes Language Models
// Better", §4.1), exactly: a byte is in one if some k bytes around it, within one text, begin at an earlier place as well. Instead of
// a suffix array of the whole corpus there are fingerprints on disk, parted by hash, so that one part fits into memory; of those
// that occur twice the windows themselves are compared, byte by byte.

import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { explainWriteFailure, writeFully } from "../../base/files/files.ts";
import { removeLeftovers } from "../../base/files/leftovers.ts";
import { chooseFingerprints, type FingerprintSizes, sizeFingerprints } from "./fingerprints.ts";
import { NumberFile } from "./number-file.ts";
import type { TextPlaces } from "./text-places.ts";

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

/** Places [start, end) among the texts, ascending, none touching the next: on disk until they are closed. */
export interface Stretches {
  [Symbol.iterator](): Iterator<readonly [start: number, end: number]>;
  close(): void;
}

/** Words of a fingerprint in a part: two of the hash, the place in 48 bits, from where in it the first window, how many windows. */
const words = 5;
const bufferedWords = words << 11;
/** A group with more windows is gone through several times, each time for some of the hashes. */
const mostWindows = 1 << 22;

/** The stretches of all texts that are to go, so that the first occurrence of each stays. UserError E_DISK_FULL. */
export function findRepeatedStretches(texts: TextPlaces, options: StretchOptions): Stretches {
  const { leastBytes, workFolder, memoryBytes = 2 ** 28, onProgress } = options;
  const sizes = sizeFingerprints(leastBytes);
  const expectedBytes = (4 * words * 2 * texts.byteLength) / (sizes.grams + 1);
  // A part takes its own bytes, and three times as much for what finds its repeated hashes.
  const partCount = Math.min(4096, Math.max(1, Math.ceil((4 * expectedBytes) / memoryBytes)));
  const parts = Array.from({ length: partCount }, (_, i) => new Part(join(workFolder, `part-${i}`)));
  const found = new FoundStretches(sizes, texts.byteLength, workFolder);
  try {
    writeFingerprints(texts, sizes, parts, share => onProgress?.(share / 2));
    for (const [i, part] of parts.entries()) {
      findInPart(texts, sizes, part.take(), found);
      onProgress?.(0.5 + (i + 1) / parts.length / 2);
    }
    return found.merge(join(workFolder, "stretches"));
  } finally {
    for (const part of parts) part.close();
    found.close();
  }
}

function writeFingerprints(
  texts: TextPlaces,
  sizes: FingerprintSizes,
  parts: readonly Part[],
  onProgress: (share: number) => void,
): void {
  for (let text = 0; text < texts.textCount; text++) {
    if (texts.isDropped(text)) continue;
    const start = texts.startOf(text);
    chooseFingerprints(texts.readText(text), sizes, (first, second, at, window, windows) => {
      const part = parts[((second >>> 8) ^ (first >>> 20)) % parts.length]!;
      part.add(first, second, start + at, at - window, windows);
    });
    if (text % 1024 === 0) onProgress(start / texts.byteLength);
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
    try {
      writeFully(this.file!, new Uint8Array(this.waiting.buffer, 0, 4 * this.used));
    } catch (error) {
      throw explainWriteFailure(error, this.path);
    }
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

function findInPart(texts: TextPlaces, sizes: FingerprintSizes, part: Uint32Array, found: FoundStretches): void {
  const members = listRepeated(part);
  const sameHash = (a: number, b: number) => part[a] === part[b] && part[a + 1] === part[b + 1];
  for (let begin = 0; begin < members.length; ) {
    let end = begin + 1;
    while (end < members.length && sameHash(members[begin]!, members[end]!)) end++;
    findInGroup(texts, sizes, part, members.subarray(begin, end), found);
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
  texts: TextPlaces,
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
      const bytes = texts.read(place, windows + windowBytes - 1, own);
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
        const before = texts.read(earlier, bytes.length - i, other);
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
  private readonly bucketBytes: number;
  private readonly buckets: readonly NumberFile[];

  constructor({ windowBytes, grams }: FingerprintSizes, byteLength: number, workFolder: string) {
    this.lengths = 2 ** Math.ceil(Math.log2(windowBytes + grams + 1));
    const count = Math.min(1024, Math.max(1, Math.ceil(byteLength / 2 ** 24)));
    this.bucketBytes = Math.max(1, Math.ceil(byteLength / count));
    this.buckets = Array.from({ length: count }, (_, i) => new NumberFile(join(workFolder, `found-${i}`)));
  }

  add(place: number, length: number): void {
    this.buckets[Math.floor(place / this.bucketBytes)]!.add(place * this.lengths + length);
  }

  merge(path: string): Stretches {
    const merged = new NumberFile(path);
    let [start, end] = [-1, -1];
    for (const bucket of this.buckets) {
      for (const stretch of bucket.take().sort()) {
        const place = Math.floor(stretch / this.lengths);
        const last = place + (stretch % this.lengths);
        if (place <= end) {
          if (last > end) end = last;
          continue;
        }
        if (end >= 0) {
          merged.add(start);
          merged.add(end);
        }
        [start, end] = [place, last];
      }
    }
    if (end >= 0) {
      merged.add(start);
      merged.add(end);
    }
    return { [Symbol.iterator]: () => pairNumbers(merged), close: () => merged.close() };
  }

  close(): void {
    for (const bucket of this.buckets) bucket.close();
  }
}

function* pairNumbers(numbers: Iterable<number>): Generator<readonly [number, number]> {
  let first: number | undefined;
  for (const number of numbers) {
    if (first === undefined) first = number;
    else {
      yield [first, number];
      first = undefined;
    }
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
