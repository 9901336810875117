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
    ...shareByQueries(inputs => {
      const hasLengths = inputs.length - (isBackward ? 2 : 1) - (isQueried ? 1 : 0);
      return { ...{ batch, length, queries, heads, headWidth }, isBackward, isQueried, hasLengths };
    }),
  };
}

interface AttentionCall extends Required<Layout> {
  readonly isBackward: boolean;
  readonly isQueried: boolean;
  readonly hasLengths: number;
}

/**
 * Layouts that differ in their queries alone, as a last layer's of few rows does from the others, call one function: a second pair takes the
 * compiler 0.2 s, and that the number of queries is a constant gains nothing that can be measured.
 */
function shareByQueries(
  describe: (inputs: readonly Tensor[]) => AttentionCall,
): Pick<CompositeKernel, "emitShared" | "emitCall"> {
  const nameOf = (inputs: readonly Tensor[], result: Tensor) => {
    const { length, heads, headWidth, isBackward, hasLengths } = describe(inputs);
    const sizes = [length, heads, headWidth, hasLengths, isBf16(inputs[0]!), isBf16(result)];
    return `${isBackward ? "attend_backward" : "attend"}_${sizes.join("_")}`;
  };
  return {
    emitShared: (inputs, result) => {
      const { length, heads, headWidth, isBackward, hasLengths } = describe(inputs);
      const columns = heads * headWidth;
      const scale = Math.fround(1 / Math.sqrt(headWidth));
      const sizes = ["queries", length, headWidth, columns, "row_of_query", "row_of_key", `${scale}f`];
      const head = `{${[...sizes, isBf16(inputs[0]!), isBf16(result)].join(", ")}}`;
      const call = isBackward ? "attend_blocks_backward" : "attend_blocks";
      const words = ["p", "begin", "end", ...(isBackward ? ["batch"] : []), heads, "queried", hasLengths];
      return `#ifndef ${nameOf(inputs, result)}_IS_THERE
#define ${nameOf(inputs, result)}_IS_THERE
static __attribute__((noinline, noclone)) void ${nameOf(inputs, result)}(char *const *p, long begin, long end, long batch, int queried, long queries, long row_of_query, long row_of_key) {
  ${call}(${words.join(", ")}, (struct head)${head});
}
#endif
`;
    },
    emitCall: (inputs, result) => {
      const { batch, queries, heads, headWidth, isQueried } = describe(inputs);
      const columns = heads * headWidth;
      const rows = isQueried ? [columns, 2 * columns] : [3 * columns, 3 * columns];
      const words = ["p", "begin", "end", batch, isQueried ? 1 : 0, queries, ...rows];
      return `${nameOf(inputs, result)}(${words.join(", ")});`;
    },
  };
}
