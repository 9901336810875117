// The composites this backend has kernels for, and how each is called: the templates are in attention.c.

import type { CompositeKernel } from "../../compiler/target.ts";
import type { Attributes, Tensor } from "../../graph/tensor.ts";

/** Of attention, and of attention of fewer queries than keys. */
type Layout = Readonly<Record<"batch" | "length" | "heads" | "headWidth", number>> & { readonly queries?: number };

/** Positions and head width that the scratch of attention.c holds. */
const longest = 512;
const widest = 128;

/** The kernel of a composite, or undefined where its decomposition is to be compiled. */
export function findCompositeKernel(name: string, attributes: Attributes): CompositeKernel | undefined {
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
      const isBf16 = (tensor: Tensor) => (tensor.dtype === "bf16" ? 1 : 0);
      const columns = heads * headWidth;
      const rowOfQuery = isQueried ? columns : 3 * columns;
      const scale = Math.fround(1 / Math.sqrt(headWidth));
      const sizes = [queries, length, headWidth, columns, rowOfQuery, rowOfQuery, rowOfQuery];
      const head = `{${sizes.join(", ")}, ${scale}f, ${isBf16(inputs[0]!)}, ${isBf16(result)}}`;
      const hasLengths = inputs.length - (isBackward ? 2 : 1) - (isQueried ? 1 : 0);
      const flags = [...(isBackward ? [batch] : []), heads, isQueried ? 1 : 0, hasLengths];
      const call = isBackward ? "attend_blocks_backward" : "attend_blocks";
      return `${call}(p, begin, end, ${flags.join(", ")}, (struct head)${head});`;
    },
  };
}
