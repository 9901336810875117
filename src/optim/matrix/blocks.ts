// Matrices cut into equal blocks, for what is done to each by itself: factors of a block take its sides squared, not the matrix's.

import { permute, reshape } from "../../graph/operations.ts";
import type { Shape, Tensor } from "../../graph/tensor.ts";
import type { OptimizedParameter } from "../optimizer.ts";

export interface Blocks {
  /** (count, rows, columns) */
  readonly shape: Shape;
  /** Of the factors of their rows and of their columns: (count, rows, rows), (count, columns, columns). */
  readonly factors: { readonly left: Shape; readonly right: Shape };
  /** (R, C) to (count, rows, columns). */
  cut(matrix: Tensor): Tensor;
  /** And back. */
  join(blocks: Tensor): Tensor;
}

/** Blocks of the largest sides up to `most` that divide the matrix, and each of its parts, evenly. */
export function planBlocks({ shape, parts }: OptimizedParameter, most: number): Blocks {
  const [R, C] = shape as [number, number];
  const [rows, columns] = [divideEvenly(R, most), divideEvenly(C / parts, most)];
  const count = (R / rows) * (C / columns);
  const inner: Shape = [R / rows, C / columns, rows, columns];
  return {
    shape: [count, rows, columns],
    factors: { left: [count, rows, rows], right: [count, columns, columns] },
    cut: matrix =>
      reshape(permute(reshape(matrix, [R / rows, rows, C / columns, columns]), [0, 2, 1, 3]), [count, rows, columns]),
    join: blocks => reshape(permute(reshape(blocks, inner), [0, 2, 1, 3]), [R, C]),
  };
}

function divideEvenly(length: number, most: number): number {
  const pieces = Array.from({ length }, (_, i) => i + 1).find(count => length % count === 0 && length / count <= most);
  return length / pieces!;
}
