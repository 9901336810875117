// The sum of two tensors of parts side by side, where of any two parts that meet one is zeros, is itself of parts. So are the gradients of
// several slices of one tensor: each is padded with zeros to the whole, and they are added.

import { concat, slice } from "../../graph/operations.ts";
import type { Tensor } from "../../graph/tensor.ts";

/** The sum of a and b without zeros that are written and added; undefined where it is no such sum. */
export function joinParts(a: Tensor, b: Tensor, isZero: (tensor: Tensor) => boolean): Tensor | undefined {
  if (a.operation.kind !== "concat" || b.operation.kind !== "concat" || a.operation.axis !== b.operation.axis) return;
  const { axis } = a.operation;
  const joined: { readonly part: Tensor; readonly from: number; to: number }[] = [];
  const [left, right] = [a, b].map(({ inputs }) => placeParts(inputs, axis));
  for (const { part, from, to } of left!) {
    for (const other of right!) {
      const [begin, end] = [Math.max(from, other.from), Math.min(to, other.to)];
      if (begin >= end) continue;
      if (!isZero(part) && !isZero(other.part)) return;
      const taken = isZero(part) ? other : { part, from };
      const piece = { part: taken.part, from: begin - taken.from, to: end - taken.from };
      const last = joined.at(-1);
      if (last?.part === piece.part && last.to === piece.from) last.to = piece.to;
      else joined.push(piece);
    }
  }
  return concat(
    joined.map(({ part, from, to }) => slice(part, axis, from, to)),
    axis,
  );
}

/** Parts with where they begin and end. */
function placeParts(parts: readonly Tensor[], axis: number): { part: Tensor; from: number; to: number }[] {
  let end = 0;
  return parts.map(part => {
    const from = end;
    end += part.shape[axis]!;
    return { part, from, to: end };
  });
}
