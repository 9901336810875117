// One axis of a chart: where a value stands between 0 and 1, and the ticks. Plain numbers; units are chosen before.

export interface Tick {
  readonly value: number;
  readonly label: string;
}

export interface Axis {
  readonly kind: "linear" | "log";
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly Tick[];
}

/** What an axis can hold: beyond, float64 has no room for the arithmetic of ticks. */
const drawable = { least: 1e-100, most: 1e100 };

/** Whether a value is drawn: finite, of a size that an axis holds, and on a logarithmic one above 0. */
export const isDrawable = (kind: "linear" | "log", value: number): boolean =>
  Math.abs(value) <= drawable.most && (kind === "linear" || value >= drawable.least);

/** As a share of the values: less is no difference that float64 could draw. */
const smallestSpan = 1e-9;

/**
 * An axis that holds every given value, to a billionth of a step; one with `round` ends at ticks. A logarithmic axis leaves out what is not
 * above 0.
 */
export function makeAxis(kind: "linear" | "log", extremes: readonly number[], options: { round: boolean }): Axis {
  const shown = extremes.filter(value => isDrawable(kind, value));
  let low = shown.length === 0 ? 1 : Math.min(...shown);
  let high = shown.length === 0 ? 2 : Math.max(...shown);
  if (high - low <= Math.max(drawable.least, smallestSpan * Math.max(Math.abs(low), Math.abs(high)))) {
    const room = kind === "log" ? low / 2 : Math.abs(low) / 10 || 1;
    low -= room;
    high += room;
  }
  if (options.round && kind === "linear") {
    const step = chooseStep(low, high);
    low = Math.floor(low / step + 1e-9) * step;
    high = Math.ceil(high / step - 1e-9) * step;
  } else if (options.round) {
    low /= 1.05;
    high *= 1.05;
  }
  return { kind, low, high, ticks: kind === "log" ? listLogTicks(low, high) : listLinearTicks(low, high) };
}

/** 0 at the axis's low end, 1 at its high end; NaN for what a logarithmic axis cannot show. */
export function placeOn({ kind, low, high }: Axis, value: number): number {
  if (kind === "linear") return (value - low) / (high - low);
  return value > 0 ? Math.log(value / low) / Math.log(high / low) : Number.NaN;
}

/** About a character's width in pixels, for nothing measures text. */
export const characterWidth = 7;

/** The ticks with their pixel, and whether their label has room beside the one before. */
export function placeLabels(
  axis: Axis,
  pixelOf: (value: number) => number,
): (Tick & { x: number; hasRoom: boolean })[] {
  let free = Number.NEGATIVE_INFINITY;
  return axis.ticks.map(tick => {
    const x = pixelOf(tick.value);
    const half = (characterWidth * tick.label.length) / 2;
    const hasRoom = x - half >= free;
    if (hasRoom) free = x + half + 4;
    return { ...tick, x, hasRoom };
  });
}

/** 1, 2 or 5 times a power of ten that gives four to nine ticks. */
function chooseStep(low: number, high: number): number {
  const raw = (high - low) / 8;
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * ([1, 2, 5].find(digit => digit * power >= raw * (1 - 1e-9)) ?? 10);
}

function listLinearTicks(low: number, high: number): Tick[] {
  const step = chooseStep(low, high);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const plain = digits <= 5 && Math.max(Math.abs(low), Math.abs(high)) < 1e9;
  const label = (value: number) =>
    plain
      ? value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })
      : value.toExponential(2).replace(/\.?0+e/, "e");
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step).map(value => ({
    value,
    label: label(value),
  }));
}

/** Powers of ten; with fewer than three of them also twice and five times, then every digit; else as on a linear axis. */
function listLogTicks(low: number, high: number): Tick[] {
  const powers = Array.from(
    { length: Math.ceil(Math.log10(high / low)) + 2 },
    (_, i) => 10 ** (Math.floor(Math.log10(low)) + i),
  );
  const stride = Math.ceil(Math.log10(high / low) / 8);
  for (const digits of [[1], [1, 2, 5], [1, 2, 3, 4, 5, 6, 8]]) {
    const values = powers
      .filter((_, i) => i % stride === 0)
      .flatMap(power => digits.map(digit => Number((digit * power).toPrecision(12))))
      .filter(value => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9));
    if (values.length >= 4) return values.map(value => ({ value, label: labelLogTick(value) }));
  }
  return listLinearTicks(low, high);
}

const labelLogTick = (value: number) =>
  value >= 1e-4 && value < 1e6
    ? value.toLocaleString("en-US", { maximumFractionDigits: 6 })
    : value.toExponential(1).replace(".0e", "e");
