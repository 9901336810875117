// What a person sees: plain lines, one status line that is rewritten on a terminal, colours unless NO_COLOR says no.

import { systemClock } from "../base/clock.ts";
import { formatDuration } from "../train/budget.ts";
import type { StepEvent } from "../train/events.ts";

const codes = { red: 31, green: 32, bold: 1, dim: 2 } as const;

/** For standard output, or the stream that the text goes to. A NO_COLOR that is not empty turns it off (no-color.org). */
export function colour(name: keyof typeof codes, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  const wanted = stream.isTTY && (process.env.NO_COLOR ?? "") === "";
  return wanted ? `\u001b[${codes[name]}m${text}\u001b[0m` : text;
}

/** A reader that goes away (`| head`) ends no training: what it would have read is in events.jsonl. */
export function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
}

/** Results, to standard output. */
export function print(text: string): void {
  clearStatus();
  process.stdout.write(`${text}\n`);
}

/** What goes wrong, to standard error. */
export function printError(text: string): void {
  clearStatus();
  process.stderr.write(`${text}\n`);
}

let statusShown = false;
let statusSeconds = Number.NEGATIVE_INFINITY;
const secondsBetweenLines = 10;

/** Where long work stands: rewritten in place on a terminal, elsewhere a plain line every ten seconds. */
export function showStatus(text: string): void {
  const now = systemClock.seconds();
  if (process.stdout.isTTY) {
    if (now - statusSeconds < 0.05) return;
    process.stdout.write(`\r\u001b[K${text.slice(0, (process.stdout.columns ?? 80) - 1)}`);
    statusShown = true;
  } else {
    if (now - statusSeconds < secondsBetweenLines) return;
    process.stdout.write(`${text}\n`);
  }
  statusSeconds = now;
}

function clearStatus(): void {
  if (statusShown) process.stdout.write("\r\u001b[K");
  statusShown = false;
}

/** Smooths losses and speed over the last steps, for the status line. */
export function createStepPrinter(
  budget: { seconds?: number; steps?: number },
  tokensPerSequence: number,
  /** FLOPs of a token over the device's peak FLOP/s; undefined where no peak is known. */
  peakSecondsPerToken: number | undefined,
): (event: StepEvent) => string {
  let smoothLoss: number | undefined;
  let smoothRate: number | undefined;
  return (event: StepEvent): string => {
    const mix = (before: number | undefined, now: number) => (before === undefined ? now : 0.95 * before + 0.05 * now);
    if (!event.skipped) smoothLoss = mix(smoothLoss, event.loss);
    smoothRate = mix(smoothRate, (event.batchSequences * tokensPerSequence) / Math.max(event.stepSeconds, 1e-9));
    const left =
      budget.seconds !== undefined
        ? `${formatDuration(budget.seconds - event.elapsedSeconds)} left`
        : `${(budget.steps ?? 0) - event.step} steps left`;
    const percent = `${(event.progress * 100).toFixed(0).padStart(3)} %`;
    const speed = `${Math.round(smoothRate).toLocaleString("en-US")} tokens/s`;
    // A peak that was measured beside other load is too low.
    const share =
      peakSecondsPerToken === undefined
        ? ""
        : `  ${(100 * Math.min(1, smoothRate * peakSecondsPerToken)).toFixed(0)} % of peak`;
    return `${percent}  ${left}  step ${event.step}  loss ${smoothLoss?.toFixed(3) ?? "not finite"}  ${speed}${share}`;
  };
}
