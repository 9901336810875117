// What a person sees: plain lines, one status line that is rewritten on a terminal, colours unless NO_COLOR says no. The one
// place that writes to the terminal: whatever text from outside is in a line, it comes out visible, and only our colours colour.

import { systemClock } from "../../base/clock.ts";
import { explainWriteFailure } from "../../base/files/write-failure.ts";
import { makeLinesPrintable, makePrintable } from "../../base/printable.ts";
import type { StepEvent } from "../../events/event.ts";
import type { Speed } from "../../events/speed.ts";
import { type Budget, describeRest } from "../../train/budget.ts";

/** SGR codes, and the noncharacter that stands for each until the text is written; one in a file can do no more than colour. */
const colours = {
  red: [31, "\ufdd0"],
  green: [32, "\ufdd1"],
  bold: [1, "\ufdd2"],
  dim: [2, "\ufdd3"],
  plain: [0, "\ufdd4"],
} as const;
const marks = Object.values(colours).map(([, mark]) => mark);
const codes = new Map<string, string>(Object.values(colours).map(([code, mark]) => [mark, `\u001b[${code}m`]));
const everyMark = new RegExp(`[${marks.join("")}]`, "g");

/** Whether lines can be rewritten: TERM=dumb says that they cannot. */
const isTerminal = (stream: NodeJS.WriteStream) => stream.isTTY && process.env.TERM !== "dumb";
/** A NO_COLOR that is not empty turns colours off (no-color.org). */
const hasColours = (stream: NodeJS.WriteStream) => isTerminal(stream) && (process.env.NO_COLOR ?? "") === "";

/** For `print`, or for the writer of the stream that the text goes to. */
export function colour(
  name: Exclude<keyof typeof colours, "plain">,
  text: string,
  stream: NodeJS.WriteStream = process.stdout,
): string {
  return hasColours(stream) ? `${colours[name][1]}${text}${colours.plain[1]}` : text;
}

/** Text as it goes to a stream: nothing in it is obeyed by a terminal but the colours that `colour` gave it. */
export function dressText(text: string, withColours: boolean): string {
  if (!withColours) return makeLinesPrintable(text);
  return makeLinesPrintable(text, marks.join("")).replace(everyMark, mark => codes.get(mark)!);
}

function write(stream: NodeJS.WriteStream, text: string): void {
  stream.write(`${dressText(text, hasColours(stream))}\n`);
}

/**
 * A reader or a terminal that goes away (`| head`) ends no training, and neither does a file that takes no more (`> log`): what they would
 * have shown is in events.jsonl. Such a file is told of once, in `onLost`, and no exit code then says that all is well.
 */
export function outliveReaders(onLost: (error: unknown) => void): void {
  let isComplete = true;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE" || error.code === "EIO" || !isComplete) return;
    isComplete = false;
    process.on("exit", code => {
      if (code === 0) process.exitCode = 1;
    });
    onLost(explainWriteFailure(error, "standard output", "; what is printed from here on is lost"));
  });
  // Nobody is left to be told.
  process.stderr.on("error", () => {});
}

/** Results, to standard output. */
export function print(text: string): void {
  clearStatus();
  write(process.stdout, text);
}

/** What goes wrong, to standard error. */
export function printError(text: string): void {
  clearStatus();
  write(process.stderr, text);
}

let isForMachines = false;

/** Whether what this command says beside its results is for machines: each of it is a line of JSON then. */
export function speakJson(asked: boolean): void {
  isForMachines = asked;
}

/** What a person should know beside the results, to standard error. */
export function printWarning(text: string): void {
  printError(isForMachines ? JSON.stringify({ kind: "warning", message: text }) : text);
}

let statusShown = false;
let statusSeconds = Number.NEGATIVE_INFINITY;
const secondsBetweenLines = 10;

/** Where long work stands: rewritten in place on a terminal, elsewhere a plain line every ten seconds. */
export function showStatus(text: string): void {
  const now = systemClock.seconds();
  if (isTerminal(process.stdout)) {
    if (now - statusSeconds < 0.05) return;
    // Some terminals say that they have 0 columns.
    process.stdout.write(`\r\u001b[K${makePrintable(text, (process.stdout.columns || 80) - 1)}`);
    statusShown = true;
  } else {
    if (now - statusSeconds < secondsBetweenLines) return;
    write(process.stdout, text);
  }
  statusSeconds = now;
}

function clearStatus(): void {
  if (statusShown) process.stdout.write("\r\u001b[K");
  statusShown = false;
}

/** Smooths losses over the last steps, for the status line. */
export function createStepPrinter(
  budget: Budget,
  readSpeed: (event: StepEvent) => Speed,
): (event: StepEvent) => string {
  let smoothLoss: number | undefined;
  return (event: StepEvent): string => {
    const mix = (before: number | undefined, now: number) => (before === undefined ? now : 0.95 * before + 0.05 * now);
    if (!event.skipped) smoothLoss = mix(smoothLoss, event.loss);
    const { tokensPerSecond, shareOfPeak } = readSpeed(event);
    const percent = `${(event.progress * 100).toFixed(0).padStart(3)} %`;
    const speed = `${Math.round(tokensPerSecond).toLocaleString("en-US")} tokens/s`;
    const share = shareOfPeak === undefined ? "" : `  ${(100 * shareOfPeak).toFixed(0)} % of peak`;
    return `${percent}  ${describeRest(budget, event)}  step ${event.step}  loss ${smoothLoss?.toFixed(3) ?? "not finite"}  ${speed}${share}`;
  };
}
