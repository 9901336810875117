// A parser of files from elsewhere, run where it can do no harm: in a thread of its own that is ended when it has taken eight seconds
// of the processors and nothing has come out of it, or when it wants more memory than it may have. A damaged file can send a library
// round in circles, and on the thread of the program nothing could stop it then, not even Ctrl-C. On a busy machine a sound one takes
// long by the clock, which is no fault of the file's.

import { Worker } from "node:worker_threads";
import { UserError } from "../errors.ts";
import { readThreadSeconds } from "./thread-seconds.ts";

export interface BoundedWork {
  /** URL of a module, `import.meta.url` of a file beside or the result of `siblingModule`. */
  readonly module: string;
  /** The exported function of one argument in it that gives an iterable, async or not. */
  readonly name: string;
  /** Its argument, copied to the thread. */
  readonly input: unknown;
  /** Processor seconds without a value after which it is ended; of one that takes none it is eight times as many of the clock. Default 8. */
  readonly idleSeconds?: number;
  /** So many values are made before they are asked for: who asks may be busy, and the thread need not wait. Default 0. */
  readonly ahead?: number;
  /** Memory of its objects, at most; buffers are not counted, so what is parsed bounds those itself. */
  readonly heapMebibytes?: number;
}

/** How work ended that could not be finished; for the caller to say what that means for its file. */
export class BoundedWorkError extends Error {
  /** stuck: nothing came, though it had time enough; memory: the heap was full; failed: an error, whose message is this one's. */
  readonly reason: "stuck" | "memory" | "failed";

  constructor(reason: BoundedWorkError["reason"], message: string) {
    super(message);
    this.name = "BoundedWorkError";
    this.reason = reason;
  }
}

/** What the thread is told: to begin a work, which takes the place of the one before, or to make that work's next value. */
export type BoundedOrder = Pick<BoundedWork, "module" | "name" | "input"> | "next";

/** What it says when it begins: the system's name of it. */
export interface BoundedBegin {
  readonly kind: "begin";
  readonly thread: string | undefined;
}

/** What it answers to "next", with the number of the work that was asked for. */
export type BoundedAnswer = { readonly turn: number } & (
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "end" }
  | { readonly kind: "failure"; readonly message: string }
  | { readonly kind: "refusal"; readonly code: `E_${string}`; readonly message: string; readonly advice: string }
);

/** The URL of a module beside this one, `import.meta.url`: built, or as it stands where Node runs the sources. */
export function siblingModule(here: string, name: string): string {
  return new URL(`./${name}.${here.endsWith(".ts") ? "ts" : "js"}`, here).href;
}

/**
 * The values of the work, in their order. Errors: a UserError of the work as it is, `signal`'s reason once it
 * is aborted, else a BoundedWorkError.
 */
export async function* runBounded<T>(work: BoundedWork, signal?: AbortSignal): AsyncGenerator<T> {
  const thread = new BoundedThread(work.heapMebibytes);
  try {
    yield* thread.run<T>(work, signal);
  } finally {
    await thread.close();
  }
}

/**
 * A thread that does one work behind another: what it has loaded and what was compiled for it stays. It begins with the first work, and owns
 * memory until it is closed.
 */
export class BoundedThread {
  private readonly heapMebibytes: number;
  private begun: { readonly worker: Worker; readonly answers: Answers } | undefined;
  private turn = 0;

  constructor(heapMebibytes = 768) {
    this.heapMebibytes = heapMebibytes;
  }

