// Steps that each rank takes by itself, and what brings the ranks together after every H of them (DiLoCo, Douillard et al. 2023, arXiv
// 2311.08105): a step of Nesterov's momentum on what the parameters moved in the mean. The moments of the optimizer are averaged as well, so
// that ranks are one model again, which a checkpoint holds whole.

import type { Backend } from "../../backends/backend.ts";
import type { Collective, NamedArray } from "../../collective/collective.ts";
import type { OpenEngine } from "../step/engine.ts";
import type { StepDefinition } from "../step/training-definition.ts";

export interface OuterSettings {
  /** Local steps between two outer ones. */
  readonly everySteps: number;
  readonly rate: number;
  readonly momentum: number;
}

/** The state that has the outer momentum of a parameter, one of the moments. */
export const nameOuter = (parameter: string): string => `outer.${parameter}`;

export interface LocalSteps {
  /** When all ranks have the same states: keeps the parameters that the next outer step begins at. */
  begin(): Promise<void>;
  /**
   * The outer step, by every rank alike. Where the steps since the last are not whole, for the training ends, parameters become their mean and
   * nothing more: momentum of whole rounds would lead too far.
   */
  bringTogether(isWhole: boolean): Promise<void>;
}

export function openLocalSteps(
  collective: Collective,
  backend: Backend,
  { states, lossScale }: Pick<OpenEngine, "states" | "lossScale">,
  { parameters, moments }: Pick<StepDefinition, "parameters" | "moments">,
  { rate, momentum }: OuterSettings,
): LocalSteps {
  const outer = new Set(Array.from(parameters.keys(), nameOuter));
  const inner = [...moments.keys()].filter(name => !outer.has(name));
  const read = async (name: string) => Float32Array.from(await backend.read(states.get(name)!));
  const write = (name: string, values: Float32Array) => backend.write(states.get(name)!, values);
  let anchors = new Map<string, Float32Array>();
  const keepAnchors = async () => {
    anchors = new Map();
    for (const name of parameters.keys()) anchors.set(name, await read(name));
  };
  /** The mean over all ranks of states with these names. */
  const readMeans = async (names: Iterable<string>) => {
    const arrays: (NamedArray & { readonly values: Float32Array })[] = [];
    for (const name of names) arrays.push({ name, values: await read(name) });
    await collective.sum(arrays);
    for (const { values } of arrays) for (let i = 0; i < values.length; i++) values[i]! /= collective.size;
    return arrays;
  };
  /** The least of all, which no rank's last steps were too large for: a checkpoint holds one. */
  const agreeOnScale = async () => {
    if (lossScale === undefined) return;
    const { factor, steadySteps } = lossScale.read();
    const own = Float32Array.of(factor, steadySteps);
    const all = await collective.gather({ name: "loss scales", values: own }, 0);
    const factors = all?.filter((_, i) => i % 2 === 0) ?? own;
    const least = Math.min(...factors);
    const steady = all?.filter((_, i) => i % 2 === 1 && all[i - 1] === least) ?? own;
    const told = Float64Array.of(least, Math.min(...steady));
    await collective.broadcast(told, 0);
    lossScale.restore({ factor: told[0]!, steadySteps: told[1]! });
  };
  return {
    begin: keepAnchors,
    bringTogether: async isWhole => {
      await agreeOnScale();
      for (const { name, values } of await readMeans(inner)) write(name, values);
      for (const { name, values } of await readMeans(parameters.keys())) {
        if (!isWhole) {
          write(name, values);
          anchors.set(name, values);
          continue;
        }
        const anchor = anchors.get(name)!;
        const velocity = await read(nameOuter(name));
        for (let i = 0; i < values.length; i++) {
          const moved = anchor[i]! - values[i]!;
          velocity[i] = momentum * velocity[i]! + moved;
          anchor[i]! -= rate * (moved + momentum * velocity[i]!);
        }
        write(nameOuter(name), velocity);
        write(name, anchor);
      }
    },
  };
}
