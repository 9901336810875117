// Learning rates that differ from parameter to parameter: by what a parameter is, and by the layer that it stands in. A network trained
// beside the model has layers of its own.

import type { OptimizedParameter } from "./optimizer.ts";

export interface RateFactors {
  readonly embeddingRate?: number;
  readonly headRate?: number;
  readonly matrixRate?: number;
  readonly vectorRate?: number;
  readonly layerDecay?: number;
}

type Group = "embedding" | "head" | "matrix" | "vector";

/** The network that a parameter is of, and its name there. */
function splitName({ name }: OptimizedParameter): readonly [network: string, name: string] {
  const network = /^generator\./.exec(name)?.[0] ?? "";
  return [network, name.slice(network.length)];
}

const groupOf = (parameter: OptimizedParameter): Group => {
  const { role } = parameter;
  if (/^(head|discriminator)\./.test(splitName(parameter)[1])) return "head";
  return role === "embedding" || role === "matrix" ? role : "vector";
};

const layerOf = (parameter: OptimizedParameter) => {
  const layer = /^layers\.(\d+)\./.exec(splitName(parameter)[1])?.[1];
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
  const [network, name] = splitName(parameter);
  const ofNetwork = all.filter(other => splitName(other)[0] === network);
  const layers = Math.max(0, ...ofNetwork.map(other => (layerOf(other) ?? -1) + 1));
  // What stands above the layers is not slowed.
  const depth = name.startsWith("embedding.") ? -1 : (layerOf(parameter) ?? layers);
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
