// A run's events.jsonl as it is written: a line an event, whole or not there. On resume the lines after the checkpoint's step are cut,
// so the file reads as one run; lines that stay are the bytes that they were.

import { closeSync, existsSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync } from "node:fs";
import { dirname } from "node:path";
import { makeFolder, writeFileAtomically, writeFully } from "../base/files/files.ts";
import { lookAt } from "../base/files/read-failure.ts";
import { explainWriteFailure } from "../base/files/write-failure.ts";
import { formatEvent, readEvent, type TrainingEvent } from "./event.ts";
import { readEventLines } from "./event-reader.ts";

/** An open events.jsonl. */
export class EventLog {
  private readonly path: string;
  private file: number;
  private wholeBytes: number;
  /** Whether half a line may stand behind them. */
  private isRagged = false;
  /** Lines that the disk has not taken. */
  private waiting: string[] = [];
  /** Of the events that a step has once. */
  private readonly lastSteps = new Map<TrainingEvent["kind"], number>();
  private resumedStart: TrainingEvent | undefined;
  private readonly isResumed: boolean;

  /**
   * Opens for appending, after cutting what came after `lastStep` (a half-written last line goes too) and adding the lines up to
   * it that the checkpoint holds because the disk had not taken them. UserErrors: those of reading, E_DISK_FULL, E_NOT_WRITABLE.
   */
  constructor(path: string, lastStep: number | undefined, unwritten: readonly string[] = []) {
    this.path = path;
    this.isResumed = lastStep !== undefined;
    makeFolder(dirname(path));
    const stands = existsSync(path);
    if (stands || unwritten.length > 0) {
      const kept = lastStep === undefined || !stands ? [] : readLinesUpTo(lastStep, path);
      // What the disk had not taken then, it may have taken later.
      const lines = [...kept, ...unwritten.filter(line => !kept.includes(line))];
      for (const line of lines) {
        const event = readEvent(line, path);
        if (event?.kind === "validation" || event?.kind === "samples") this.lastSteps.set(event.kind, event.step);
      }
      writeFileAtomically(path, joinLines(lines));
    }
    this.file = openToAppend(path);
    this.wholeBytes = fstatSync(this.file).size;
  }

  /**
   * A resumed run's start counts when a step follows, and validation and samples of a step are there once: resuming a run that is done adds
   * nothing to it. UserErrors E_DISK_FULL, E_NOT_WRITABLE: the file ends in a whole line, and the next call writes this
   * event, too.
   */
  append(event: TrainingEvent): void {
    if (event.kind === "start" && this.isResumed) {
      this.resumedStart = event;
      return;
    }
    if (event.kind === "validation" || event.kind === "samples") {
      if (event.step === this.lastSteps.get(event.kind)) return;
      this.lastSteps.set(event.kind, event.step);
    }
    const events = event.kind === "step" && this.resumedStart !== undefined ? [this.resumedStart, event] : [event];
    if (events.length > 1) this.resumedStart = undefined;
    this.waiting.push(...events.map(formatEvent));
    const lines = Buffer.from(joinLines(this.waiting));
    try {
      if (this.isRagged) this.cutToWhole();
      if (event.kind === "checkpoint") this.restore();
      writeFully(this.file, lines);
    } catch (error) {
      this.isRagged = true;
      try {
        this.cutToWhole();
      } catch {
        // Before the next line, or by who resumes: a reader passes over half a line.
      }
      throw explainWriteFailure(error, this.path);
    }
    this.wholeBytes += lines.byteLength;
    this.waiting = [];
  }

  private cutToWhole(): void {
    ftruncateSync(this.file, this.wholeBytes);
    this.isRagged = false;
  }

  /** Lines that the disk has not taken: a checkpoint holds them, so that it does not outrun the record. */
  listUnwritten(): readonly string[] {
    return this.waiting;
  }

  /** Puts the file back where it was removed or moved while it was open. */
  private restore(): void {
    const standing = lookAt(this.path);
    if (standing !== undefined && standing.ino === fstatSync(this.file).ino) return;
    const content = Buffer.alloc(this.wholeBytes);
    for (let done = 0; done < content.byteLength; ) {
      const read = readSync(this.file, content, done, content.byteLength - done, done);
      if (read === 0) break;
      done += read;
    }
    writeFileAtomically(this.path, content);
    closeSync(this.file);
    this.file = openToAppend(this.path);
  }

  /** UserErrors: E_DISK_FULL, E_NOT_WRITABLE. */
  close(): void {
    try {
      fsyncSync(this.file);
    } catch (error) {
      throw explainWriteFailure(error, this.path);
    } finally {
      closeSync(this.file);
    }
  }
}

function openToAppend(path: string): number {
  try {
    return openSync(path, "a+");
  } catch (error) {
    throw explainWriteFailure(error, path);
  }
}

/** Without the end of the training. What a later version wrote and this one does not know belongs to the event before it. */
function readLinesUpTo(lastStep: number, path: string): string[] {
  const lines: string[] = [];
  let isKept = true;
  readEventLines(path, ({ text, event }) => {
    if (event !== undefined) isKept = event.step <= lastStep;
    if (isKept && event?.kind !== "end") lines.push(text);
  });
  return lines;
}

const joinLines = (lines: Iterable<string>) => [...lines].map(line => `${line}\n`).join("");
