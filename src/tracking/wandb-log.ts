// A run's events as an offline run of Weights & Biases, in a folder that `wandb sync` takes. One file holds the run from its first
// step on, however often it was interrupted: each start writes anew what events.jsonl has, under the same id, and goes on from
// there. So a run that trained without it can be shown later, and one that is synced again is what it was, and more.

import { closeSync, existsSync, fsyncSync, openSync, rmSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import type { Clock } from "../base/clock.ts";
import { UserError } from "../base/errors.ts";
import { contentHash, listFolder, makeFolder, writeFully } from "../base/files/files.ts";
import { explainWriteFailure } from "../base/files/write-failure.ts";
import type { SamplesEvent, TrainingEvent } from "../events/event.ts";
import { readEventLines } from "../events/event-reader.ts";
import type { RunStatus } from "./mlflow-client.ts";
import { describeSamples } from "./samples.ts";
import { type ScalarFacts, scalarsOf } from "./scalars.ts";
import {
  encodeExit,
  encodeHeader,
  encodeHistory,
  encodeRun,
  encodeSummary,
  fileStart,
  frameAt,
} from "./wandb-records.ts";

export interface WandbOptions extends ScalarFacts {
  /** The run's folder, whose events.jsonl holds what it did before this start. */
  readonly run: string;
  /** Where Weights & Biases lists it. */
  readonly project: string;
  /** By its sections, as they are shown. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Of the budget, before this start. */
  readonly elapsedSeconds: number;
  readonly clock: Clock;
  /** The machine's name. */
  readonly host: string;
}

/** UserError E_OPTION for a name that Weights & Biases takes for no project. */
export function checkWandbProject(project: string): string {
  if (/^[^/\\#?%:]{1,128}$/.test(project)) return project;
  throw new UserError(
    "E_OPTION",
    `--wandb: "${project}" names no project`,
    "Give 1 to 128 characters, without / \\ # ? % and :.",
  );
}

/** An open offline run. */
export class WandbLog {
  private readonly path: string;
  private readonly file: number;
  private readonly facts: ScalarFacts;
  /** Milliseconds of the date at which the run's elapsed seconds were 0, had it not been interrupted. */
  private readonly beganAt: number;
  /** Of the file: bytes, and records. */
  private bytes = 0;
  private records = 0;
  /** What is measured at a step is one row: of its training, and of a validation behind it. */
  private row: { readonly step: number; readonly values: Record<string, number | string> } | undefined;
  private readonly summary: Record<string, number | string> = {};
  private elapsedSeconds = 0;

  /** Writes what events.jsonl has. UserErrors: E_DISK_FULL, E_NOT_WRITABLE, and those of reading events. */
  constructor({ run, project, host, config, elapsedSeconds, clock, ...facts }: WandbOptions) {
    this.facts = facts;
    const began = clock.date();
    began.setTime(began.getTime() - 1000 * elapsedSeconds);
    const { folder, id, beganAt } = openFolder(run, host, began);
    this.beganAt = beganAt;
    this.path = join(folder, `run-${id}.wandb`);
    // There `wandb sync` makes what it sends.
    makeFolder(join(folder, "files"));
    this.file = this.changing(() => {
      // What an earlier start wrote may have been sent; what this one writes was not.
      for (const state of ["synced", "syncstate"]) rmSync(`${this.path}.${state}`, { force: true });
      return openSync(this.path, "w");
    });
    this.write(fileStart);
    this.add(number => encodeHeader(number, "cramming"));
    const name = basename(resolve(run));
    this.add(number => encodeRun(number, { id, project, name, host, config, beganAt }));
    const events = join(run, "events.jsonl");
    if (existsSync(events)) readEventLines(events, ({ event }) => event && this.append(event));
  }

  /** UserErrors: E_DISK_FULL, E_NOT_WRITABLE. */
  append(event: TrainingEvent): void {
    const values = {
      ...scalarsOf(event, this.facts),
      ...(event.kind === "samples" && writeSamples(event)),
    };
    if (Object.keys(values).length === 0) return;
    const { step, elapsedSeconds } = event;
    if (this.row !== undefined && this.row.step !== step) this.endRow();
    this.elapsedSeconds = elapsedSeconds;
    const times = { _step: step, _runtime: elapsedSeconds, _timestamp: this.beganAt / 1000 + elapsedSeconds };
    this.row = { step, values: { ...this.row?.values, ...values, ...times } };
  }

  /** Says how the run ended. UserErrors: E_DISK_FULL, E_NOT_WRITABLE. */
  close(status: RunStatus): void {
    try {
      this.endRow();
      this.add(number => encodeSummary(number, this.summary));
      this.add(number => encodeExit(number, status === "FINISHED" ? 0 : 1, this.elapsedSeconds));
      this.changing(() => fsyncSync(this.file));
    } finally {
      closeSync(this.file);
    }
  }
  private endRow(): void {
    if (this.row === undefined) return;
    const { step, values } = this.row;
    this.row = undefined;
    Object.assign(this.summary, values);
    this.add(number => encodeHistory(number, step, values));
    // A run that is killed is listed with what was validated last.
    if ("loss/validation" in values) this.add(number => encodeSummary(number, this.summary));
  }

  private add(encode: (number: number) => Uint8Array): void {
    this.write(frameAt(this.bytes, encode(++this.records)));
  }

  private write(bytes: Uint8Array): void {
    this.changing(() => writeFully(this.file, bytes));
    this.bytes += bytes.length;
  }

  private changing<T>(change: () => T): T {
    try {
      return change();
    } catch (error) {
      throw explainWriteFailure(error, this.path);
    }
  }
}

/** A line for each text: a dot in a name would be a place in an object there, and texts have dots. */
function writeSamples(event: SamplesEvent): Record<string, string> {
  const texts = describeSamples(event);
  return Object.fromEntries(
    [...new Set(texts.map(({ kind }) => kind))].map(kind => [
      `samples/${kind}`,
      texts.flatMap(text => (text.kind === kind ? [`${text.probe}: ${text.answer}`] : [])).join("\n"),
    ]),
  );
}

const folderName = /^offline-run-(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)-(cram[0-9a-f]{8})$/;

/** The run's folder for Weights & Biases: that of an earlier start, whose name says the id and when it began, or a new one. */
function openFolder(run: string, host: string, began: Date): { folder: string; id: string; beganAt: number } {
  const place = join(run, "wandb");
  makeFolder(place);
  for (const { name } of listFolder(place, "run's wandb folder")) {
    const [, year, month, day, hour, minute, second, id] = folderName.exec(name) ?? [];
    if (id === undefined) continue;
    const beganAt = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
    return { folder: join(place, name), id, beganAt };
  }
  const beganAt = 1000 * Math.floor(began.getTime() / 1000);
  const id = `cram${contentHash(JSON.stringify([host, resolve(run), began.getTime()])).slice(0, 8)}`;
  const stamp = began.toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "_");
  const folder = join(place, `offline-run-${stamp}-${id}`);
  makeFolder(folder);
  return { folder, id, beganAt };
}
