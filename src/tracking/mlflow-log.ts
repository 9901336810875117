// A run's events to an MLflow server while it trains, and never in its way: a task beside training reads events.jsonl and sends
// what is new. mlflow.json keeps which MLflow run it is and up to which step the server has it, so that a resumed run goes on
// there, without a step twice: what it trains again has the same bits, and times that count from the run's begin are the same too.

import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { setImmediate as passOn, setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { Clock } from "../base/clock.ts";
import { readJson, writeFileAtomically } from "../base/files/files.ts";
import type { TrainingEvent } from "../events/event.ts";
import { type QueuedEvents, readQueued } from "./events-queue.ts";
import {
  checkTrackingUri,
  type Metric,
  MlflowFailure,
  mostMetrics,
  openMlflowClient,
  type RunStatus,
} from "./mlflow-client.ts";
import { type ScalarFacts, scalarsOf } from "./scalars.ts";

export interface MlflowOptions {
  /** The address of the tracking server: "http://127.0.0.1:5000". */
  readonly uri: string;
  /** Made where there is none of this name. Default: the one that the run is in already, or "cramming". */
  readonly experiment?: string | undefined;
  /** Where MLFLOW_TRACKING_TOKEN, or _USERNAME and _PASSWORD, are looked for. */
  readonly environment: NodeJS.ProcessEnv;
}

export interface MlflowRun extends ScalarFacts {
  readonly run: string;
  /** By name, as the server shows them. */
  readonly params: ReadonlyMap<string, string>;
  /** Of the budget, before this start. */
  readonly elapsedSeconds: number;
  readonly clock: Clock;
  /** Told once what keeps the server from having everything. */
  readonly warn: (text: string) => void;
}

/** How long things take; a test takes less. */
export interface MlflowPace {
  readonly secondsBetweenLooks: number;
  readonly longestPauseSeconds: number;
  readonly requestSeconds: number;
  /** In which what is left is sent when training has ended; of a server that did not answer last time only a request's. */
  readonly closingSeconds: number;
}
const usualPace: MlflowPace = {
  ...{ secondsBetweenLooks: 5, longestPauseSeconds: 300, requestSeconds: 10, closingSeconds: 60 },
};

const stateSchema = z.strictObject({
  uri: z.string(),
  experiment: z.string(),
  runId: z.string(),
  /** Milliseconds of the date. */
  beganAt: z.number(),
  /** The last of each kind that the server has; -1 for none. */
  sentStep: z.number(),
  sentValidation: z.number(),
});
type State = z.infer<typeof stateSchema>;

/** A run's connection to a server. Nothing here throws but the constructor, for an address that is none: E_OPTION. */
export class MlflowLog {
  private readonly options: MlflowOptions;
  private readonly from: MlflowRun;
  private readonly pace: MlflowPace;
  private readonly client: ReturnType<typeof openMlflowClient>;
  private readonly stop = new AbortController();
  /** Milliseconds of the date at which the run's elapsed seconds were 0, had it not been interrupted. */
  private readonly beganAt: number;
  private readonly task: Promise<void>;
  private state: State | undefined;
  /** What the server has of events.jsonl, in bytes. */
  private offset = 0;
  private isOpen = false;
  private hasWarned = false;
  private failure: MlflowFailure | undefined;

  /** Begins to send; what the server already has of an earlier start of the same run is not sent again. */
  constructor(options: MlflowOptions, from: MlflowRun, pace = usualPace) {
    this.options = { ...options, uri: checkTrackingUri(options.uri) };
    this.from = from;
    this.pace = pace;
    this.client = openMlflowClient(this.options.uri, options.environment);
    this.beganAt = Math.round(from.clock.date().getTime() - 1000 * from.elapsedSeconds);
    this.state = this.readState();
    this.task = this.follow();
  }

  /**
   * Sends what is left and how the run ended. Waits as long as the server takes it, `closingSeconds` at most; events.jsonl must
   * be whole by then.
   */
  async close(status: RunStatus): Promise<void> {
    this.stop.abort();
    await this.task;
    if (this.failure?.isPassing === false) return this.sayMissing();
    const seconds = this.failure === undefined ? this.pace.closingSeconds : this.pace.requestSeconds;
    const limit = AbortSignal.timeout(1000 * seconds);
    try {
      await this.deliver(limit);
      await this.client.setStatus(this.state!.runId, status, this.from.clock.date().getTime(), this.within(limit));
      if (this.hasWarned) this.from.warn(`MLflow at ${this.options.uri} has everything now`);
    } catch (error) {
      this.note(error);
      this.sayMissing();
    }
  }

  /** Until `stop`: looks, sends, and after a failure waits longer each time. */
  private async follow(): Promise<void> {
    const { signal } = this.stop;
    let pauseSeconds = this.pace.secondsBetweenLooks;
    while (!signal.aborted) {
      try {
        await this.deliver();
        this.failure = undefined;
        pauseSeconds = this.pace.secondsBetweenLooks;
      } catch (error) {
        this.note(error);
        if (this.failure?.isPassing === false) return;
        pauseSeconds = Math.min(2 * pauseSeconds, this.pace.longestPauseSeconds);
      }
      // The process may end before the pause does.
      await sleep(1000 * pauseSeconds, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  private sayMissing(): void {
    const upTo = Math.max(0, this.state?.sentStep ?? 0);
    const again = `cram pretrain --resume ${this.from.run} --mlflow ${this.options.uri}`;
    this.from.warn(`MLflow has the run up to step ${upTo}; the rest is in events.jsonl, and ${again} sends it`);
  }

  private note(error: unknown): void {
    // Of the file that is read, or of this program: as little a reason to end a training.
    this.failure = error instanceof MlflowFailure ? error : new MlflowFailure((error as Error).message, 400);
    if (this.hasWarned) return;
    this.hasWarned = true;
    const next = this.failure.isPassing ? "it is tried again" : "nothing more is sent";
    this.from.warn(`MLflow at ${this.options.uri}: ${this.failure.message}; training goes on, ${next}`);
  }

  /** Sends everything that events.jsonl has; without a limit, until training ends. */
  private async deliver(limit?: AbortSignal): Promise<void> {
    if (!this.isOpen) await this.openRun(limit);
    const path = join(this.from.run, "events.jsonl");
    while (limit !== undefined || !this.stop.signal.aborted) {
      const batch = this.takeBatch(readQueued(path, this.offset));
      if (batch.metrics.length > 0) {
        await this.client.logMetrics(this.state!.runId, batch.metrics, this.within(limit));
        this.store({ ...this.state!, sentStep: batch.sentStep, sentValidation: batch.sentValidation });
      } else {
        // What the server has already is passed over in short pieces of work: a step may be waiting.
        await passOn();
      }
      this.offset = batch.end;
      if (!batch.isMore) return;
    }
  }

  /** The MLflow run that this one already has, or a new one. */
  private async openRun(limit: AbortSignal | undefined): Promise<void> {
    const { run, params } = this.from;
    if (this.state !== undefined) {
      try {
        await this.client.setStatus(this.state.runId, "RUNNING", undefined, this.within(limit));
      } catch (error) {
        if (!(error instanceof MlflowFailure && error.isAbsence)) throw error;
        this.state = undefined;
      }
    }
    if (this.state === undefined) {
      const { uri, experiment = "cramming" } = this.options;
      const beganAt = this.beganAt;
      const place = await this.client.openExperiment(experiment, this.within(limit));
      const name = basename(resolve(run));
      const runId = await this.client.createRun({ experiment: place, name, beganAt }, this.within(limit));
      this.store({ uri, experiment, runId, beganAt, sentStep: -1, sentValidation: -1 });
    }
    await this.client.logParams(this.state!.runId, params, this.within(limit));
    this.isOpen = true;
  }

  /** As many events as one request holds. */
  private takeBatch({ events, isMore }: QueuedEvents) {
    const metrics: Metric[] = [];
    let { sentStep, sentValidation } = this.state!;
    let end = this.offset;
    for (const { event, end: behind } of events) {
      const own = this.measure(event);
      if (metrics.length + own.length > mostMetrics) return { metrics, sentStep, sentValidation, end, isMore: true };
      metrics.push(...own);
      if (event.kind === "step") sentStep = Math.max(sentStep, event.step);
      if (event.kind === "validation") sentValidation = Math.max(sentValidation, event.step);
      end = behind;
    }
    return { metrics, sentStep, sentValidation, end, isMore };
  }

  /** What the server does not have of an event. JSON has no NaN: a loss that was not finite is left out. */
  private measure(event: TrainingEvent): Metric[] {
    const { beganAt, sentStep, sentValidation } = this.state!;
    const { step, elapsedSeconds } = event;
    if (step <= (event.kind === "validation" ? sentValidation : sentStep)) return [];
    const timestamp = Math.round(beganAt + 1000 * elapsedSeconds);
    return Object.entries(scalarsOf(event, this.from))
      .filter(([, value]) => Number.isFinite(value))
      .map(([key, value]) => ({ key, value, timestamp, step }));
  }

  private within(limit: AbortSignal | undefined): AbortSignal {
    const own = AbortSignal.timeout(1000 * this.pace.requestSeconds);
    return limit === undefined ? own : AbortSignal.any([own, limit]);
  }

  private get statePath(): string {
    return join(this.from.run, "mlflow.json");
  }

  /** Of this server and, where one was asked for, experiment; another one gets a run of its own. */
  private readState(): State | undefined {
    if (!existsSync(this.statePath)) return undefined;
    const { data } = stateSchema.safeParse(readJson(this.statePath, "run's MLflow state"));
    const { uri, experiment } = this.options;
    return data?.uri === uri && data.experiment === (experiment ?? data.experiment) ? data : undefined;
  }

  private store(state: State): void {
    this.state = state;
    writeFileAtomically(this.statePath, `${JSON.stringify(state, undefined, 2)}\n`);
  }
}
