// What a run says about itself: events, one JSON object a line in events.jsonl. The loop yields them, the CLI prints them, the
// report draws them. On resume the lines after the checkpoint's step are cut, so the file reads as one run.

import { closeSync, existsSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { UserError } from "../base/errors.ts";
import {
  explainWriteFailure,
  makeFolder,
  mostBytes,
  readWholeFile,
  writeFileAtomically,
  writeFully,
} from "../base/files/files.ts";

export interface StartEvent {
  readonly kind: "start";
  readonly step: number;
  readonly device: string;
  readonly parameters: number;
  readonly warmupSeconds: number;
  readonly elapsedSeconds: number;
  /** Nats per token of a model that knows only how frequent each token is. */
  readonly unigramEntropy: number;
  /** What the run may use in all, where its recipe's budget was extended. */
  readonly budget?: string;
  /** FLOP/s of the device at most, as measured now; absent where a backend cannot measure it. */
  readonly peakFlops?: number;
}

export interface StepEvent {
  readonly kind: "step";
  readonly step: number;
  readonly progress: number;
  readonly elapsedSeconds: number;
  readonly loss: number;
  readonly gradientNorm: number;
  readonly learningRate: number;
  readonly batchSequences: number;
  readonly tokens: number;
  readonly stepSeconds: number;
  /** Seconds for which the process was stopped meanwhile, which the budget leaves out; absent where it was not. */
  readonly stoppedSeconds?: number;
  /** True when the step was not finite and changed nothing. */
  readonly skipped: boolean;
}

export interface ValidationEvent {
  readonly kind: "validation";
  readonly step: number;
  readonly progress: number;
  readonly elapsedSeconds: number;
  readonly loss: number;
}

export interface CheckpointEvent {
  readonly kind: "checkpoint";
  readonly step: number;
  readonly elapsedSeconds: number;
  readonly path: string;
}

export interface EndEvent {
  readonly kind: "end";
  readonly step: number;
  readonly elapsedSeconds: number;
  readonly tokens: number;
  /** diverged: several steps were not finite, or a parameter is no number; nothing was saved of them. */
  readonly reason: "budget" | "interrupted" | "diverged";
}

export type TrainingEvent = StartEvent | StepEvent | ValidationEvent | CheckpointEvent | EndEvent;

/** An open events.jsonl. */
export class EventLog {
  private readonly path: string;
  private file: number;
  private wholeBytes: number;
  /** Lines that the disk has not taken. */
  private waiting: string[] = [];
  private lastValidation: number | undefined;
  private resumedStart: TrainingEvent | undefined;
  private readonly isResumed: boolean;

  /**
   * Opens for appending, after cutting what came after `lastStep` (a half-written last line goes too) and adding the lines up to
   * it that the checkpoint holds because the disk had not taken them.
   */
  constructor(path: string, lastStep: number | undefined, unwritten: readonly string[] = []) {
    this.path = path;
    this.isResumed = lastStep !== undefined;
    makeFolder(dirname(path));
    const stands = existsSync(path);
    if (stands || unwritten.length > 0) {
      const kept = (lastStep === undefined || !stands ? [] : readEvents(path))
        .filter(({ step, kind }) => step <= lastStep! && kind !== "end")
        .map(formatEvent);
      // What the disk had not taken then, it may have taken later.
      const lines = [...kept, ...unwritten.filter(line => !kept.includes(line))];
      this.lastValidation = lines.map(line => readEvent(line, path)).findLast(isValidation)?.step;
      writeFileAtomically(path, joinLines(lines));
    }
    this.file = openSync(path, "a+");
    this.wholeBytes = fstatSync(this.file).size;
  }

  /**
   * A resumed run's start counts when a step follows, and the validation of a step is there once: resuming a run that is done adds
   * nothing to it. UserErrors E_DISK_FULL, E_NOT_WRITABLE: the file ends in a whole line, and the next call writes this
   * event, too.
   */
  append(event: TrainingEvent): void {
    if (event.kind === "start" && this.isResumed) {
      this.resumedStart = event;
      return;
    }
    if (event.kind === "validation") {
      if (event.step === this.lastValidation) return;
      this.lastValidation = event.step;
    }
    const events = event.kind === "step" && this.resumedStart !== undefined ? [this.resumedStart, event] : [event];
    if (events.length > 1) this.resumedStart = undefined;
    this.waiting.push(...events.map(formatEvent));
    const lines = Buffer.from(joinLines(this.waiting));
    try {
      if (event.kind === "checkpoint") this.restore();
      writeFully(this.file, lines);
    } catch (error) {
      ftruncateSync(this.file, this.wholeBytes);
      throw explainWriteFailure(error, this.path);
    }
    this.wholeBytes += lines.byteLength;
    this.waiting = [];
  }

  /** Lines that the disk has not taken: a checkpoint holds them, so that it does not outrun the record. */
  listUnwritten(): readonly string[] {
    return this.waiting;
  }

  /** Puts the file back where it was removed or moved while it was open. */
  private restore(): void {
    const standing = statSync(this.path, { throwIfNoEntry: false });
    if (standing !== undefined && standing.ino === fstatSync(this.file).ino) return;
    const content = Buffer.alloc(this.wholeBytes);
    for (let done = 0; done < content.byteLength; ) {
      const read = readSync(this.file, content, done, content.byteLength - done, done);
      if (read === 0) break;
      done += read;
    }
    writeFileAtomically(this.path, content);
    closeSync(this.file);
    this.file = openSync(this.path, "a+");
  }

  close(): void {
    fsyncSync(this.file);
    closeSync(this.file);
  }
}

const isValidation = ({ kind }: TrainingEvent) => kind === "validation";
const formatEvent = (event: TrainingEvent) => JSON.stringify(event);
const joinLines = (lines: Iterable<string>) => [...lines].map(line => `${line}\n`).join("");

/** Every whole line of the file: a last one without its end is what a killed process was writing. E_EVENTS for a line that is no event. */
export function readEvents(path: string): TrainingEvent[] {
  return readWholeFile(path, "run's events", mostBytes.ofLongest)
    .toString("utf8")
    .split("\n")
    .slice(0, -1)
    .flatMap((line, i) => (line === "" ? [] : [readEvent(line, `${path}:${i + 1}`)]));
}

function readEvent(line: string, place: string): TrainingEvent {
  try {
    const event = JSON.parse(line) as Partial<TrainingEvent> | null;
    if (typeof event?.kind === "string" && typeof event.step === "number") return event as TrainingEvent;
  } catch {
    // Said below, as for JSON that is no event.
  }
  throw new UserError(
    "E_EVENTS",
    `${place}: not an event: ${line.slice(0, 60)}`,
    "The file was changed after training wrote it; remove that line.",
  );
}
