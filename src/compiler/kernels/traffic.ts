// What a kernel moves at least, for rooflines: of each tensor the elements that its loops touch, and not the whole tensor where they
// take a slice, gather some rows or write a part of a joined one.

import { bytesPerElement, countElements, type Shape, type Tensor } from "../../graph/tensor.ts";
import { countValues, type Index, indexKey } from "../indices/index-expression.ts";
import { canonical, type Group } from "./group.ts";

/** Bytes of the tensors that the kernel of a group takes the addresses of, each element that is read or written once. */
export function countTraffic({ stores }: Group, pointers: readonly Tensor[]): number {
  return [...new Set(pointers)].reduce((total, tensor) => {
    const written = stores.filter(({ target }) => target === tensor);
    const regions =
      written.length > 0
        ? written.map(({ position, loop }) => [position, loop] as const)
        : stores.flatMap(({ loads, loop }) =>
            loads.filter(load => load.tensor === tensor).map(({ flat }) => [flat, loop] as const),
          );
    return total + countTouched(tensor, regions) * bytesPerElement[tensor.dtype];
  }, 0);
}

/** Elements at these positions of loops; equal ones count once. */
function countTouched(tensor: Tensor, regions: readonly (readonly [Index, Shape])[]): number {
  const counts = new Map<string, number>();
  for (const [at, loop] of regions) {
    const alike = canonical(at, loop);
    const key = indexKey(Number.isNaN(alike.offset) ? at : alike);
    counts.set(key, Math.min(countValues(at), countElements(loop)));
  }
  return Math.min(
    countElements(tensor.shape),
    [...counts.values()].reduce((sum, count) => sum + count, 0),
  );
}
