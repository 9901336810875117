// A curve of a chart, and what of it is drawn: the line, and faintly behind it every step. In a range of x the line goes to the
// range's ends, and what lies before it still counts in an exponential mean.

import { meanOfColumns, type Points } from "../runs/downsample.ts";
import { averageExponentially, clipToRange, pickInRange, type Range } from "./shown-points.ts";

export interface Series extends Points {
  readonly name: string;
  /** The run's place in the report: its colour. */
  readonly run: number;
  /**
   * line: as it is; mean: a line that smoothing smooths; noisy: every step faintly and means; smooth: means; dots: few points; smooth dots:
   * means as dots.
   */
  readonly style: "line" | "mean" | "noisy" | "smooth" | "dots" | "smooth dots";
  /** What means are taken of where the points are not all there are. */
  readonly means?: Points;
  /** Drawn as a surface around a line, at its x. */
  readonly band?: { readonly low: readonly number[]; readonly high: readonly number[] } | undefined;
  /** Said behind the name where values are read out: "validation". */
  readonly kind?: string;
}

export interface Drawn extends Points {
  readonly name: string;
  readonly run: number;
  readonly kind?: string;
  readonly isDots: boolean;
  readonly faint: Points | undefined;
  readonly band: { readonly low: Points; readonly high: Points } | undefined;
}

export interface Drawing {
  readonly range?: Range | undefined;
  /** Half-life of an exponential mean as a share of the axis. */
  readonly smoothing?: number | undefined;
  /** Where x stands on the axis, 0 to 1. */
  readonly place: (x: number) => number;
  readonly plotWidth: number;
}

/** Columns of pixels that a mean is taken over: of a line, and of dots, which would hide each other. */
export const columnsPerMean = 4;
const columnsPerDot = 24;

export function chooseDrawn(series: Series, { range, smoothing, place, plotWidth }: Drawing): Drawn {
  const { name, run, kind, style, band, means = series } = series;
  const clip = (points: Points) => (range === undefined ? points : clipToRange(points, range));
  const average = (points: Points, pixels: number) => meanOfColumns(points, place, Math.round(plotWidth / pixels));
  const nothing = { faint: undefined, band: undefined };
  const common = { name, run, ...(kind !== undefined && { kind }) };
  if (style === "dots" || style === "smooth dots") {
    const points = range === undefined ? { x: series.x, y: series.y } : pickInRange(series, range);
    return { ...common, ...nothing, isDots: true, ...(style === "dots" ? points : average(means, columnsPerDot)) };
  }
  const own = clip({ x: series.x, y: series.y });
  const isSmoothed = smoothing !== undefined && style !== "line";
  const isOwn = style === "line" || style === "mean";
  const line = isSmoothed
    ? clip(averageExponentially(means, place, smoothing))
    : isOwn
      ? own
      : average(clip(means), columnsPerMean);
  return {
    ...common,
    isDots: false,
    x: line.x,
    y: line.y,
    faint: style === "noisy" || (isSmoothed && style === "mean") ? own : undefined,
    band: band && { low: clip({ x: series.x, y: band.low }), high: clip({ x: series.x, y: band.high }) },
  };
}
