// Rows of their neighbours: what stands so many rows further on in the same sequence. Read by index, so that nothing is padded, copied and
// cut again on the way, forward or backward.
//
// B sequences of S rows, T = B·S, width C.

import {
  add,
  composite,
  divide,
  gather,
  iota,
  less,
  multiply,
  reshape,
  select,
  subtract,
} from "../graph/operations.ts";
import type { CompositeDefinition, Tensor } from "../graph/tensor.ts";

const shiftDefinition: CompositeDefinition = {
  name: "shift",
  decompose: ([x], { length, offset }) => {
    const T = x!.shape[0]!;
    const row = iota(T);
    const place = subtract(row, multiply(divide(row, length!), length!));
    const isThere = offset! < 0 ? less(-offset! - 1, place) : less(place, length! - offset!);
    return select(reshape(isThere, [T, 1]), gather(x!, select(isThere, add(row, offset!), row)), 0);
  },
  // What went to a row from one further on goes back there.
  differentiate: ([x], attributes, gradient) => [
    composite(shiftDefinition, [gradient], { ...attributes, offset: -attributes.offset! }, x!.shape),
  ],
};

/** x_{t + offset} (T, C) of sequences of `length` rows; zero where the sequence has no such row. */
export const shiftRows = (x: Tensor, length: number, offset: number): Tensor =>
  composite(shiftDefinition, [x], { length, offset }, x.shape);
