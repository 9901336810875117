// The composites this backend has kernels for, and how each is called: the templates are attention.c, and those of a library in
// orthogonalise.ts.

import type { CompositeKernel } from "../../compiler/target.ts";
import type { Attributes, Tensor } from "../../graph/tensor.ts";

/** Of attention, and of attention of fewer queries than keys. */
type Layout = Readonly<Record<"batch" | "length" | "heads" | "headWidth", number>> & { readonly queries?: number };

/** Of matrices (rows, columns), each of equal parts side by side; a0, b0, c0, a1, … are the polynomials of the iterations. */
type Matrices = Attributes &
  Readonly<Record<"matrices" | "rows" | "columns" | "parts" | "margin" | "least" | "iterations", number>>;

/** Positions and head width that the scratch of attention.c holds. */
const longest = 512;
const widest = 128;

/** The kernel of a composite for so many threads, or undefined where its decomposition is to be compiled. */
export function findCompositeKernel(
  name: string,
  attributes: Attributes,
  threads: number,
): CompositeKernel | undefined {
  return name === "orthogonalise" ? findOrthogonalise(attributes, threads) : findAttention(name, attributes);
}

const isBf16 = ({ dtype }: Tensor) => (dtype === "bf16" ? 1 : 0);

/** A matrix is one thread's, so that of few of them some threads would have none: their products are shared out instead. */
function findOrthogonalise(attributes: Attributes, threads: number): CompositeKernel | undefined {
  const { matrices, rows, columns, parts, margin, least, iterations } = attributes as Matrices;
  const blocks = matrices * parts;
  if (blocks < threads) return undefined;
  const [smaller, larger] = [rows, columns / parts].sort((a, b) => a - b) as [number, number];
  const polynomials = Array.from({ length: iterations }, (_, i) => `{${["a", "b", "c"].map(c => attributes[c + i])}}`);
  return {
    name: "orthogonalise",
    blocks,
    grain: 1,
    // What the definition computes; the kernel needs about two thirds of it.
    flops: blocks * iterations * (4 * smaller * smaller * larger + 2 * smaller ** 3),
    emitCall: ([x], result) => {
      const sizes = [rows, columns, parts, margin, least, isBf16(result), iterations];
      return `static const float polynomials[][3] = {${polynomials}};
  orthogonalise_${x!.dtype}(p, begin, end, ${sizes.join(", ")}, polynomials);`;
    },
  };
}

function findAttention(name: string, attributes: Attributes): CompositeKernel | undefined {
  const isBackward = name === "attentionGradient" || name === "queriedAttentionGradient";
  const isQueried = name === "queriedAttention" || name === "queriedAttentionGradient";
  if (name !== "attention" && !isBackward && !isQueried) return undefined;
  const { batch, length, queries = length, heads, headWidth } = attributes as Attributes & Layout;
  if (length > longest || headWidth > widest || queries > length) return undefined;
  // Forward: q kᵀ and P v. Backward: those of P again, dP, dq, dk and dv.
  const products = isBackward ? 5 : 2;
  return {
    name: isBackward ? "attention_backward" : "attention",
    blocks: batch * heads,
    grain: 1,
    flops: 2 * products * batch * heads * queries * length * headWidth,
    emitCall: (inputs: readonly Tensor[], result: Tensor) => {
      const columns = heads * headWidth;
      const rowOfQuery = isQueried ? columns : 3 * columns;
      const rowOfKey = isQueried ? 2 * columns : 3 * columns;
      const scale = Math.fround(1 / Math.sqrt(headWidth));
      const sizes = [queries, length, headWidth, columns, rowOfQuery, rowOfKey];
      const head = `{${sizes.join(", ")}, ${scale}f, ${isBf16(inputs[0]!)}, ${isBf16(result)}}`;
      const hasLengths = inputs.length - (isBackward ? 2 : 1) - (isQueried ? 1 : 0);
      const flags = [...(isBackward ? [batch] : []), heads, isQueried ? 1 : 0, hasLengths];
      const call = isBackward ? "attend_blocks_backward" : "attend_blocks";
      return `${call}(p, begin, end, ${flags.join(", ")}, (struct head)${head});`;
    },
  };
}
