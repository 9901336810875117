// Which states ranks exchange where they stand, and which by way of the host.

import type { Backend, DeviceBuffer } from "../../backends/backend.ts";
import type { Collective, PlacedValues } from "../../collective/collective.ts";
import { countElements } from "../../graph/tensor.ts";

/** Elements up to which values in this process's memory are copied and sent together: a message costs more than its bytes there. */
const packedElements = 16_384;

/** Where an f32 state stands that is exchanged there; undefined for a small one, and on a device that the ranks are not connected by. */
export function findPlaced(collective: Collective, backend: Backend, buffer: DeviceBuffer): PlacedValues | undefined {
  const { stream } = backend;
  const elements = countElements(buffer.shape);
  if (stream !== collective.stream || (stream === undefined && elements <= packedElements)) return undefined;
  const address = backend.locate?.(buffer);
  return address === undefined ? undefined : { address, elements };
}
