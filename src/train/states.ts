// Parameters and moments that stand on a device, by name: what reads and writes them for files and new beginnings.

import type { Backend, DeviceBuffer } from "../backends/backend.ts";
import type { HeldTensor, StoredTensor } from "../checkpoint/safetensors.ts";
import { countElements } from "../graph/tensor.ts";

export type States = ReadonlyMap<string, DeviceBuffer>;

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