  /** As `runBounded`, one work at a time. A work that does not come to its end ends the thread; the next one gets another. */
  async *run<T>(work: Omit<BoundedWork, "heapMebibytes">, signal?: AbortSignal): AsyncGenerator<T> {
    const { module, name, input, idleSeconds = 8, ahead = 0 } = work;
    signal?.throwIfAborted();
    const { worker, answers } = (this.begun ??= this.begin());
    const tell = (order: BoundedOrder) => worker.postMessage(order);
    const turn = ++this.turn;
    let hasEnded = false;
    try {
      tell({ module, name, input });
      for (let asked = 0; asked < ahead; asked++) tell("next");
      for (;;) {
        tell("next");
        let answer = await answers.take(idleSeconds, signal);
        // The work before was asked for more than it had.
        while (answer.turn < turn) answer = await answers.take(idleSeconds, signal);
        if (answer.kind === "end") {
          hasEnded = true;
          return;
        }
        if (answer.kind === "refusal") throw new UserError(answer.code, answer.message, answer.advice);
        if (answer.kind === "failure") throw new BoundedWorkError("failed", answer.message);
        yield answer.value as T;
      }
    } finally {
      if (!hasEnded) await this.close();
    }
  }

  /** Ends the thread, and what it is doing. */
  async close(): Promise<void> {
    const { begun } = this;
    this.begun = undefined;
    await begun?.worker.terminate();
  }

  private begin() {
    this.turn = 0;
    const worker = new Worker(new URL(siblingModule(import.meta.url, "bounded-worker-thread")), {
      resourceLimits: { maxOldGenerationSizeMb: this.heapMebibytes },
    });
    return { worker, answers: new Answers(worker) };
  }
}

/** How often a thread is looked at in the seconds that it may take. */
const looks = 8;

/** What a thread has answered and nobody has taken yet. */
class Answers {
  private readonly ready: BoundedAnswer[] = [];
  /** Processor seconds that it has taken; of the whole process as long as the thread has said no name. */
  private readSeconds: () => number;
  private end: BoundedWorkError | undefined;
  private wake = () => {};

  constructor(worker: Worker) {
    const begun = readThreadSeconds(undefined);
    this.readSeconds = () => readThreadSeconds(undefined) - begun;
    worker.on("message", (answer: BoundedAnswer | BoundedBegin) => {
      if (answer.kind === "begin") {
        const { thread } = answer;
        if (thread !== undefined) this.readSeconds = () => readThreadSeconds(thread);
        return;
      }
      this.ready.push(answer);
      this.wake();
    });
    // What comes behind an answer that ends it is about nothing that anybody waits for.
    worker.on("error", error => this.fail(explainEnd(error)));
    worker.on("exit", () => this.fail(new BoundedWorkError("failed", "its thread ended")));
  }

  async take(idleSeconds: number, signal: AbortSignal | undefined): Promise<BoundedAnswer> {
    if (this.ready.length === 0 && this.end === undefined) await this.wait(idleSeconds, signal);
    const answer = this.ready.shift();
    if (answer === undefined) throw this.end!;
    return answer;
  }

  private wait(idleSeconds: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        clearInterval(timer);
        signal?.removeEventListener("abort", abort);
        this.wake = () => {};
        act();
      };
      const abort = () => settle(() => reject(signal?.reason));
      const before = this.readSeconds();
      let [last, quiet] = [before, 0];
      // By the number of looks, since a process that is stopped for an hour looks no more often meanwhile.
      const look = () => {
        const now = this.readSeconds();
        quiet = now > last ? 0 : quiet + 1;
        last = now;
        const waits = quiet >= looks * looks;
        if (now - before < idleSeconds && !waits) return;
        const seconds = waits ? `${looks * idleSeconds} seconds` : `${idleSeconds} seconds of a processor`;
        settle(() => reject(new BoundedWorkError("stuck", `nothing came for ${seconds}`)));
      };
      const timer = setInterval(look, (idleSeconds * 1000) / looks);
      signal?.addEventListener("abort", abort);
      this.wake = () => settle(resolve);
    });
  }

  private fail(end: BoundedWorkError): void {
    this.end ??= end;
    this.wake();
  }
}

function explainEnd(error: Error): BoundedWorkError {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === "ERR_WORKER_OUT_OF_MEMORY"
    ? new BoundedWorkError("memory", "it wants more memory than it may have")
    : new BoundedWorkError("failed", message);
}
