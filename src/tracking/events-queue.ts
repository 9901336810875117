// What a tracking server has not been sent yet: the lines of events.jsonl behind a place. The file is the queue, so a server
// that is gone for hours costs no memory, and what it missed is still there when the run is resumed.

import { closeSync, existsSync, readSync } from "node:fs";
import { openForReading } from "../base/files/files.ts";
import type { TrainingEvent } from "../train/events.ts";

const blockBytes = 1 << 17;

export interface QueuedEvents {
  readonly events: readonly { readonly event: TrainingEvent /** Behind its line. */; readonly end: number }[];
  /** Whether the file goes on behind them. */
  readonly isMore: boolean;
}

/** The events of whole lines from a place in the file on, of some hundred steps at most; none where there is no file. */
export function readQueued(path: string, offset: number): QueuedEvents {
  if (!existsSync(path)) return { events: [], isMore: false };
  const file = openForReading(path, "run's events");
  try {
    const block = Buffer.allocUnsafe(blockBytes);
    const count = readSync(file, block, 0, blockBytes, offset);
    const events: { event: TrainingEvent; end: number }[] = [];
    let begin = 0;
    for (let end = block.indexOf(10); end !== -1 && end < count; end = block.indexOf(10, begin)) {
      events.push({ event: JSON.parse(block.toString("utf8", begin, end)) as TrainingEvent, end: offset + end + 1 });
      begin = end + 1;
    }
    return { events, isMore: count === blockBytes && begin > 0 };
  } finally {
    closeSync(file);
  }
}
