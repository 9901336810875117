// What signals do: work that can save takes them with `stopOnSignals`; all else keeps the system's own answer, which ends it at
// once and leaves nothing half made. Two do not wait for that: SIGUSR1, which would open Node's debugger, and SIGHUP where no
// terminal is left to close, as under nohup, whose wish Node forgets.

import { closeSync } from "node:fs";
import { constants } from "node:os";
import { isatty } from "node:tty";
import { systemClock } from "../../base/clock.ts";

/** Those that ask a program to end: Ctrl-C, a service, a closed terminal, and what batch systems send before time is up. */
const askingToEnd = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const;
type AskingToEnd = (typeof askingToEnd)[number];

/** Presses nearer to each other are one: npm and npx pass on what the terminal sends as well. */
const secondsBetweenPresses = 0.5;

let arrived: AskingToEnd | undefined;
/** What a signal does now, where work has taken them. */
let holder: ((signal: AskingToEnd) => void) | undefined;

const exitCodeOf = (signal: AskingToEnd) => 128 + constants.signals[signal];
const hasNoTerminal = () => !process.stdin.isTTY && !process.stdout.isTTY && !process.stderr.isTTY;

/** To be called before anything else of the program. */
export function watchSignals(): void {
  process.on("SIGUSR1", signal =>
    holder === undefined ? process.exit(exitCodeOf("SIGUSR1")) : holder(signal as "SIGUSR1"),
  );
  if (hasNoTerminal()) process.on("SIGHUP", () => undefined);
  closeLostTerminals();
}

/** Node sets its terminals back as it ends, and aborts, core dump and all, where one was closed meanwhile: it is not to find these. */
function closeLostTerminals(): void {
  const terminals = [0, 1, 2].filter(isatty);
  process.on("exit", () => {
    for (const terminal of terminals) if (!isatty(terminal)) closeSync(terminal);
  });
}

export interface StoppableWork<T> {
  /** What happens now, for a person: "stopping after this step; a checkpoint follows". Undefined where another process says it. */
  readonly announcement: string | undefined;
  /** What there is of work that ended before it had a result, and what goes on with it. Undefined where another process says it. */
  readonly unfinished: string | undefined;
  readonly warn: (text: string) => void;
  readonly work: (signal: AbortSignal) => Promise<T>;
}

/**
 * Does work that ends early, and saves, when its signal is aborted. A second request to end, at least half a second after the
 * first, ends the process at once. What the work throws because it was stopped is no error: the result is undefined then. The
 * process's exit code says which signal it was, if any.
 */
export async function stopOnSignals<T>({
  announcement,
  unfinished,
  warn,
  work,
}: StoppableWork<T>): Promise<T | undefined> {
  const stop = new AbortController();
  let lastSeconds = Number.NEGATIVE_INFINITY;
  const take = (signal: AskingToEnd) => {
    const now = systemClock.seconds();
    if (signal === "SIGHUP" && hasNoTerminal()) return;
    if (arrived === undefined) {
      arrived = signal;
      const second = signal === "SIGINT" ? "Ctrl-C" : signal;
      if (announcement !== undefined) warn(`${announcement}; a second ${second} gives up at once`);
      stop.abort();
    } else if (now - lastSeconds >= secondsBetweenPresses) {
      process.exit(exitCodeOf(signal));
    }
    lastSeconds = now;
  };
  holder = take;
  const taken = askingToEnd.filter(signal => signal !== "SIGUSR1");
  for (const signal of taken) process.on(signal, take);
  try {
    return await work(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted || (error as Error | undefined)?.name !== "AbortError") throw error;
    if (unfinished !== undefined) warn(unfinished);
    return undefined;
  } finally {
    // Once asked to end, the process takes repetitions of it to its end.
    if (arrived !== undefined) process.exitCode = exitCodeOf(arrived);
    else {
      for (const signal of taken) process.off(signal, take);
      holder = undefined;
    }
  }
}
