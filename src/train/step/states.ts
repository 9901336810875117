// What stands on a device between programs, by name: parameters, moments, and what micro-batches add up for the update.

import { totalmem } from "node:os";
import { setImmediate } from "node:timers/promises";
import type { Backend, DeviceBuffer } from "../../backends/backend.ts";
import { UserError } from "../../base/errors.ts";
import { NormalDrawer } from "../../base/normal-drawer.ts";
import type { HeldTensor, StoredTensor } from "../../checkpoint/safetensors.ts";
import { countBytes, countElements, type Shape, type TensorType } from "../../graph/tensor.ts";
import type { TrainingDefinition } from "./training-definition.ts";

export type States = ReadonlyMap<string, DeviceBuffer>;

export const nameGradient = (parameter: string): string => `gradient.${parameter}`;
export const nameProbe = (parameter: string): string => `probe.${parameter}`;
export const nameSeen = (observation: string): string => `seen.${observation}`;
export const lossSum = "lossSum";

/** Names and shapes of a step's gradients, by parameter: a lazy one has the rows that a step touches. */
export function listGradients({
  parameters,
  lazy,
}: Pick<TrainingDefinition, "parameters" | "lazy">): Map<string, Shape> {
  const isLazy = (name: string) => name === lazy?.parameter;
  return new Map([...parameters].map(([name, shape]) => [name, isLazy(name) ? [lazy!.most, shape[1]!] : shape]));
}

/** Allocates parameters, gradients, and the optimizer's moments, by name. */
export function allocateStates(backend: Backend, definition: TrainingDefinition): Map<string, DeviceBuffer> {
  const gradients = listGradients(definition);
  const countNumbers = (shapes: Iterable<Shape>) => [...shapes].reduce((sum, shape) => sum + countElements(shape), 0);
  const copies = definition.probe === undefined ? 1 : 2;
  const numbers = copies * countNumbers(definition.parameters.values()) + countNumbers(gradients.values());
  const momentBytes = [...definition.moments.values()].reduce((sum, type) => sum + countBytes(type), 0);
  const bytes = 4 * numbers + momentBytes;
  // A system promises more than it has, and ends who takes it; a GPU refuses by itself.
  if (backend.name !== "cuda" && bytes > totalmem()) {
    throw new UserError(
      "E_MEMORY",
      `the model, its gradients and moments need ${(bytes / 1e9).toFixed(1)} GB, and the machine has ${(totalmem() / 1e9).toFixed(1)} GB`,
      "Take a smaller model: model.width, model.layers or model.vocabulary.",
    );
  }
  const states = new Map<string, DeviceBuffer>();
  for (const [name, shape] of definition.parameters) {
    states.set(name, backend.allocate(shape, "f32"));
    states.set(nameGradient(name), backend.allocate(gradients.get(name)!, "f32"));
    if (definition.probe !== undefined) states.set(nameProbe(name), backend.allocate(shape, "f32"));
  }
  for (const [name, { shape, dtype }] of definition.moments) states.set(name, backend.allocate(shape, dtype));
  for (const [name, shape] of definition.observations?.shapes ?? [])
    states.set(nameSeen(name), backend.allocate(shape, "f32"));
  states.set(lossSum, backend.allocate([1], "f32"));
  return states;
}

/** Gives parameters their initial values, in between what else there is to do: the system's compiler is begun with, for one. */
export async function initialiseStates(
  backend: Backend,
  { parameters, initialise }: Pick<TrainingDefinition, "parameters" | "initialise">,
  states: States,
): Promise<void> {
  const drawer = new NormalDrawer(backend.processors ?? 1);
  try {
    for (const name of parameters.keys()) {
      await setImmediate();
      const buffer = states.get(name)!;
      // No second array of what may be a quarter of all, and no copy.
      const place = backend.view?.(buffer);
      const values = initialise(name, place, drawer);
      if (values !== place) backend.write(buffer, values);
    }
  } finally {
    drawer.close();
  }
}

/**
 * States of these types, each in the memory that `shared` has for its name and type, which gets what it has not: engines of one model
 * use the same memory for what they have in common.
 */
export function shareStates(
  backend: Backend,
  types: ReadonlyMap<string, TensorType>,
  shared: Map<string, DeviceBuffer>,
): Map<string, DeviceBuffer> {
  const found = Array.from(types, ([name, { shape, dtype }]) => {
    const key = `${name} ${dtype} ${shape.join("×")}`;
    const buffer = shared.get(key) ?? backend.allocate(shape, dtype);
    shared.set(key, buffer);
    return [name, buffer] as const;
  });
  return new Map(found);
}

/** These of the states as tensors whose values are read from the device when they are asked for. */
export function listHeld(backend: Backend, states: States, names: Iterable<string>): HeldTensor[] {
  return Array.from(names, name => {
    const buffer = states.get(name)!;
    return {
      ...{ name, shape: buffer.shape },
      ...(buffer.dtype === "u8" && { type: "U8" }),
      read: async () => Float32Array.from(await backend.read(buffer)),
    };
  });
}

export function restoreStates(backend: Backend, states: States, tensors: readonly StoredTensor[]): void {
  for (const { name, read } of tensors) backend.write(states.get(name)!, read());
}

/** Sets states to zero. */
export function clearStates(backend: Backend, states: States, names: Iterable<string>): void {
  for (const name of names) {
    const buffer = states.get(name)!;
    backend.write(buffer, new Float32Array(countElements(buffer.shape)));
  }
}
