// Stretches of at least k bytes that stood in the corpus before (Lee et al. 2022, "Deduplicating Training Data Makes Language Models
// Better", §4.1), exactly: a byte is in one if some k bytes around it, within one text, begin at an earlier place as well. Instead of
// a suffix array of the whole corpus there are fingerprints on disk, parted by hash, so that one part fits into memory; of those
// that occur twice the windows themselves are compared, byte by byte.

import { join } from "node:path";
import { FingerprintPart, fingerprintBytes } from "./fingerprint-part.ts";
import { chooseFingerprints, type FingerprintSizes, sizeFingerprints } from "./fingerprints.ts";
import { NumberFile } from "./number-file.ts";
import { findRepeatedWindows } from "./repeated-windows.ts";
import type { TextPlaces } from "./text-places.ts";

export interface StretchOptions {
  /** k. */
  readonly leastBytes: number;
  /** An empty folder for parts, on a disk with room for nearly as much as the corpus. */
  readonly workFolder: string;
  /** All that is held, about; default 256 MiB. */
  readonly memoryBytes?: number;
  /** Told the share that is done, 0 to 1. */
  readonly onProgress?: (share: number) => void;
}

/** Places [start, end) among the texts, ascending, none touching the next: on disk until they are closed. */
export interface Stretches {
  [Symbol.iterator](): Iterator<readonly [start: number, end: number]>;
  close(): void;
}

/** The stretches of all texts that are to go, so that the first occurrence of each stays. UserError E_DISK_FULL. */
export function findRepeatedStretches(texts: TextPlaces, options: StretchOptions): Stretches {
  const { leastBytes, workFolder, memoryBytes = 2 ** 28, onProgress } = options;
  const sizes = sizeFingerprints(leastBytes);
  const expectedBytes = (fingerprintBytes * 2 * texts.byteLength) / (sizes.grams + 1);
  // A part takes an eighth, what brings its repeated hashes together another, and windows that were seen a quarter. What is around grams has
  // half: the more of them are brought at once, the nearer they lie to each other.
  const partCount = Math.min(4096, Math.max(1, Math.ceil((8 * expectedBytes) / memoryBytes)));
  const parts = Array.from({ length: partCount }, (_, i) => new FingerprintPart(join(workFolder, `part-${i}`)));
  const found = new FoundStretches(sizes, texts.byteLength, workFolder);
  try {
    writeFingerprints(texts, sizes, parts, share => onProgress?.(share / 2));
    for (const [i, part] of parts.entries()) {
      findRepeatedWindows(texts, sizes, part.take(), memoryBytes / 2, (place, length) => found.add(place, length));
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
  parts: readonly FingerprintPart[],
  onProgress: (share: number) => void,
): void {
  let room = Buffer.allocUnsafeSlow(1 << 16);
  for (let text = 0; text < texts.textCount; text++) {
    if (texts.isDropped(text)) continue;
    const start = texts.startOf(text);
    const length = texts.startOf(text + 1) - 1 - start;
    if (length > room.length) room = Buffer.allocUnsafeSlow(2 * length);
    chooseFingerprints(texts.read(start, length, room), sizes, (first, second, at, window, windows) => {
      const part = parts[((second >>> 8) ^ (first >>> 20)) % parts.length]!;
      part.add(first, second, start + at, at - window, windows);
    });
    if (text % 1024 === 0) onProgress(start / texts.byteLength);
  }
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
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const kept: string[] = [];
  let from = 0;
  for (const [first, last] of [...stretches, [text.length, text.length] as const]) {
    let [start, end] = [first, last];
    while (start < end && isInside(start)) start++;
    while (end > start && isInside(end)) end--;
    const piece = decoder.decode(text.subarray(from, start));
    const touches = /\S/.test(kept.at(-1)?.at(-1) ?? "") && /^\S/.test(piece);
    if (piece !== "") kept.push(touches ? ` ${piece}` : piece);
    from = end;
  }
  return kept.join("");
}
