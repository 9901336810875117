// The events of a run for TensorBoard, in files of its own format beside events.jsonl. Each start begins a new file; on resume
// it says from which step on what older files hold is void, so the curves read as one run.

import { closeSync, openSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import type { Clock } from "../base/clock.ts";
import { listFolder, makeFolder, writeFully } from "../base/files/files.ts";
import { explainWriteFailure } from "../base/files/write-failure.ts";
import type { SamplesEvent, TrainingEvent } from "../events/event.ts";
import type { RunStatus } from "./mlflow-client.ts";
import { describeSamples } from "./samples.ts";
import { type ScalarFacts, scalarsOf } from "./scalars.ts";
import { listSettings } from "./settings-list.ts";
import {
  encodeHyperparameters,
  encodeScalars,
  encodeSessionEnd,
  encodeStart,
  encodeTexts,
  encodeVersion,
  frameRecord,
  type Moment,
} from "./tensorboard-records.ts";

export interface TensorboardOptions extends ScalarFacts {
  /** The run's folder. */
  readonly run: string;
  readonly clock: Clock;
  /** As hyperparameters, and as a text. */
  readonly recipe: Readonly<Record<string, unknown>>;
}

/** An open event file. */
export class TensorboardLog {
  private readonly path: string;
  private readonly file: number;
  private readonly isFirst: boolean;
  private readonly options: TensorboardOptions;
  private step = 0;

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
    this.step = event.step;
    const moment: Moment = { seconds: this.seconds(), step: event.step };
    if (event.kind === "start") {
      // Step 0 is validated again, every other step only once.
      const step = event.step === 0 ? 0 : event.step + 1;
      if (!this.isFirst) this.write(encodeStart({ ...moment, step }));
      const { run, recipe } = this.options;
      this.write(encodeHyperparameters(moment, basename(resolve(run)), listSettings(recipe)));
      const json = JSON.stringify(recipe, undefined, 2);
      this.write(encodeTexts(moment, { recipe: `\`\`\`json\n${json}\n\`\`\`` }));
      return;
    }
    if (event.kind === "samples") {
      this.write(encodeTexts(moment, writeTables(event)));
      return;
    }
    const scalars = scalarsOf(event, this.options);
    if (Object.keys(scalars).length > 0) this.write(encodeScalars(moment, scalars));
  }

  /** Says how the run ended. UserErrors: E_DISK_FULL, E_NOT_WRITABLE. */
  close(status: RunStatus): void {
    try {
      this.write(encodeSessionEnd({ seconds: this.seconds(), step: this.step }, status === "FINISHED"));
    } finally {
      closeSync(this.file);
    }
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

/** Markdown, a table of what was asked and answered for each kind of samples. */
function writeTables(event: SamplesEvent): Record<string, string> {
  const texts = describeSamples(event);
  return Object.fromEntries(
    [...new Set(texts.map(({ kind }) => kind))].map(kind => {
      const rows = texts.filter(text => text.kind === kind).map(({ probe, answer }) => [probe, answer]);
      const lines = [["text", "likeliest"], ["---", "---"], ...rows.map(cells => cells.map(escapeMarkdown))];
      return [`samples/${kind}`, lines.map(cells => `| ${cells.join(" | ")} |`).join("\n")];
    }),
  );
}

/** Every mark that Markdown or HTML could read is an entity. */
const escapeMarkdown = (text: string) => text.replace(/[^\p{L}\p{N} .,;:]/gu, mark => `&#${mark.codePointAt(0)};`);
