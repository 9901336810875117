// The events of a run for TensorBoard, in files of its own format beside events.jsonl. Each start begins a new file; on resume
// it says from which step on what older files hold is void, so the curves read as one run.

import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { explainWriteFailure, listFolder, makeFolder, writeFully } from "../base/files/files.ts";
import type { TrainingEvent } from "../events/event.ts";
import { scalarsOf } from "./scalars.ts";
import { encodeScalars, encodeStart, encodeVersion, frameRecord, type Moment } from "./tensorboard-records.ts";

export interface TensorboardOptions {
  /** The run's folder. */
  readonly run: string;
  readonly clock: Clock;
  /** Of its model: what speed is computed with. */
  readonly tokensPerSequence: number;
}

/** An open event file. */
export class TensorboardLog {
  private readonly path: string;
  private readonly file: number;
  private readonly isFirst: boolean;
  private readonly options: TensorboardOptions;

  constructor(options: TensorboardOptions) {
    const { run, clock } = options;
    this.options = options;
    makeFolder(run);
    const before = listFolder(run, "run").filter(({ name }) => name.includes("tfevents")).length;
    this.isFirst = before === 0;
    // TensorBoard reads the files of a folder in the order of their names.
    const second = Math.floor(clock.date().getTime() / 1000);
    this.path = join(run, `events.out.tfevents.${second}.${String(before).padStart(4, "0")}.cram`);
    this.file = openSync(this.path, "wx");
    this.write(encodeVersion(this.seconds()));
  }

  append(event: TrainingEvent): void {
    const moment: Moment = { seconds: this.seconds(), step: event.step };
    if (event.kind === "start") {
      // Step 0 is validated again, every other step only once.
      const step = event.step === 0 ? 0 : event.step + 1;
      if (!this.isFirst) this.write(encodeStart({ ...moment, step }));
      return;
    }
    const scalars = scalarsOf(event, this.options.tokensPerSequence);
    if (Object.keys(scalars).length > 0) this.write(encodeScalars(moment, scalars));
  }

  close(): void {
    closeSync(this.file);
  }

  private seconds(): number {
    return this.options.clock.date().getTime() / 1000;
  }

  private write(content: Uint8Array): void {
    try {
      writeFully(this.file, frameRecord(content));
    } catch (error) {
      throw explainWriteFailure(error, this.path);
    }
  }
}
