// What every kind of fault gives back, and the table that is printed of it.

import { systemClock } from "../../src/base/clock.ts";
import { contentHash } from "../../src/base/files/files.ts";
import { RandomSequence, streams } from "../../src/base/random.ts";
import { quoteCommand } from "../../src/base/shell-words.ts";

export interface Fault {
  /** What was done, and what is wrong. */
  readonly what: string;
  /** The command that repeats it. */
  readonly command: string;
}

export interface Row {
  readonly kind: string;
  readonly what: string;
  readonly tries: number;
  readonly faults: readonly Fault[];
  /** "taken 31, refused 209"; "skipped: needs root". */
  readonly note: string;
}

export interface Campaign {
  readonly seed: number;
  /** Of each kind as its own unit: kills, mutated inputs a reader, tries a stage. Undefined: the whole campaign's. */
  readonly count: number | undefined;
  /** Where good files, copies and failing cases are. */
  readonly folder: string;
  readonly good: string;
  /** Repeats one case: the reader and its number, or the scenario. */
  readonly only: {
    readonly reader?: string | undefined;
    readonly number?: number | undefined;
    readonly scenario?: string | undefined;
  };
  readonly onProgress: (done: number, all: number, what: string) => void;
}

/** Every kind is one of these: rows as they are finished. */
export type Kind = (campaign: Campaign) => AsyncGenerator<Row>;

/** What is drawn for one try of a row, whatever other rows there are and whoever does it. */
export function drawFor({ seed }: Campaign, row: string, number: number): RandomSequence {
  const place = Number.parseInt(contentHash(row).slice(0, 7), 16);
  return new RandomSequence(seed, streams.sampling, place * 2 ** 24 + number);
}

/** The command that repeats a row's tries of one scenario. */
export function repeatWith(kind: string, { seed, count }: Campaign, scenario?: string): string {
  const chosen = scenario === undefined ? [] : ["--scenario", scenario];
  const counted = count === undefined ? [] : ["--count", String(count)];
  return `npm run torture -- ${quoteCommand("--only", kind, ...chosen, "--seed", String(seed), ...counted)}`;
}

const widths = [8, 34, 6, 9] as const;

export function formatHeader(): string {
  return `${formatCells(["kind", "what", "tries", "survived"])}  what did not`;
}

export function formatRow({ kind, what, tries, faults, note }: Row): string {
  const seen = [...new Set(faults.map(fault => fault.what.split("\n")[0]!.slice(0, 60)))];
  const said = seen.length > 2 ? `${seen.slice(0, 2).join("; ")}; …` : seen.join("; ");
  const survived = String(tries - faults.length);
  return `${formatCells([kind, what, String(tries), survived])}  ${[said, note].filter(text => text !== "").join("; ")}`;
}

const formatCells = (cells: readonly string[]) =>
  cells.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(" ");

/** Tells how far the work is: on a terminal in one line, elsewhere every half minute. */
export function createProgress(isTerminal: boolean, write: (text: string) => void) {
  const start = systemClock.seconds();
  let said = Number.NEGATIVE_INFINITY;
  return (done: number, all: number, what: string): void => {
    const now = systemClock.seconds();
    if (now - said < (isTerminal ? 0.2 : 30)) return;
    said = now;
    const left = done === 0 ? "" : `, about ${Math.ceil((((now - start) / done) * (all - done)) / 60)} min left`;
    const text = `${what}: ${done} of ${all}${left}`;
    write(isTerminal ? `\r\u001b[K${text}` : `${text}\n`);
  };
}
