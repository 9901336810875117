// `planted`: duplicates of three kinds are planted among texts, and it is counted which are found and what else goes. What is right is
// told by other means than deduplication's own: sets of words, and a search for bytes.

import { RandomSequence, streams } from "../../src/base/random.ts";
import { SeenTexts } from "../../src/corpus/deduplication/equal-texts.ts";
import { findNearDuplicates } from "../../src/corpus/deduplication/near-duplicates.ts";
import { findRepeatedStretches } from "../../src/corpus/deduplication/repeated-stretches.ts";
import { holdTexts } from "../../test/corpus-texts.ts";
import { makeTemporaryFolder } from "../folder.ts";
import { formatFigure, type Reporter } from "../report.ts";
import { readTexts } from "./texts.ts";

export interface PlantedOptions {
  /** .jsonl or .jsonl.gz with a field "text". */
  readonly files: readonly string[];
  /** Of each kind. */
  readonly count: number;
}

const leastJaccard = 0.8;
const leastBytes = 100;

export function benchPlanted({ files, count }: PlantedOptions, reporter: Reporter): void {
  const texts = [...new Set(files.flatMap(readTexts))].filter(text => listWords(text).length >= 50);
  const random = new RandomSequence(0, streams.sampling, 0);
  const workFolder = makeTemporaryFolder();
  const rows = [
    plantEqual(texts, count, random),
    ...plantNear(texts, count, random, workFolder),
    plantStretches(texts, count, random, workFolder),
  ].map(({ what, planted, found, removed, falsely }) => {
    const recall = found / planted;
    reporter.record({ benchmark: "planted", what, planted, found, recall, removed, falsely });
    return [
      what,
      ...[planted, found].map(String),
      `${formatFigure(100 * recall)} %`,
      ...[removed, falsely].map(String),
    ];
  });
  reporter.heading(`Planted in ${texts.length} texts`);
  reporter.table(["", "planted", "found", "recall", "removed in all", "falsely"], rows);
}

interface Result {
  readonly what: string;
  readonly planted: number;
  readonly found: number;
  readonly removed: number;
  readonly falsely: number;
}

function plantEqual(texts: readonly string[], count: number, random: RandomSequence): Result {
  const copies = Array.from({ length: count }, () => texts[random.below(texts.length)]!);
  const seen = new SeenTexts();
  const falsely = texts.filter(text => seen.take(text) === undefined).length;
  const found = copies.filter(text => seen.take(text) === undefined).length;
  return { what: "documents", planted: count, found, removed: found + falsely, falsely };
}

/** Copies with some of their words replaced, of every similarity. */
function plantNear(texts: readonly string[], count: number, random: RandomSequence, workFolder: string): Result[] {
  const copies = Array.from({ length: count }, () => {
    const of = random.below(texts.length);
    const share = 0.08 * random.uniform();
    const text = texts[of]!.replace(/\S+/g, word => (random.uniform() < share ? `w${random.below(1e6)}` : word));
    return { of, text };
  });
  const all = [...texts, ...copies.map(({ text }) => text)];
  const dropped = findNearDuplicates(holdTexts(all), { leastJaccard, workFolder });
  const shingles = all.map(listShingles);
  const nearest = findNearest(shingles, dropped);
  const planted = copies.map(({ of }, i) => ({
    index: compare(shingles[of]!, shingles[texts.length + i]!),
    isFound: dropped[texts.length + i] === 1,
  }));
  const bands = [leastJaccard, 0.85, 0.9, 0.95, 1.01];
  const removed = dropped.reduce((sum, one) => sum + one, 0);
  const falsely = [...nearest.values()].filter(index => index < leastJaccard).length;
  return bands.slice(1).map((to, i) => {
    const from = bands[i]!;
    const own = planted.filter(({ index }) => index >= from && index < to);
    const found = own.filter(({ isFound }) => isFound).length;
    return { what: `Jaccard from ${from} to ${Math.min(1, to)}`, planted: own.length, found, removed, falsely };
  });
}

/** Of every text that was dropped how near the nearest earlier one is, by the shingles themselves. */
function findNearest(shingles: readonly ReadonlySet<string>[], dropped: Uint8Array): ReadonlyMap<number, number> {
  const textsOf = new Map<string, number[]>();
  const nearest = new Map<number, number>();
  for (const [text, own] of shingles.entries()) {
    const common = new Map<number, number>();
    for (const shingle of own) {
      const others = textsOf.get(shingle) ?? [];
      if (dropped[text] === 1) for (const other of others) common.set(other, (common.get(other) ?? 0) + 1);
      others.push(text);
      textsOf.set(shingle, others);
    }
    if (dropped[text] !== 1) continue;
    const indexes = [...common].map(([other, equal]) => equal / (own.size + shingles[other]!.size - equal));
    nearest.set(text, Math.max(0, ...indexes));
  }
  return nearest;
}

const listWords = (text: string) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

function listShingles(text: string): ReadonlySet<string> {
  const words = listWords(text);
  return new Set(words.slice(0, -4).map((_, i) => words.slice(i, i + 5).join(" ")));
}

function compare(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  const common = [...a].filter(shingle => b.has(shingle)).length;
  return common / (a.size + b.size - common);
}

/** Pieces of texts between the words of later ones. */
function plantStretches(texts: readonly string[], count: number, random: RandomSequence, workFolder: string): Result {
  const changed = texts.map(text => Buffer.from(text));
  const targets = new Set<number>();
  while (targets.size < Math.min(count, texts.length / 2)) targets.add(1 + random.below(texts.length - 1));
  // In their order, so that nothing is put into a piece that was taken already.
  const pieces = [...targets]
    .sort((a, b) => a - b)
    .map(into => {
      const from = changed[random.below(into)]!;
      const length = Math.min(from.length, leastBytes + random.below(300));
      const start = random.below(from.length - length + 1);
      const piece = Buffer.from(from.subarray(start, start + length));
      const at = random.below(changed[into]!.length);
      changed[into] = Buffer.concat([changed[into]!.subarray(0, at), piece, changed[into]!.subarray(at)]);
      return { into, piece };
    });
  // As bytes, for a piece may begin within a character.
  const places = holdTexts(
    changed.map(bytes => bytes.toString("latin1")).map(text => text.replace(/[\x80-\xff]/g, "?")),
  );
  const whole = places.read(0, places.byteLength);
  const stretches = findRepeatedStretches(places, { leastBytes, workFolder });
  const removed = [...stretches];
  stretches.close();
  const falsely = removed.filter(([start, end]) => !isCovered(whole, start, end)).length;
  const found = pieces.filter(({ into, piece }) => {
    const text = Buffer.from(piece.toString("latin1").replace(/[\x80-\xff]/g, "?"));
    const at = places.startOf(into) + places.readText(into).indexOf(text);
    return removed.some(([start, end]) => start <= at && end >= at + text.length);
  }).length;
  return { what: `stretches of ${leastBytes} bytes`, planted: pieces.length, found, removed: removed.length, falsely };
}

/** Whether every byte of a stretch is within some window of it that stands earlier, too. */
function isCovered(whole: Buffer, start: number, end: number): boolean {
  const isRepeated = (at: number) => whole.indexOf(whole.subarray(at, at + leastBytes)) < at;
  for (let covered = start; covered < end; ) {
    let at = Math.min(covered, end - leastBytes);
    while (at >= start && at + leastBytes > covered && !isRepeated(at)) at--;
    if (at < start || at + leastBytes <= covered) return false;
    covered = at + leastBytes;
  }
  return true;
}
