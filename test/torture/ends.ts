// What a verb's folder ends with, by the hashes of its files, times and places left out: equal where two ways led to the same end.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { contentHash } from "../../src/base/files/files.ts";
import { listCheckpoints } from "../../src/checkpoint/state.ts";

const listFiles = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name));

/** Bytes of the files below a folder, by whole blocks of a disk. */
export function countBytes(folder: string): number {
  return listFiles(folder).reduce((sum, path) => sum + 4096 + statSync(path).size, 0);
}

/** Says where the data set is, and copies lie elsewhere. */
const placeNames = ["data.json", "sweep.json"];

/** The files below a folder by the hash of what they say; of a run's checkpoints the newest. */
export function describeEnd(folder: string): Map<string, string> {
  const files = listFiles(folder)
    .filter(path => !placeNames.includes(basename(path)) && !isOldCheckpoint(path))
    .sort();
  return new Map(files.map(path => [path.slice(folder.length + 1), describeFile(path)]));
}

function isOldCheckpoint(path: string): boolean {
  const checkpoint = dirname(path);
  if (basename(dirname(checkpoint)) !== "checkpoints") return false;
  const newest = listCheckpoints(dirname(dirname(checkpoint))).at(-1);
  return basename(checkpoint) !== `step-${String(newest).padStart(8, "0")}`;
}

/** Names of values that differ between two runs of the same bits: times, and hashes over them. */
const passing =
  /^(elapsedSeconds|stepSeconds|stoppedSeconds|seconds|warmupSeconds|peakFlops|path|source|made|hash|sha256)$/;

function describeFile(path: string): string {
  const bytes = readFileSync(path);
  if (path.endsWith("events.jsonl")) {
    const events = bytes
      .toString("utf8")
      .trim()
      .split("\n")
      .map(line => JSON.parse(line) as { kind: string });
    // How often a run was started, and when it was saved, is no part of what it learned.
    return hashValues(events.filter(({ kind }) => ["step", "validation", "end"].includes(kind)));
  }
  if (/(checkpoint|result|scoreboard)\.json$/.test(path)) return hashValues(JSON.parse(bytes.toString("utf8")));
  // A sweep's last column is seconds.
  if (path.endsWith("table.csv")) return contentHash(bytes.toString("utf8").replace(/,[^,\n]*$/gm, ""));
  return contentHash(bytes);
}

const hashValues = (value: unknown) =>
  contentHash(JSON.stringify(value, (key, held: unknown) => (passing.test(key) ? undefined : held)));

/** The first file in which two ends differ; undefined where none does. */
export function compareEnds(
  expected: ReadonlyMap<string, string>,
  seen: ReadonlyMap<string, string>,
): string | undefined {
  const missing = [...expected.keys()].find(name => !seen.has(name));
  if (missing !== undefined) return `${missing} is missing`;
  const extra = [...seen.keys()].find(name => !expected.has(name));
  if (extra !== undefined) return `${extra} is left over`;
  const other = [...expected].find(([name, hash]) => seen.get(name) !== hash);
  return other === undefined ? undefined : `${other[0]} has other content`;
}
