// A run's events.jsonl: the report's own reading of what training wrote (docs/FORMATS.md), from its begin to its end or, of a
// file that is still written, a block at a time. A line without its end is a write under way or cut short, and waits.

import { closeSync, readSync } from "node:fs";
import { openForReading } from "../../base/files/files.ts";
import { type CurveGatherer, type Curves, gatherCurves } from "./curves.ts";
import { readEvent, refuseLine } from "./event-schema.ts";

/**
 * Reads the whole file. A last line without its end is left out; any other line that is not an event is E_EVENTS with its
 * number. Kinds of events that are not known are skipped.
 */
export function readCurves(path: string): Curves {
  const gatherer = gatherCurves({ thinned: false });
  const file = openForReading(path, "run's events");
  try {
    const reader = createEventReader(path, gatherer);
    while (reader.readBlock(file, 1 << 20) > 0);
    return gatherer.take();
  } finally {
    closeSync(file);
  }
}

export interface EventReader {
  /** Bytes of the file read so far. */
  readonly offset: number;
  /** Reads at most so many bytes on from the last ones, and gathers the lines that end in them. Returns the bytes read. */
  readBlock(file: number, bytes: number): number;
}

const longestLineBytes = 1 << 20;

/** Lines are numbered from 1, for errors; `path` is named there. */
export function createEventReader(path: string, gatherer: CurveGatherer): EventReader {
  let offset = 0;
  let number = 0;
  let rest: Buffer = Buffer.alloc(0);
  return {
    get offset() {
      return offset;
    },
    readBlock: (file, most) => {
      const block = Buffer.allocUnsafe(rest.length + most);
      rest.copy(block);
      const count = readSync(file, block, rest.length, most, offset);
      offset += count;
      const bytes = block.subarray(0, rest.length + count);
      const end = bytes.lastIndexOf(10) + 1;
      rest = Buffer.from(bytes.subarray(end));
      if (rest.length > longestLineBytes) throw refuseLine(`${path}:${number + 1}`, "a line of more than a megabyte");
      if (end === 0) return count;
      for (const text of bytes.toString("utf8", 0, end - 1).split("\n")) {
        number++;
        if (text === "") continue;
        const event = readEvent(text, `${path}:${number}`);
        if (event !== undefined) gatherer.add(event, `${path}:${number}`);
      }
      return count;
    },
  };
}
