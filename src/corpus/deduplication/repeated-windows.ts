// Among fingerprints of the same gram the windows whose bytes stood at an earlier place. The bytes around the grams of many groups are
// brought into memory together, in the order of places, so that the texts are read in large pieces where grams lie near to each other.

import type { RepeatedGrams } from "./fingerprint-part.ts";
import type { FingerprintSizes } from "./fingerprints.ts";
import type { TextPlaces } from "./text-places.ts";

/** Told where a stretch begins that stood before, and its bytes: one for each run of windows. */
export type OnStretch = (place: number, length: number) => void;

/** The bytes around the grams of a group, member by member. */
interface Contexts {
  readonly bytes: Uint8Array;
  /** Where in `bytes` those of a member lie, until another is asked for. */
  ownAt(member: number): number;
  /** The same of an earlier member, beside the other. */
  earlierAt(member: number): number;
}

/**
 * Tells every stretch of windows that stood before, of all groups of a part. Contexts of at most `memoryBytes` are held, and half as
 * much of windows that were seen.
 */
export function findRepeatedWindows(
  texts: TextPlaces,
  sizes: FingerprintSizes,
  grams: RepeatedGrams,
  memoryBytes: number,
  tell: OnStretch,
): void {
  const { ends, members } = grams;
  const lengthOf = (member: number) => grams.windowsOf(members[member]!) + sizes.windowBytes - 1;
  const finder = new WindowFinder(sizes, grams, memoryBytes / 2, tell);
  const held = new HeldContexts(texts, grams, sizes, Math.min(memoryBytes, texts.byteLength + sizes.windowBytes));
  for (let group = 0; group < ends.length; ) {
    const begin = group === 0 ? 0 : ends[group - 1]!;
    let [last, end, bytes] = [group, begin, 0];
    for (; last < ends.length; last++) {
      let more = 0;
      for (let member = end; member < ends[last]!; member++) more += lengthOf(member);
      if (bytes + more > held.byteLength) break;
      bytes += more;
      end = ends[last]!;
    }
    if (last === group) {
      finder.findInGroup(begin, ends[group]!, readEach(texts, grams, sizes));
      group++;
      continue;
    }
    held.fill(group, last);
    for (; group < last; group++) finder.findInGroup(group === 0 ? 0 : ends[group - 1]!, ends[group]!, held);
  }
}

/** The contexts of as many groups as there is room for, those of a group together. */
class HeldContexts implements Contexts {
  readonly bytes: Buffer;
  readonly byteLength: number;
  private readonly texts: TextPlaces;
  private readonly grams: RepeatedGrams;
  private readonly windowBytes: number;
  private first = 0;
  private starts = new Uint32Array(0);

  constructor(texts: TextPlaces, grams: RepeatedGrams, { windowBytes }: FingerprintSizes, byteLength: number) {
    this.texts = texts;
    this.grams = grams;
    this.windowBytes = windowBytes;
    this.byteLength = byteLength;
    this.bytes = Buffer.allocUnsafeSlow(byteLength);
  }

  /** Reads those of the groups from `from` up to `to`. */
  fill(from: number, to: number): void {
    const { grams, windowBytes } = this;
    const { ends, members, groupOf } = grams;
    this.first = from === 0 ? 0 : ends[from - 1]!;
    const count = ends[to - 1]! - this.first;
    this.starts = new Uint32Array(count);
    const next = new Uint32Array(to - from);
    for (let group = from, start = 0, member = this.first; group < to; group++) {
      next[group - from] = member - this.first;
      for (; member < ends[group]!; member++) {
        this.starts[member - this.first] = start;
        start += grams.windowsOf(members[member]!) + windowBytes - 1;
      }
    }
    const reader = new NearReader(this.texts);
    for (let fingerprint = 0; fingerprint < groupOf.length; fingerprint++) {
      const group = groupOf[fingerprint]! - 1;
      if (group < from || group >= to) continue;
      const length = grams.windowsOf(fingerprint) + windowBytes - 1;
      reader.read(grams.placeOf(fingerprint), length, this.bytes, this.starts[next[group - from]!++]!);
    }
  }

  ownAt(member: number): number {
    return this.starts[member - this.first]!;
  }

  earlierAt(member: number): number {
    return this.starts[member - this.first]!;
  }
}

const blockBytes = 2 ** 18;
/** What is further away than this is read by itself. */
const nearBytes = 2 ** 15;

/** Reads places that ascend: a block at once where they lie near to each other. */
class NearReader {
  private readonly texts: TextPlaces;
  private block: Buffer = Buffer.alloc(0);
  private blockStart = 0;
  private before = Number.NEGATIVE_INFINITY;
  private readonly room = Buffer.allocUnsafeSlow(blockBytes);

  constructor(texts: TextPlaces) {
    this.texts = texts;
  }

  read(place: number, length: number, into: Buffer, at: number): void {
    const isNear = place - this.before < nearBytes;
    this.before = place;
    if (place + length > this.blockStart + this.block.length) {
      if (!isNear || length > blockBytes) {
        this.texts.read(place, length, into.subarray(at, at + length));
        return;
      }
      this.block = this.texts.read(place, blockBytes, this.room);
      this.blockStart = place;
    }
    const from = place - this.blockStart;
    this.block.copy(into, at, from, from + length);
  }
}

