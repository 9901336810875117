// Which charts a report has. A group is one question; its variants are the same curves on other axes, of which the page shows
// one at a time.

import { findPeak, tokensPerSecond } from "../../events/speed.ts";
import { formatValue, type Quantity } from "../quantity.ts";
import type { Curves } from "../runs/curves.ts";
import { groupByDataset, type RunRecord } from "../runs/run-record.ts";
import type { BarChart } from "./bar-chart.ts";
import type { AxisChoice, LineChart } from "./line-chart.ts";
import { chooseStyle, listLossCharts, type Variant } from "./loss-chart.ts";
import type { Series } from "./series.ts";

export interface ChartGroup {
  readonly id: string;
  readonly title: string;
  readonly variants: readonly Variant[];
}

/** The loss has a row of the page to itself, the others share one by two. */
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
      variants: listLossCharts(runs),
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
              title: "Share of measured peak (MFU)",
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
    name: `${choice.title[0]!.toLowerCase()}${choice.title.slice(1)}`,
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

/** Bars: where each run's seconds went, and where the read text went, unless all of it was kept. */
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
  return charts.filter(({ id, bars }) => bars.length > 0 && (id !== "funnel" || reasons.length > 0));
}
