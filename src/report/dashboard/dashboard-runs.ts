// The runs that a dashboard shows, kept up to date: new folders are found, files are followed. All in short pieces of work, so
// that the server answers between them, and fairly, so that a run that trains is shown while long files are still read.

import { join } from "node:path";
import { setImmediate as passOn, setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../../base/clock.ts";
import { describeTrouble } from "../runs/check.ts";
import { EventsTail } from "../runs/events-tail.ts";
import { findRuns } from "../runs/find-runs.ts";
import { type RecipeFacts, type RunRecord, readSurroundings } from "../runs/run-record.ts";

export interface WatchedRun {
  readonly name: string;
  readonly folder: string;
  readonly tail: EventsTail;
  /** All that the charts and tables show; of a run whose files cannot be read what there is. */
  readRecord(): RunRecord;
  /** Why something is missing from the record. */
  readonly trouble: string | undefined;
  /** Notes why it cannot be shown. */
  refuse(error: unknown): void;
}

export interface RunWatch {
  readonly runs: ReadonlyMap<string, WatchedRun>;
  /** False where there are more runs than are shown. */
  readonly isComplete: boolean;
  /** Follows the files until the signal. */
  follow(signal: AbortSignal): Promise<void>;
}

export interface WatchOptions {
  readonly folder: string;
  readonly clock: Clock;
  /** What is known of the recipe of the run in this folder; nothing where it cannot be read. */
  readonly readRecipeFacts: (folder: string) => RecipeFacts;
}

const mostRuns = 1000;
const secondsBetweenLooks = 1;
const secondsBetweenSearches = 2;
/** Of one run before the next one's turn: 4 MiB. */
const blocksInTurn = 16;

export function watchRuns({ folder, clock, readRecipeFacts }: WatchOptions): RunWatch {
  const runs = new Map<string, WatchedRun>();
  let isComplete = true;
  let searched = Number.NEGATIVE_INFINITY;
  const search = () => {
    if (clock.seconds() - searched < secondsBetweenSearches) return;
    searched = clock.seconds();
    let found: ReturnType<typeof findRuns>;
    try {
      found = findRuns(folder, mostRuns);
    } catch {
      return; // Too many files are open: the runs are still there.
    }
    isComplete = found.isComplete;
    const names = new Set(found.runs.map(({ name }) => name));
    for (const name of runs.keys()) if (!names.has(name)) runs.delete(name);
    for (const run of found.runs) {
      if (!runs.has(run.name)) runs.set(run.name, watchRun(run, clock, readRecipeFacts));
    }
  };
  /** Whether some file has more. */
  const readTurns = async (signal: AbortSignal): Promise<boolean> => {
    let isMore = false;
    const newestFirst = [...runs.values()].sort((a, b) => b.tail.changedSeconds - a.tail.changedSeconds);
    for (const { tail } of newestFirst) {
      let isBehind = true;
      for (let i = 0; i < blocksInTurn && isBehind && !signal.aborted; i++) {
        isBehind = tail.readSome();
        if (isBehind) await passOn();
      }
      isMore ||= isBehind;
    }
    return isMore;
  };
  return {
    runs,
    get isComplete() {
      return isComplete;
    },
    follow: async signal => {
      while (!signal.aborted) {
        search();
        const isMore = await readTurns(signal);
        if (!isMore) await sleep(1000 * secondsBetweenLooks, undefined, { signal }).catch(() => undefined);
      }
    },
  };
}

const nothingAround: ReturnType<typeof readSurroundings> = {
  recipe: new Map(),
  flopsPerToken: undefined,
  data: { folder: "", dataset: undefined, funnel: undefined },
  fills: [],
  evaluations: { finished: [], unfinished: [] },
  troubles: [],
};
const secondsOfSurroundings = 5;

function watchRun(
  { name, folder }: { name: string; folder: string },
  clock: Clock,
  readRecipeFacts: WatchOptions["readRecipeFacts"],
): WatchedRun {
  const tail = new EventsTail(join(folder, "events.jsonl"));
  let around = nothingAround;
  let trouble: string | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  const refresh = () => {
    if (clock.seconds() - readAt < secondsOfSurroundings) return;
    readAt = clock.seconds();
    try {
      around = readSurroundings(folder, readRecipeFacts(folder));
      trouble = around.troubles.length === 0 ? undefined : around.troubles.join("; ");
    } catch (error) {
      trouble = describeTrouble(error);
    }
  };
  return {
    name,
    folder,
    tail,
    readRecord: () => {
      refresh();
      return {
        name,
        folder,
        // Only when asked for: it costs some milliseconds where the file has grown.
        get curves() {
          return tail.curves;
        },
        ...around,
      };
    },
    get trouble() {
      return tail.failure?.message ?? trouble;
    },
    refuse: error => {
      trouble = describeTrouble(error);
    },
  };
}