/** Of a group whose contexts there is no room for: each is read when it is asked for. */
function readEach(texts: TextPlaces, grams: RepeatedGrams, { windowBytes, grams: most }: FingerprintSizes): Contexts {
  const longest = most + windowBytes;
  const bytes = Buffer.allocUnsafe(2 * longest);
  const read = (member: number, at: number) => {
    const fingerprint = grams.members[member]!;
    const length = grams.windowsOf(fingerprint) + windowBytes - 1;
    texts.read(grams.placeOf(fingerprint), length, bytes.subarray(at, at + length));
    return at;
  };
  return { bytes, ownAt: member => read(member, 0), earlierAt: member => read(member, longest) };
}

/** A slot: two words of a window's hash, its member counted from 1, where in the member it begins. */
const slotWords = 4;
/** A table is at least half empty, and one of several twice that. */
const bytesPerWindow = 16 * slotWords;

/** Finds windows in groups, one after another; owns the table of those that were seen. */
class WindowFinder {
  private readonly windowBytes: number;
  private readonly grams: RepeatedGrams;
  private readonly tell: OnStretch;
  private readonly mostWindows: number;
  private readonly firsts: Int32Array;
  private readonly seconds: Int32Array;
  private slots = new Int32Array(slotWords << 8);

  constructor(
    { windowBytes, grams: most }: FingerprintSizes,
    grams: RepeatedGrams,
    memoryBytes: number,
    tell: OnStretch,
  ) {
    this.windowBytes = windowBytes;
    this.mostWindows = Math.max(1, memoryBytes / bytesPerWindow);
    this.grams = grams;
    this.tell = tell;
    this.firsts = new Int32Array(most);
    this.seconds = new Int32Array(most);
  }

  /** A group of more windows than there is room for is gone through several times, each time for some of the hashes. */
  findInGroup(begin: number, end: number, contexts: Contexts): void {
    let total = 0;
    for (let member = begin; member < end; member++) total += this.grams.windowsOf(this.grams.members[member]!);
    const passes = Math.ceil(total / this.mostWindows);
    let size = 256;
    while (size < (2 * total) / passes) size *= 2;
    // A pass may have more of the hashes than its share.
    if (passes > 1) size *= 2;
    if (slotWords * size > this.slots.length) this.slots = new Int32Array(slotWords * size);
    for (let pass = 0; pass < passes; pass++) {
      this.slots.fill(0, 0, slotWords * size);
      this.findInPass(begin, end, contexts, size - 1, pass, passes);
    }
  }

  private findInPass(begin: number, end: number, contexts: Contexts, mask: number, pass: number, passes: number): void {
    const { windowBytes, grams, firsts, seconds, slots, tell } = this;
    const { bytes } = contexts;
    let lastLength = 0;
    for (let member = begin; member < end; member++) {
      const fingerprint = grams.members[member]!;
      const windows = grams.windowsOf(fingerprint);
      const place = grams.placeOf(fingerprint);
      const length = windows + windowBytes - 1;
      const own = contexts.ownAt(member);
      // Most of what occurs again is what the member before was: then all its windows are known.
      if (lastLength === length && countEqual(bytes, own, contexts.earlierAt(member - 1), length) === length) {
        if (pass === 0) tell(place, length);
        continue;
      }
      lastLength = length;
      hashWindows(bytes, own, windowBytes, windows, firsts, seconds);
      for (let i = 0; i < windows; i++) {
        const [first, second] = [firsts[i]!, seconds[i]!];
        if (passes > 1 && (second >>> 0) % passes !== pass) continue;
        let slot = (first & mask) * slotWords;
        while (slots[slot + 2] !== 0 && (slots[slot] !== first || slots[slot + 1] !== second)) {
          slot = (slot + slotWords) & (mask * slotWords + slotWords - 1);
        }
        if (slots[slot + 2] === 0) {
          slots[slot] = first;
          slots[slot + 1] = second;
          slots[slot + 2] = member + 1;
          slots[slot + 3] = i;
          continue;
        }
        const [earlier, offset] = [slots[slot + 2]! - 1, slots[slot + 3]!];
        const rest = grams.windowsOf(grams.members[earlier]!) + windowBytes - 1 - offset;
        const equal = countEqual(bytes, own + i, contexts.earlierAt(earlier) + offset, Math.min(length - i, rest));
        // Another window of the same hash, which is as rare as it can be, stays.
        if (equal < windowBytes) continue;
        tell(place + i, equal);
        i += equal - windowBytes;
      }
    }
  }
}

/** 64 bits of each window's content. */
function hashWindows(
  bytes: Uint8Array,
  from: number,
  windowBytes: number,
  windows: number,
  firsts: Int32Array,
  seconds: Int32Array,
): void {
  let first = 0;
  let second = 0;
  let firstLeaving = 1;
  let secondLeaving = 1;
  for (let i = 0; i < windowBytes; i++) {
    first = (Math.imul(first, 0x0019660d) + bytes[from + i]!) | 0;
    second = (Math.imul(second, 0x41c64e6d) + bytes[from + i]!) | 0;
    firstLeaving = Math.imul(firstLeaving, 0x0019660d);
    secondLeaving = Math.imul(secondLeaving, 0x41c64e6d);
  }
  for (let at = 0; ; at++) {
    firsts[at] = first ^ (first >>> 15);
    seconds[at] = second;
    if (at + 1 === windows) return;
    const leaving = bytes[from + at]!;
    const entering = bytes[from + at + windowBytes]!;
    first = (Math.imul(first, 0x0019660d) + entering - Math.imul(leaving, firstLeaving)) | 0;
    second = (Math.imul(second, 0x41c64e6d) + entering - Math.imul(leaving, secondLeaving)) | 0;
  }
}

function countEqual(bytes: Uint8Array, a: number, b: number, most: number): number {
  for (let i = 0; i < most; i++) if (bytes[a + i] !== bytes[b + i]) return i;
  return most;
}
