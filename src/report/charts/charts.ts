// Which charts a report has. A group is one question; its variants are the same curves on other axes, of which the page shows
// one at a time.

import { findPeak, tokensPerSecond } from "../../events/speed.ts";
import { formatValue, type Quantity } from "../quantity.ts";
import type { Curves } from "../runs/curves.ts";
import { groupByDataset, type RunRecord } from "../runs/run-record.ts";
import type { BarChart } from "./bar-chart.ts";
import { runColours } from "./chart-style.ts";
import type { AxisChoice, LineChart, Series } from "./line-chart.ts";

export interface ChartGroup {
  readonly id: string;
  readonly title: string;
  readonly variants: readonly { readonly name: string; readonly chart: LineChart }[];
}

/** The loss has a row of the page to itself, the others share one by two. */
const lossWidth = 900;
const otherWidth = 540;

export function listChartGroups(runs: readonly RunRecord[]): ChartGroup[] {
  const single = (chart: LineChart): ChartGroup => ({
    id: chart.id,
    title: chart.title,
    variants: [{ name: "", chart }],
  });
  return [
    {
      id: "loss",
      title: "Loss",
      variants: abscissas.flatMap(abscissa =>
        (["linear", "log"] as const).map(kind => ({
          name: `by ${abscissa.name}, ${kind === "log" ? "logarithmic" : "linear"}`,
          chart: drawLoss(runs, abscissa, kind),
        })),
      ),
    },
    single(
      drawByTime(
        runs,
        { id: "learning-rate", title: "Learning rate", quantity: "number", style: "line" },
        columnOf("learningRate"),
      ),
    ),
    single(
      drawByTime(
        runs,
        { id: "batch-size", title: "Batch size", quantity: "sequences", style: "line" },
        columnOf("batchSequences"),
      ),
    ),
    single(
      drawByTime(
        runs,
        { id: "throughput", title: "Throughput", quantity: "tokensPerSecond", style: "noisy" },
        throughputOf,
      ),
    ),
    single(
      runs.some(run => peakOf(run) !== undefined)
        ? drawByTime(
            runs,
            {
              id: "utilisation",
              title: "Share of the device's measured peak (MFU)",
              quantity: "share",
              style: "noisy",
            },
            utilisationOf,
          )
        : drawByTime(
            runs,
            { id: "arithmetic", title: "Model arithmetic", quantity: "flopsPerSecond", style: "noisy" },
            arithmeticOf,
          ),
    ),
    single(
      drawByTime(
        runs,
        { id: "gradient-norm", title: "Gradient norm", quantity: "number", style: "noisy", kind: "log" },
        columnOf("gradientNorm"),
      ),
    ),
  ];
}

/** More runs than colours are drawn without their single steps, which would only hide each other. */
const chooseStyle = (runs: readonly RunRecord[]) => (runs.length <= runColours ? "noisy" : "smooth");

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

const abscissas: readonly Abscissa[] = [
  { name: "time", quantity: "seconds", of: (_, { elapsedSeconds }) => elapsedSeconds },
  { name: "tokens", quantity: "tokens", of: (_, { tokens }) => tokens },
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

interface ByTime {
  readonly id: string;
  readonly title: string;
  readonly quantity: Quantity;
  readonly style: "line" | "noisy";
  readonly kind?: "log";
}

function drawByTime(runs: readonly RunRecord[], choice: ByTime, column: StepValue): LineChart {
  const style = choice.style === "noisy" ? chooseStyle(runs) : choice.style;
  const series = runs.flatMap((run, i): Series[] => {
    const { steps, stepMeans } = run.curves;
    const y = column(steps, run);
    if (y === undefined) return [];
    const means = stepMeans && { x: stepMeans.elapsedSeconds, y: column(stepMeans, run)! };
    return [{ name: run.name, run: run.colour ?? i, style, x: steps.elapsedSeconds, y, ...(means && { means }) }];
  });
  const ends = series.map(
    ({ name, y }) => `${name} ends at ${y.length === 0 ? "nothing" : formatValue(y[y.length - 1], choice.quantity)}`,
  );
  const y: AxisChoice = {
    name: choice.title.toLowerCase(),
    quantity: choice.quantity,
    kind: choice.kind ?? "linear",
    fromZero: true,
  };
  return {
    width: otherWidth,
    id: choice.id,
    title: choice.title,
    description: `${choice.title} against time. ${ends.join("; ")}.`,
    x: { name: "time", quantity: "seconds", kind: "linear", fromZero: true },
    y,
    series,
  };
}

/** A value of each step, or of means of steps; undefined when the run cannot say. */
type StepValue = (steps: Curves["steps"], run: RunRecord) => Float64Array | undefined;

const columnOf =
  (name: keyof Curves["steps"]): StepValue =>
  steps =>
    steps[name];

/** Tokens a second of each step. */
export const throughputOf = ({ stepTokens, stepSeconds }: Curves["steps"]): Float64Array =>
  stepSeconds.map((seconds, i) => tokensPerSecond(stepTokens[i]!, seconds));

const arithmeticOf: StepValue = (steps, { flopsPerToken }) =>
  flopsPerToken === undefined ? undefined : throughputOf(steps).map(tokens => tokens * flopsPerToken);

const utilisationOf: StepValue = (steps, run) => {
  const peak = peakOf(run);
  return peak === undefined ? undefined : arithmeticOf(steps, run)?.map(flops => flops / peak);
};

/** Of the device in FLOP/s; undefined where no start measured it. */
function peakOf(run: RunRecord): number | undefined {
  const measured = run.curves.starts.flatMap(({ peakFlops }) => peakFlops ?? []);
  return findPeak(measured, arithmeticOf(run.curves.steps, run) ?? []);
}

/** Bars: where each run's seconds went, and where the read text went. */
export function listBarCharts(runs: readonly RunRecord[]): BarChart[] {
  const funnels = groupByDataset(runs).flatMap(({ names, data: { funnel } }) =>
    funnel === undefined ? [] : [{ name: names, funnel }],
  );
  const takenFrom = ({ dropped, cut }: (typeof funnels)[number]["funnel"]): typeof dropped => ({
    ...dropped,
    ...(cut && { cut }),
  });
  const reasons = [
    ...new Set(
      funnels.flatMap(({ funnel }) =>
        Object.entries(takenFrom(funnel)).flatMap(([reason, { characters }]) => (characters > 0 ? [reason] : [])),
      ),
    ),
  ];
  const charts: BarChart[] = [
    {
      id: "budget",
      title: "Where the budget went",
      description: "The share of each run's seconds that went to training steps, validation, checkpoints and the rest.",
      quantity: "seconds",
      parts: ["training steps", "validation", "checkpoints", "other"],
      bars: runs.map(({ name, curves: { spent } }) => ({
        name,
        values: [spent.training, spent.validation, spent.checkpoints, spent.other],
      })),
    },
    {
      id: "funnel",
      title: "What was kept of the text",
      description: "The share of each dataset's characters that was kept, and that was dropped by reason.",
      quantity: "characters",
      parts: ["kept", ...reasons],
      bars: funnels.map(({ name, funnel }) => ({
        name,
        values: [funnel.kept.characters, ...reasons.map(reason => takenFrom(funnel)[reason]?.characters ?? 0)],
      })),
    },
  ];
  return charts.filter(({ bars }) => bars.length > 0);
}
