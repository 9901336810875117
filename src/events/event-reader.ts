// A run's events.jsonl as events: from its begin to its end or, of a file that is still written, a block at a time from any line on.
// A line without its end is a write under way or cut short, and waits.

import { closeSync, readSync } from "node:fs";
import { openForReading } from "../base/files/files.ts";
import { readEvent, refuseLine, type TrainingEvent } from "./event.ts";

const kind = "run's events";

/** A whole line that is not empty. */
export interface EventLine {
  readonly text: string;
  /** Undefined where its kind is not known. */
  readonly event: TrainingEvent | undefined;
  /** "file:line", for errors. */
  readonly origin: string;
  /** The place in the file behind it, in bytes. */
  readonly end: number;
}

/** A file that is open for reading events, and to be closed. */
export function openEvents(path: string): { readonly file: number; close(): void } {
  const file = openForReading(path, kind);
  return { file, close: () => closeSync(file) };
}

/** Every whole line of the file. UserError E_EVENTS for one that is no event, with its number. */
export function readEventLines(path: string, take: (line: EventLine) => void): void {
  const { file, close } = openEvents(path);
  try {
    const reader = createEventReader(path, take);
    while (reader.readBlock(file, 1 << 20) > 0);
  } finally {
    close();
  }
}

/** Every event of the file. Errors: those of readEventLines. */
export function readEvents(path: string): TrainingEvent[] {
  const events: TrainingEvent[] = [];
  readEventLines(path, ({ event }) => {
    if (event !== undefined) events.push(event);
  });
  return events;
}

export interface EventReader {
  /** Behind the last byte that was read. */
  readonly offset: number;
  /** Reads at most so many bytes on from the last ones, and hands over the lines that end in them. Returns the bytes read. */
  readBlock(file: number, bytes: number): number;
}

const longestLineBytes = 1 << 20;

/** Begins at a byte where a line begins. Lines are numbered from there, for errors; `path` is named there. */
export function createEventReader(path: string, take: (line: EventLine) => void, begin = 0): EventReader {
  const name = begin === 0 ? path : `${path} behind byte ${begin}`;
  let offset = begin;
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
      const first = offset - rest.length;
      offset += count;
      const bytes = block.subarray(0, rest.length + count);
      const end = bytes.lastIndexOf(10) + 1;
      rest = Buffer.from(bytes.subarray(end));
      if (rest.length > longestLineBytes) throw refuseLine(`${name}:${number + 1}`, "a line of more than a megabyte");
      for (let from = 0, to = bytes.indexOf(10); from < end; from = to + 1, to = bytes.indexOf(10, from)) {
        number++;
        if (from === to) continue;
        const [text, origin] = [bytes.toString("utf8", from, to), `${name}:${number}`];
        take({ text, event: readEvent(text, origin), origin, end: first + to + 1 });
      }
      return count;
    },
  };
}
