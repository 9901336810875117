// One row a run of the dashboard's table: how it stands now, as text to read and as a number to sort by.

import { formatValue, type Quantity } from "../quantity.ts";
import { gatherCurves } from "../runs/curves.ts";
import { describeDivergence } from "../tables/run-tables.ts";
import type { Column } from "../tables/table.ts";
import type { WatchedRun } from "./dashboard-runs.ts";

export const rowColumns = [
  { key: "state", name: "state", quantity: "text" },
  { key: "progress", name: "budget used", quantity: "share" },
  { key: "left", name: "left", quantity: "seconds" },
  { key: "steps", name: "steps", quantity: "steps" },
  { key: "tokens", name: "tokens", quantity: "tokens" },
  { key: "loss", name: "training loss", quantity: "nats" },
  { key: "validation", name: "validation loss", quantity: "nats" },
  { key: "lowest", name: "lowest", quantity: "nats" },
  { key: "throughput", name: "tokens/s", quantity: "count" },
  { key: "changed", name: "last event", quantity: "text" },
  { key: "recipe", name: "recipe", quantity: "text" },
] as const satisfies readonly Column[];

export interface Row {
  readonly name: string;
  /** Said where the row is pointed at: what could not be read. */
  readonly trouble: string | null;
  /** By columns: the text, and what rows are sorted by. */
  readonly cells: readonly (readonly [text: string, order: number | string | null])[];
}

const noCurves = gatherCurves({ thinned: true }).take();

/** A run without an event for so long trains no more, or has come to a standstill. */
const silenceSeconds = 300;
/** Of the intervals of time that means are kept of: what "now" is. */
const recentShare = 0.02;

/** @param nowSeconds seconds of the date */
export function describeRow(run: WatchedRun, nowSeconds: number): Row {
  const record = run.readRecord();
  // Of a file that is still read everything would change a moment later.
  const { steps, stepMeans, validations, reason } = run.tail.shareRead < 1 ? noCurves : record.curves;
  const progress = steps.progress.at(-1);
  const elapsedSeconds = steps.elapsedSeconds.at(-1);
  const isOpen = reason === undefined && run.tail.failure === undefined;
  const left =
    isOpen && progress !== undefined && elapsedSeconds !== undefined && progress > 0
      ? elapsedSeconds / progress - elapsedSeconds
      : undefined;
  const lowest = validations.loss.reduce(
    (least, loss) => Math.min(least, Number.isNaN(loss) ? least : loss),
    Number.POSITIVE_INFINITY,
  );
  const values: Readonly<Record<(typeof rowColumns)[number]["key"], string | number | undefined>> = {
    state:
      run.tail.shareRead === 1 && describeDivergence(record) !== undefined
        ? "diverged"
        : describeState(run, reason, nowSeconds),
    progress,
    left,
    steps: steps.step.at(-1),
    tokens: steps.tokens.at(-1),
    loss: meanOfRecent(stepMeans?.loss),
    validation: validations.loss.at(-1),
    lowest: Number.isFinite(lowest) ? lowest : undefined,
    throughput: divide(meanOfRecent(stepMeans?.stepTokens), meanOfRecent(stepMeans?.stepSeconds)),
    recipe: record.recipe.get("name"),
    changed: Math.floor(run.tail.changedSeconds / 60),
  };
  return {
    name: run.name,
    trouble: run.trouble ?? null,
    cells: rowColumns.map(({ key, quantity }) => [
      key === "changed"
        ? formatMinute(run.tail.changed)
        : key === "left"
          ? formatLeft(left)
          : formatCell(values[key], quantity),
      values[key] ?? null,
    ]),
  };
}

/** "01-31 12:59", where the dashboard runs. */
const formatMinute = (date: Date | undefined) => date?.toLocaleString("sv-SE").slice(5, 16) ?? "";

/** "26 min", "1 h 05 min": what is left needs no digits behind the point. */
function formatLeft(seconds: number | undefined): string {
  if (seconds === undefined) return "";
  const minutes = Math.ceil(seconds / 60);
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

const formatCell = (value: string | number | undefined, quantity: Quantity) =>
  quantity === "share" && typeof value === "number"
    ? `${(100 * value).toFixed(value < 0.1 ? 1 : 0)} %`
    : formatValue(value, quantity);

function describeState({ tail, trouble }: WatchedRun, reason: string | undefined, nowSeconds: number): string {
  if (tail.failure !== undefined) return "unreadable";
  if (tail.shareRead < 1) return `reading, ${Math.floor(100 * tail.shareRead)} %`;
  if (reason === "budget") return trouble === undefined ? "finished" : "finished, files missing";
  if (reason !== undefined) return reason;
  const silence = nowSeconds - tail.changedSeconds;
  return silence < silenceSeconds ? "training" : "silent";
}

function meanOfRecent(means: Float64Array | undefined): number | undefined {
  if (means === undefined) return undefined;
  const recent = means.subarray(means.length - Math.ceil(recentShare * means.length)).filter(Number.isFinite);
  return recent.length === 0 ? undefined : recent.reduce((sum, value) => sum + value, 0) / recent.length;
}

const divide = (a: number | undefined, b: number | undefined) =>
  a === undefined || b === undefined ? undefined : a / b;
