// Learning rates that differ from parameter to parameter: by what a parameter is, and by the layer that it stands in.

import type { OptimizedParameter } from "./optimizer.ts";

export interface RateFactors {
  readonly embeddingRate?: number;
  readonly headRate?: number;
  readonly matrixRate?: number;
  readonly vectorRate?: number;
  readonly layerDecay?: number;
}

type Group = "embedding" | "head" | "matrix" | "vector";

const groupOf = ({ name, role }: OptimizedParameter): Group => {
  if (name.startsWith("head.")) return "head";
  return role === "embedding" || role === "matrix" ? role : "vector";
};

const layerOf = ({ name }: OptimizedParameter) => {
  const layer = /^layers\.(\d+)\./.exec(name)?.[1];
  return layer === undefined ? undefined : Number(layer);
};

/** What the rates of a parameter are multiplied by. */
export function findRateFactor(
  parameter: OptimizedParameter,
  all: readonly OptimizedParameter[],
  factors: RateFactors,
): number {
  const own = factors[`${groupOf(parameter)}Rate`] ?? 1;
  const { layerDecay = 1 } = factors;
  if (layerDecay === 1) return own;
  const layers = Math.max(0, ...all.map(other => (layerOf(other) ?? -1) + 1));
  // What stands above the layers is not slowed.
  const depth = parameter.name.startsWith("embedding.") ? -1 : (layerOf(parameter) ?? layers);
  return own * layerDecay ** (layers - depth);
}

/** A factor of parameters that the model does not have. */
export function findRateFault(all: readonly OptimizedParameter[], factors: RateFactors) {
  const groups = new Set(all.map(groupOf));
  const unused = (["embedding", "head", "matrix", "vector"] as const).find(
    group => factors[`${group}Rate`] !== undefined && !groups.has(group),
  );
  if (unused === undefined) return undefined;
  return { message: `${unused}Rate changes nothing: the model has no such parameters`, advice: "Leave it out." };
}
