// The average of a checkpoint's parameters, as its optimizer's states hold it, for export: what averageParameters computes on a device.

import type { StoredTensor } from "../checkpoint/safetensors.ts";
import { copyNames, type WeightAverageSettings, weightAverages, weightName } from "../optim/averages.ts";

export type AverageName = WeightAverageSettings["name"];
/** What may be read out in place of the last parameters. */
export const averageNames: readonly AverageName[] = weightAverages.map(({ name }) => name);

/** The average of each parameter in its place; the parameter itself where none was taken in yet. */
export function listAveraged(
  parameters: readonly StoredTensor[],
  states: readonly StoredTensor[],
  settings: WeightAverageSettings,
): StoredTensor[] {
  const byName = new Map(states.map(tensor => [tensor.name, tensor] as const));
  const weight = byName.get(weightName)!.read()[0]!;
  if (weight === 0) return [...parameters];
  return parameters.map(({ name, shape }) => ({
    name,
    shape,
    read: () => {
      const [sum, ...others] = copyNames(name, settings).map(copy => byName.get(copy)!.read().slice());
      for (const copy of others) for (let i = 0; i < copy.length; i++) sum![i]! += copy[i]!;
      return sum!.map(value => value / weight);
    },
  }));
}
