// The events.jsonl of a run that may still train, followed as it grows. On resume the file is replaced by a shorter one: then,
// and when it shrinks, it is read again from its begin. What is kept of it does not grow with it.

import { statSync } from "node:fs";
import { UserError } from "../../base/errors.ts";
import { explainReadFailure } from "../../base/files/read-failure.ts";
import { createEventReader, type EventReader, openEvents } from "../../events/event-reader.ts";
import { describeTrouble } from "./check.ts";
import { type CurveGatherer, type Curves, gatherCurves } from "./curves.ts";

/** About a thousand events, some milliseconds: so long nothing else happens. */
const blockBytes = 1 << 18;
const kind = "run's events";

export class EventsTail {
  readonly path: string;
  /** Grows whenever `curves` may be others. */
  version = 0;
  /** Why the file is not read on; undefined while it is. */
  failure: UserError | undefined;
  /** Of the last look at the file. */
  private seen: { readonly inode: number; readonly bytes: number; readonly changed: Date } | undefined;
  private gatherer!: CurveGatherer;
  private reader!: EventReader;
  private taken: { readonly version: number; readonly curves: Curves } | undefined;

  constructor(path: string) {
    this.path = path;
    this.begin();
  }

  private begin(): void {
    this.gatherer = gatherCurves({ thinned: true });
    this.reader = createEventReader(this.path, this.gatherer.add);
    this.failure = undefined;
    this.version++;
  }

  /** Reads a block of what is new. Returns whether there is more; errors of the file are in `failure`. */
  readSome(): boolean {
    try {
      const { ino: inode, size: bytes, mtime: changed } = statSync(this.path);
      const isAnother = this.seen !== undefined && (inode !== this.seen.inode || bytes < this.reader.offset);
      if (isAnother || this.failure?.code === "E_FILE_MISSING") this.begin();
      this.seen = { inode, bytes, changed };
      if (this.failure !== undefined || this.reader.offset >= bytes) return false;
      const { file, close } = openEvents(this.path);
      try {
        this.reader.readBlock(file, Math.min(blockBytes, bytes - this.reader.offset));
      } finally {
        close();
      }
      this.version++;
      return this.reader.offset < bytes;
    } catch (error) {
      const explained = explainReadFailure(error, this.path, kind);
      // Not this file's fault, and over in a moment.
      if (/\b(EMFILE|ENFILE)\b/.test(String(explained))) return false;
      const failure =
        explained instanceof UserError
          ? explained
          : new UserError("E_EVENTS", `${this.path}: ${describeTrouble(explained)}`, "Move the run's folder away.");
      if (failure.message !== this.failure?.message) this.version++;
      this.failure = failure;
      return false;
    }
  }

  get curves(): Curves {
    if (this.taken?.version !== this.version) this.taken = { version: this.version, curves: this.gatherer.take() };
    return this.taken.curves;
  }

  /** Of the file, 0 to 1. */
  get shareRead(): number {
    return this.seen === undefined ? 0 : this.seen.bytes === 0 ? 1 : this.reader.offset / this.seen.bytes;
  }

  /** When the file was last written; undefined before the first look at it. */
  get changed(): Date | undefined {
    return this.seen?.changed;
  }

  /** The same in seconds of the date, for comparing. */
  get changedSeconds(): number {
    return (this.seen?.changed.getTime() ?? 0) / 1000;
  }
}
