// Whether two shapes are one model: fields that make no difference to the parameters or the function do not count.

import { listRotaryBases } from "./inputs.ts";
import { initialOptions, largestSizes, listOptions, type ModelShape } from "./shape.ts";

/** The base that each layer turns by. */
const listLayerBases = (shape: ModelShape) => {
  const bases = listRotaryBases(shape);
  return bases.length === 0 ? [] : Array.from({ length: shape.layers }, (_, i) => bases[i % bases.length]!);
};

/** Sizes and options by path: "width", "mixer.causal". */
const listValues = (shape: ModelShape): ReadonlyMap<string, unknown> =>
  new Map([
    ...Object.keys(largestSizes).map(name => [name, shape[name as keyof typeof largestSizes]] as [string, unknown]),
    ...listOptions(shape).map(({ path, value }) => [path, value] as [string, unknown]),
  ]);

/** What two shapes have at a path; undefined for an option that only another mixer has. */
export interface ShapeDifference {
  readonly path: string;
  readonly values: readonly [unknown, unknown];
}

/**
 * The options in which two shapes are not one model. The length of a sequence is one only where its positions are learned: other tables
 * are computed for any length. Bases are compared where both are rotary. What parameters begin at is none, and what predicts tokens none
 * where one of the two is an encoder alone.
 */
export function compareShapes(a: ModelShape, b: ModelShape): ShapeDifference[] {
  const [ours, theirs] = [listValues(a), listValues(b)];
  const isAlike = (path: string) =>
    JSON.stringify(ours.get(path)) === JSON.stringify(theirs.get(path)) ||
    (path === "sequenceLength" && a.positions === b.positions && a.positions !== "learned") ||
    (path === "rotaryBases" &&
      (a.positions !== b.positions || listLayerBases(a).join() === listLayerBases(b).join())) ||
    initialOptions.includes(path) ||
    ((a.isEncoder === true || b.isEncoder === true) && /^(head|decoder\..*)$/.test(path));
  return [...new Set([...ours.keys(), ...theirs.keys()])]
    .filter(path => !isAlike(path))
    .map(path => ({ path, values: [ours.get(path), theirs.get(path)] }));
}

/** Their paths. */
export const listShapeDifferences = (a: ModelShape, b: ModelShape): string[] =>
  compareShapes(a, b).map(({ path }) => path);
