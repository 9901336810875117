// Values of tensors that may stand on a device, fetched to be compared or kept.

import type { HeldTensor, StoredTensor } from "../src/checkpoint/safetensors.ts";

export function fetchTensors(held: readonly HeldTensor[]): Promise<StoredTensor[]> {
  return Promise.all(
    held.map(async ({ name, shape, read }) => {
      const values = await read();
      return { name, shape, read: () => values };
    }),
  );
}

/** [name, values] of each. */
export async function fetchValues(held: readonly HeldTensor[]): Promise<(readonly [string, readonly number[]])[]> {
  return (await fetchTensors(held)).map(({ name, read }) => [name, [...read()]] as const);
}
