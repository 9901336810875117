// Threads that do parts of one job while their caller waits, and does parts itself: whoever is free takes the next one, and results stand in
// the order of the parts, so that nothing depends on how many threads there are. Nothing is awaited, so that what is long and has no reason to
// be asynchronous need not become it. Arrays that parts write lie in SharedArrayBuffers, which are not copied.

import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from "node:worker_threads";
import { siblingModule } from "./bounded-worker.ts";

/** One part of a job, by its number. */
export type PartWork<Input, Result> = (input: Input, part: number) => Result;

/** What a thread is told. Parts have numbers of their own through all jobs: one that comes late finds none left of an older job. */
export interface Job {
  readonly module: string;
  readonly name: string;
  readonly input: unknown;
  readonly first: number;
  readonly end: number;
}

export type PartAnswer = { readonly number: number; readonly result: unknown } | { readonly failure: unknown };

/** Places among the signals: how many jobs were told, the next part, how many parts are done. */
export const signal = { told: 0, next: 1, done: 2 } as const;

/** Takes the next part of a job; -1 where none is left. */
export function takePart(signals: Int32Array, { first, end }: Pick<Job, "first" | "end">): number {
  for (;;) {
    const next = Atomics.load(signals, signal.next);
    if (next < first || next >= end) return -1;
    if (Atomics.compareExchange(signals, signal.next, next, next + 1) === next) return next;
  }
}

export function endPart(signals: Int32Array): void {
  Atomics.add(signals, signal.done, 1);
  Atomics.notify(signals, signal.done);
}

/**
 * How long a caller that has nothing left to do waits for a part. A thread that ended, for want of memory as it may, cannot be heard of meanwhile:
 * whoever would hear of it is the one that waits.
 */
const patienceMs = 20 * 60_000;

/** Owns its threads, which begin with the first job that has parts for them. */
export class Crew {
  private readonly threads: number;
  private readonly patienceMs: number;
  private readonly signals = new Int32Array(new SharedArrayBuffer(12));
  private readonly members: { readonly worker: Worker; readonly port: MessagePort }[] = [];
  private end = 0;

  /** The caller is one of the threads. */
  constructor(threads: number, patience = patienceMs) {
    this.threads = threads;
    this.patienceMs = patience;
  }

  /**
   * What `work`, which the module at this URL exports by its own name, gives for each of so many parts. Throws what a part threw, once all are
   * done, and where no part is for longer than the caller's patience. Input and results are copied.
   */
  run<Input, Result>(module: string, work: PartWork<Input, Result>, input: Input, parts: number): Result[] {
    if (this.threads <= 1 || parts <= 1) return Array.from({ length: parts }, (_, part) => work(input, part));
    const { signals } = this;
    const first = this.end;
    const end = (this.end += parts);
    const helping = Math.min(this.threads, parts) - 1;
    while (this.members.length < helping) this.members.push(startMember(signals));
    const told = this.members.slice(0, helping);
    for (const { port } of told) port.postMessage({ module, name: work.name, input, first, end } satisfies Job);
    Atomics.add(signals, signal.told, 1);
    Atomics.notify(signals, signal.told);
    const answers: PartAnswer[] = [];
    for (let number = takePart(signals, { first, end }); number >= 0; number = takePart(signals, { first, end })) {
      answers.push(doPart(work, input, number, first));
      endPart(signals);
    }
    for (let done = 0; done < end; ) {
      if (Atomics.wait(signals, signal.done, done, this.patienceMs) === "timed-out") {
        throw new Error(`a thread gave nothing for ${this.patienceMs / 1000} s; it may have run out of memory`);
      }
      done = Atomics.load(signals, signal.done);
    }
    for (const { port } of told) {
      for (let got = receiveMessageOnPort(port); got !== undefined; got = receiveMessageOnPort(port)) {
        answers.push(got.message as PartAnswer);
      }
    }
    const results: Result[] = [];
    for (const answer of answers) {
      if ("failure" in answer) throw answer.failure;
      results[answer.number - first] = answer.result as Result;
    }
    return results;
  }

  /** Ends the threads. */
  close(): void {
    for (const { worker } of this.members.splice(0)) void worker.terminate();
  }
}

export function doPart(work: PartWork<never, unknown>, input: unknown, number: number, first: number): PartAnswer {
  try {
    return { number, result: work(input as never, number - first) };
  } catch (failure) {
    return { failure };
  }
}

function startMember(signals: Int32Array) {
  const { port1: port, port2 } = new MessageChannel();
  const worker = new Worker(new URL(siblingModule(import.meta.url, "crew-thread")), {
    workerData: { signals, port: port2 },
    transferList: [port2],
  });
  worker.unref();
  port.unref();
  return { worker, port };
}
