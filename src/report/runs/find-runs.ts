// Where runs are: every folder below one that holds events.jsonl. Links are not followed, hidden folders and what is inside a
// run are not looked at.

import type { Dirent } from "node:fs";
import { basename, join, relative, resolve, sep } from "node:path";
import { listFolder } from "../../base/files/files.ts";

export interface FoundRun {
  /** The path from the folder that was searched, with "/"; of that folder itself its own name. */
  readonly name: string;
  readonly folder: string;
}

const mostFolders = 10_000;

/**
 * In no particular order. `isComplete` is false where there were too many folders to look into, or too many runs; E_FILE_UNREADABLE
 * where the system could not look for want of open files, which is no answer.
 */
export function findRuns(folder: string, mostRuns: number): { runs: FoundRun[]; isComplete: boolean } {
  const root = resolve(folder);
  const waiting = [root];
  const runs: FoundRun[] = [];
  let looked = 0;
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (++looked > mostFolders || runs.length > mostRuns) return { runs: runs.slice(0, mostRuns), isComplete: false };
    const entries = listEntries(path);
    if (entries.some(entry => entry.name === "events.jsonl" && entry.isFile())) {
      runs.push({ name: relative(root, path).split(sep).join("/") || basename(root), folder: path });
      continue;
    }
    for (const entry of entries) {
      if (entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules") {
        waiting.push(join(path, entry.name));
      }
    }
  }
  return { runs, isComplete: true };
}

/** A folder that may not be read, or is gone meanwhile, holds nothing. */
function listEntries(path: string): Dirent[] {
  try {
    return listFolder(path, "folder of runs");
  } catch (error) {
    if (/\b(EMFILE|ENFILE)\b/.test(String(error))) throw error;
    return [];
  }
}
