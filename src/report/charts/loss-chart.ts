// The chart of the loss and its variants: every run by time, tokens or FLOPs, and recipes over their seeds.

import { formatValue, type Quantity } from "../quantity.ts";
import { averageCurves } from "../runs/average-curves.ts";
import type { Points } from "../runs/downsample.ts";
import type { RunRecord } from "../runs/run-record.ts";
import { groupByRecipe } from "../tables/recipe-groups.ts";
import { runColours } from "./chart-style.ts";
import { layoutWidths } from "./layouts.ts";
import type { LineChart } from "./line-chart.ts";
import type { Series } from "./series.ts";

/** The same curves on other axes. */
export interface Variant {
  readonly name: string;
  readonly chart: LineChart;
}

const [lossWidth] = layoutWidths;
/** A mean over seeds is taken in so many equal parts of a run. */
const bandColumns = 120;

/** Of each run; and over seeds, which shows the runs one by one where no recipe has several. */
export function listLossCharts(runs: readonly RunRecord[]): Variant[] {
  const each = abscissas.flatMap(abscissa =>
    (["linear", "log"] as const).map(kind => ({
      name: `by ${abscissa.name}, ${kind === "log" ? "logarithmic" : "linear"}`,
      chart: drawLoss(runs, abscissa, kind),
    })),
  );
  const overSeeds = [time, tokens].map(abscissa => ({
    name: `over seeds, by ${abscissa.name}`,
    chart: drawSeeds(runs, abscissa),
  }));
  return [...each, ...overSeeds];
}

/** More runs than colours are drawn without their single steps, which would only hide each other. */
export const chooseStyle = (runs: readonly RunRecord[]) => (runs.length <= runColours ? "noisy" : "smooth");

/** What the loss is drawn against. */
interface Abscissa {
  readonly name: string;
  readonly quantity: Quantity;
  /** From seconds and tokens so far; undefined when the run cannot say. */
  readonly of: (
    run: RunRecord,
    columns: { elapsedSeconds: Float64Array; tokens: Float64Array },
  ) => Float64Array | undefined;
}

const time: Abscissa = {
  ...{ name: "time", quantity: "seconds" },
  of: (_, { elapsedSeconds }) => elapsedSeconds,
};
const tokens: Abscissa = { name: "tokens", quantity: "tokens", of: (_, columns) => columns.tokens };
const abscissas: readonly Abscissa[] = [
  time,
  tokens,
  {
    name: "FLOPs",
    quantity: "flops",
    of: ({ flopsPerToken }, { tokens }) =>
      flopsPerToken === undefined ? undefined : tokens.map(count => count * flopsPerToken),
  },
];

function drawLoss(runs: readonly RunRecord[], abscissa: Abscissa, kind: "linear" | "log"): LineChart {
  const series = runs.flatMap((run, i): Series[] => {
    const { steps, stepMeans, validations } = run.curves;
    const x = abscissa.of(run, steps);
    const validatedAt = abscissa.of(run, validations);
    if (x === undefined || validatedAt === undefined) return [];
    const means = stepMeans && { x: abscissa.of(run, stepMeans)!, y: stepMeans.loss };
    const colour = run.colour ?? i;
    return [
      { name: run.name, run: colour, style: chooseStyle(runs), x, y: steps.loss, ...(means && { means }) },
      {
        name: run.name,
        run: colour,
        style: runs.length <= runColours ? "dots" : "smooth dots",
        kind: "validation",
        x: validatedAt,
        y: validations.loss,
      },
    ];
  });
  const ends = runs.map(run => {
    const last = run.curves.validations.loss.at(-1);
    return `${run.name}: ${last === undefined ? "no validation yet" : `last validation loss ${formatValue(last, "nats")}`}`;
  });
  return {
    width: lossWidth,
    id: `loss-by-${abscissa.name.toLowerCase()}${kind === "log" ? "-log" : ""}`,
    title: `Loss by ${abscissa.name}`,
    description: `Training and validation loss against ${abscissa.name}. ${ends.join("; ")}.`,
    x: { name: abscissa.name, quantity: abscissa.quantity, kind, fromZero: true },
    y: { name: "loss", quantity: "nats", kind },
    series,
    marks: listEntropies(runs),
    best: findBest(
      runs.map((run, i) => ({
        name: run.name,
        run: run.colour ?? i,
        x: abscissa.of(run, run.curves.validations)?.at(-1),
        y: run.curves.validations.loss.at(-1),
      })),
    ),
  };
}

/** The lowest of several ends. */
function findBest(ends: readonly { name: string; run: number; x: number | undefined; y: number | undefined }[]) {
  const known = ends.flatMap(({ x, y, ...end }) =>
    x === undefined || y === undefined || !Number.isFinite(y) ? [] : [{ ...end, x, y }],
  );
  return known.length < 2 ? undefined : known.reduce((best, end) => (end.y < best.y ? end : best));
}

/** Recipes as lines: the mean over their seeds, with a band of one standard deviation where there are several. */
function drawSeeds(runs: readonly RunRecord[], abscissa: Abscissa): LineChart {
  const groups = groupByRecipe(runs).map(group => ({
    ...group,
    run: group.runs[0]!.colour ?? runs.indexOf(group.runs[0]!),
    label: group.runs.length === 1 ? group.name : `${group.name}, ${group.runs.length} seeds`,
  }));
  const drawn = groups.flatMap(({ label, run, runs: members }) => {
    const curves = members.flatMap((member): Points[] => {
      const { steps, stepMeans = steps } = member.curves;
      const x = abscissa.of(member, stepMeans);
      return x === undefined || x.length === 0 ? [] : [{ x, y: stepMeans.loss }];
    });
    const band = averageCurves(curves, bandColumns);
    return band.x.length === 0 ? [] : [{ name: label, run, style: "mean" as const, ...band }];
  });
  const ends = groups.map(
    ({ label, mean, deviation }) =>
      `${label}: ${mean === undefined ? "no validation yet" : `last validation loss ${formatValue(mean, "nats")}`}${deviation === undefined ? "" : ` ± ${deviation.toFixed(3)}`}`,
  );
  return {
    width: lossWidth,
    id: `loss-over-seeds-by-${abscissa.name.toLowerCase()}`,
    title: `Loss over seeds by ${abscissa.name}`,
    description: `Training loss of each recipe against ${abscissa.name}: the mean over its seeds, with one standard deviation on each side. ${ends.join("; ")}.`,
    x: { name: abscissa.name, quantity: abscissa.quantity, kind: "linear", fromZero: true },
    y: { name: "training loss", quantity: "nats", kind: "linear" },
    series: drawn,
    marks: listEntropies(runs),
    best: findBest(drawn.map(({ name, run, x, y }) => ({ name, run, x: x.at(-1), y: y.at(-1) }))),
  };
}

/** The line to beat; runs on the same data share one. */
function listEntropies(runs: readonly RunRecord[]): { name: string; value: number }[] {
  const known = runs.flatMap(({ name, curves }) => {
    const value = curves.starts[0]?.unigramEntropy;
    return value !== undefined && Number.isFinite(value) ? [{ name, value }] : [];
  });
  const values = [...new Set(known.map(({ value }) => value))];
  return values.map(value => {
    const names = known.filter(one => one.value === value).map(({ name }) => name);
    return { value, name: `unigram entropy ${value.toFixed(3)}${values.length === 1 ? "" : `: ${names.join(", ")}`}` };
  });
}
