// Whether two shapes are one model: fields that make no difference to the parameters or the function do not count.

import { listRotaryBases } from "./inputs.ts";
import type { ModelShape } from "./shape.ts";

/** The base that each layer turns by. */
const listLayerBases = (shape: ModelShape) => {
  const bases = listRotaryBases(shape);
  return bases.length === 0 ? [] : Array.from({ length: shape.layers }, (_, i) => bases[i % bases.length]!);
};

/**
 * The fields in which two shapes are not one model, by name. The length of a sequence is one only where its positions are
 * learned: other tables are computed for any length. Bases are compared where both are rotary.
 */
export function listShapeDifferences(a: ModelShape, b: ModelShape): (keyof ModelShape)[] {
  const isAlike = (name: keyof ModelShape) =>
    JSON.stringify(a[name]) === JSON.stringify(b[name]) ||
    (name === "sequenceLength" && a.positions === b.positions && a.positions !== "learned") ||
    (name === "rotaryBases" && (a.positions !== b.positions || listLayerBases(a).join() === listLayerBases(b).join()));
  return (Object.keys(a) as (keyof ModelShape)[]).filter(name => !isAlike(name));
}
