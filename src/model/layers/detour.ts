// A detour of some tokens: layers that only they go through, while the others wait beside them and join again behind. What is saved
// is the work of those layers on the tokens that wait.
//
// B sequences, S positions each, T = B·S, K of each on the detour, width C.

import { divide, fill, gather, less, multiply, reshape, scatterAdd, select, subtract } from "../../graph/operations.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { EncoderInputs } from "../inputs.ts";

export interface Detour {
  /** (B·K) i32: rows of (T, C), ascending, K of each sequence. */
  readonly rows: Tensor;
  /** Depths that they go through without the others, the first and the one behind the last. */
  readonly from: number;
  readonly to: number;
  /** Whether in the first of them they still see the others, as these are before it. */
  readonly seesAll: boolean;
}

/** These rows of (T, C). */
export const takeRows = (x: Tensor, { rows }: Detour): Tensor => gather(x, rows);

/** (T, C): the rows of the detour as they come back from it, the others as they were when it began. */
export function joinRows(waiting: Tensor, back: Tensor, { rows }: Detour): Tensor {
  const T = waiting.shape[0]!;
  const isBack = less(0, scatterAdd(fill(1, [rows.shape[0]!, 1]), rows, T)); // (T, 1)
  return select(isBack, scatterAdd(back, rows, T), waiting);
}

/** What layers on the detour read in place of the inputs. */
export function narrowInputs(inputs: EncoderInputs, { rows }: Detour): EncoderInputs {
  const { tokens, tables, length: S, documents, layerSeed } = inputs;
  const T = tokens.shape[0]!;
  const N = rows.shape[0]!;
  const take = (numbers: Tensor) => reshape(gather(reshape(numbers, [T, 1]), rows), [N]);
  return {
    tokens: take(tokens),
    tables,
    length: (N * S) / T,
    places: subtract(rows, multiply(divide(rows, S), S)),
    ...(documents !== undefined && { documents: take(documents) }),
    ...(layerSeed !== undefined && { layerSeed }),
  };
}
