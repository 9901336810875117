// The sizes of a ladder of sizes: one recipe at several widths and depths. Heads keep their width and the feed-forward its ratio, so
// that a size differs from the others in its size alone.

import { UserError } from "../base/errors.ts";
import { quoteValue } from "../base/printable.ts";

export interface ModelSize {
  /** "128x2": width and layers. */
  readonly name: string;
  /** Assignments to the recipe. */
  readonly set: readonly string[];
}

export interface SizeBase {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly feedForward: number;
}

/** Of the base's width and layers: with a vocabulary of thousands about thirty times as many parameters at the end. */
const defaultRatios = [1 / 2, 3 / 4, 1, 3 / 2, 2, 3];

/** The default ladder around a model. */
export function listDefaultSizes({ width, layers, heads }: SizeBase): string[] {
  const headWidth = width / heads;
  const sizes = defaultRatios.map(ratio => {
    const ownHeads = Math.max(1, Math.round((ratio * width) / headWidth));
    return `${ownHeads * headWidth}x${Math.max(1, Math.round(ratio * layers))}`;
  });
  return sizes.filter((size, i) => sizes.indexOf(size) === i);
}

/** UserError E_SCALE for a size that is none, or that heads of the base's width do not fill. */
export function makeSize(size: string, base: SizeBase): ModelSize {
  const [, width = 0, layers = 0] = (/^([1-9]\d{0,5})x([1-9]\d{0,3})$/.exec(size) ?? []).map(Number);
  if (width === 0) {
    throw new UserError(
      "E_SCALE",
      `--sizes ${quoteValue(size)}: not a width and layers, both from 1`,
      "Write them as in --sizes 64x1,128x2,256x4.",
    );
  }
  const headWidth = base.width / base.heads;
  if (width % headWidth !== 0) {
    throw new UserError(
      "E_SCALE",
      `the size ${size}: heads of the recipe are ${headWidth} wide, and ${width} is no multiple of that`,
      `Give multiples of ${headWidth}, or the recipe another model.heads.`,
    );
  }
  const set = {
    width,
    layers,
    heads: width / headWidth,
    // Even: a gate takes half of it.
    feedForward: 2 * Math.round((base.feedForward * width) / base.width / 2),
  };
  return { name: `${width}x${layers}`, set: Object.entries(set).map(([name, value]) => `model.${name}=${value}`) };
}
