// Finished parameters as states of a backend: what filling, scoring and embedding run on.

import type { Shape } from "../graph/tensor.ts";
import type { Backend, DeviceBuffer, HostArray } from "./backend.ts";

interface NamedValues {
  readonly name: string;
  readonly shape: Shape;
  read(): HostArray;
}

/** Copies parameters to the backend, by name. */
export function placeParameters(backend: Backend, parameters: Iterable<NamedValues>): Map<string, DeviceBuffer> {
  const states = new Map<string, DeviceBuffer>();
  for (const { name, shape, read } of parameters) {
    const buffer = backend.allocate(shape, "f32");
    backend.write(buffer, read());
    states.set(name, buffer);
  }
  return states;
}
