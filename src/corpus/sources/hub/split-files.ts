// Which files of a repository are a split: by the patterns of its card, else by names, as the library `datasets` goes by them
// (data_files.py): as shards in data/, such as data/train-00000-of-00042; else by folders that are called after a split, and by files
// beside these that are; else all are for training.

import picomatch from "picomatch";
import type { Splits } from "./dataset-card.ts";

const keywords = {
  train: ["train", "training"],
  validation: ["validation", "valid", "dev", "val"],
  test: ["test", "testing", "eval", "evaluation"],
} as const;
const between = "-._ 0-9";
const sharded = /^data\/([^/]+)-\d{5}-of-\d{5}[^/]*\.[^/]*$/;

const patternsBy = (forms: (keyword: string) => string[]): Splits =>
  new Map(Object.entries(keywords).map(([split, words]) => [split, words.flatMap(forms)]));

const byFolder = patternsBy(word => [
  `**/${word}/**`,
  `**/${word}[${between}]*/**`,
  `**/*[${between}]${word}/**`,
  `**/*[${between}]${word}[${between}]*/**`,
]);
const byFile = patternsBy(word => [`**/${word}[${between}]*`, `**/*[${between}]${word}[${between}]*`]);

/** A test of paths by a pattern in which ** is any folders, * any name, [] a choice of characters. */
export function matchPaths(pattern: string): (path: string) => boolean {
  return picomatch(pattern.replace(/^\.\//, ""), { noextglob: true, nonegate: true });
}

/** The paths of each split that has some. */
export function groupBySplit(paths: readonly string[], splits: Splits): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const [split, patterns] of splits) {
    const tests = patterns.map(matchPaths);
    const found = paths.filter(path => tests.some(isMatch => isMatch(path)));
    if (found.length > 0) groups.set(split, found);
  }
  return groups;
}

/** The same where only the names of files say it. */
export function guessSplits(paths: readonly string[]): Map<string, string[]> {
  const byName = new Map<string, string[]>();
  for (const path of paths) {
    const split = sharded.exec(path)?.[1];
    if (split !== undefined) byName.set(split, [...(byName.get(split) ?? []), path]);
  }
  if (byName.size > 0) return byName;
  const groups = groupBySplit(paths, byFolder);
  const taken = new Set([...groups.values()].flat());
  // What lies in no such folder may be called after a split itself, as test.jsonl beside train/.
  for (const [split, found] of groupBySplit(
    paths.filter(path => !taken.has(path)),
    byFile,
  )) {
    groups.set(split, [...(groups.get(split) ?? []), ...found]);
  }
  return groups.size > 0 || paths.length === 0 ? groups : new Map([["train", [...paths]]]);
}

/** The folders at the beginning of a pattern in which nothing is left open: all that it finds is below. */
export function fixedFolder(pattern: string): string {
  const { base, isGlob } = picomatch.scan(pattern);
  return isGlob ? base : base.split("/").slice(0, -1).join("/");
}
