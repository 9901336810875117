// What a tracking server has not been sent yet: the lines of events.jsonl behind a place. The file is the queue, so a server
// that is gone for hours costs no memory, and what it missed is still there when the run is resumed.

import { existsSync } from "node:fs";
import type { TrainingEvent } from "../events/event.ts";
import { createEventReader, openEvents } from "../events/event-reader.ts";

const blockBytes = 1 << 17;

export interface QueuedEvents {
  readonly events: readonly { readonly event: TrainingEvent /** Behind its line. */; readonly end: number }[];
  /** Whether the file goes on behind them. */
  readonly isMore: boolean;
}

/** The events of whole lines from a place in the file on, of some hundred steps at most; none where there is no file. */
export function readQueued(path: string, offset: number): QueuedEvents {
  if (!existsSync(path)) return { events: [], isMore: false };
  const { file, close } = openEvents(path);
  try {
    const events: { event: TrainingEvent; end: number }[] = [];
    const reader = createEventReader(
      path,
      ({ event, end }) => {
        if (event !== undefined) events.push({ event, end });
      },
      offset,
    );
    const count = reader.readBlock(file, blockBytes);
    return { events, isMore: count === blockBytes && events.length > 0 };
  } finally {
    close();
  }
}
