// Whether two shapes are one model: fields that are absent count as what they default to, and those that make no difference to
// the parameters or the function do not count.

import { listRotaryBases } from "./inputs.ts";
import { hasAttentionNorm, type ModelShape } from "./shape.ts";

/** A shape with every optional field at its value; what means nothing beside the others is undefined. */
export function completeShape(shape: ModelShape): {
  readonly [Key in keyof ModelShape]-?: ModelShape[Key] | undefined;
} {
  const { normalisation = "pre", positions, layers } = shape;
  const bases = listRotaryBases(shape);
  return {
    ...shape,
    normalisation,
    normEpsilon: shape.normEpsilon ?? 1e-12,
    firstAttentionNorm: normalisation === "pre" ? hasAttentionNorm(shape, 0) : undefined,
    biases: shape.biases ?? false,
    activation: shape.activation ?? "geglu",
    segments: shape.segments ?? false,
    // One for each layer.
    rotaryBases:
      positions === "rotary" ? Array.from({ length: layers }, (_, i) => bases[i % bases.length]!) : undefined,
    head: shape.head ?? "tied",
  };
}

/**
 * The fields in which two shapes are not one model, by name. The length of a sequence is one only where its positions are
 * learned: other tables are computed for any length. Bases are compared where both are rotary.
 */
export function listShapeDifferences(a: ModelShape, b: ModelShape): (keyof ModelShape)[] {
  const [first, second] = [completeShape(a), completeShape(b)];
  const isAlike = (name: keyof ModelShape) =>
    JSON.stringify(first[name]) === JSON.stringify(second[name]) ||
    (name === "sequenceLength" && a.positions === b.positions && a.positions !== "learned") ||
    (name === "rotaryBases" && a.positions !== b.positions);
  return (Object.keys(first) as (keyof ModelShape)[]).filter(name => !isAlike(name));
}
