// A peer in a process of its own, driven by lines: it greets with {"name": …} or {"absent": why}, then answers every line
// it is sent with one line of JSON. Between answers it waits for input and uses no processor.

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { UserError } from "../../src/base/errors.ts";

interface Waiting {
  resolve(line: string): void;
  reject(error: Error): void;
}

export class Peer {
  /** What it calls itself: the library and its version. */
  readonly name: string;
  private readonly process: ChildProcessWithoutNullStreams;
  private readonly lines: Lines;

  private constructor(name: string, process: ChildProcessWithoutNullStreams, lines: Lines) {
    this.name = name;
    this.process = process;
    this.lines = lines;
  }

  /** Starts the process and waits for its greeting. Throws UserError E_PEER_ABSENT when the machine lacks what it needs. */
  static async start(command: string, args: readonly string[], environment: NodeJS.ProcessEnv): Promise<Peer> {
    const child = spawn(command, args, { env: { ...process.env, ...environment, PYTHONDONTWRITEBYTECODE: "1" } });
    const lines = new Lines(child);
    const greeting = JSON.parse(await lines.next()) as { name?: string; absent?: string };
    if (greeting.name !== undefined) return new Peer(greeting.name, child, lines);
    child.stdin.end();
    throw absent(String(greeting.absent));
  }

  get processIds(): readonly number[] {
    return this.process.pid === undefined ? [] : [this.process.pid];
  }

  /** Sends a line that has no answer. */
  tell(line: string): void {
    this.process.stdin.write(`${line}\n`);
  }

  /** Sends a line, returns the answer. */
  async ask<Answer>(line: string): Promise<Answer> {
    const answer = this.lines.next();
    this.tell(line);
    return JSON.parse(await answer) as Answer;
  }

  /** Ends its input, upon which it leaves. */
  close(): void {
    this.process.stdin.end();
  }
}

/** Lines of a process's output; when it is gone, whoever waits is told its last words. */
class Lines {
  private waiting: Waiting | undefined;
  private words = "";
  private gone: Error | undefined;

  constructor(child: ChildProcessWithoutNullStreams) {
    createInterface(child.stdout).on("line", line => {
      const waiting = this.waiting;
      this.waiting = undefined;
      waiting?.resolve(line);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      this.words = (this.words + chunk.toString()).slice(-4000);
    });
    // A write to a process that is gone; "close" tells the story.
    child.stdin.on("error", () => {});
    const command = child.spawnfile;
    child.on("error", error => this.end(absent(`${command}: ${error.message}`)));
    child.on("close", status => this.end(new Error(`${command} ended with ${status}: ${this.words.trim()}`)));
  }

  next(): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.gone !== undefined) reject(this.gone);
      else this.waiting = { resolve, reject };
    });
  }

  private end(error: Error): void {
    this.gone ??= error;
    this.waiting?.reject(this.gone);
    this.waiting = undefined;
  }
}

function absent(message: string): UserError {
  return new UserError("E_PEER_ABSENT", message, "Install it, or leave it out with --peer.");
}

/** Starts what can be started; for the others, `note` is told in one line why not. */
export async function startPeers<T>(starts: readonly (() => Promise<T>)[], note: (line: string) => void): Promise<T[]> {
  const peers: T[] = [];
  for (const start of starts) {
    try {
      peers.push(await start());
    } catch (error) {
      if (!(error instanceof UserError) || error.code !== "E_PEER_ABSENT") throw error;
      note(`without this peer: ${error.message}`);
    }
  }
  return peers;
}

/**
 * Settings for libraries that bring threads of their own. OpenMP's threads and OpenBLAS's would otherwise spin against each other
 * in Debian's PyTorch, which costs it a third of its speed in f32 (measured; others gain or lose nothing).
 */
export function threadEnvironment(threads: number): NodeJS.ProcessEnv {
  return {
    OMP_NUM_THREADS: String(threads),
    OMP_WAIT_POLICY: "passive",
    OPENBLAS_NUM_THREADS: String(threads),
    OPENBLAS_THREAD_TIMEOUT: "20",
  };
}
