// The composites this backend has kernels for, and how each is called: the templates are in attention.c.

import type { CompositeKernel } from "../../compiler/target.ts";
import type { Attributes, Tensor } from "../../graph/tensor.ts";

/** Positions and head width that the scratch of attention.c holds. */
const longest = 512;
const widest = 128;

/** The kernel of a composite, or undefined where its decomposition is to be compiled. */
export function findCompositeKernel(name: string, attributes: Attributes): CompositeKernel | undefined {
  const backward = name === "attentionGradient";
  if (name !== "attention" && !backward) return undefined;
  const { batch, length, heads, headWidth } = attributes as Record<"batch" | "length" | "heads" | "headWidth", number>;
  if (length > longest || headWidth > widest) return undefined;
  // Forward: q kᵀ and P v. Backward: those of P again, dP, dq, dk and dv.
  const products = backward ? 5 : 2;
  return {
    name: backward ? "attention_backward" : "attention",
    blocks: batch * heads,
    grain: 1,
    flops: 2 * products * batch * heads * length * length * headWidth,
    emitCall: (inputs: readonly Tensor[], result: Tensor) => {
      const isBf16 = (tensor: Tensor) => (tensor.dtype === "bf16" ? 1 : 0);
      const scale = Math.fround(1 / Math.sqrt(headWidth));
      const head = `{${length}, ${headWidth}, ${heads * headWidth}, ${scale}f, ${isBf16(inputs[0]!)}, ${isBf16(result)}}`;
      const hasLengths = inputs.length > (backward ? 2 : 1) ? 1 : 0;
      const call = backward ? "attend_blocks_backward" : "attend_blocks";
      return `${call}(p, begin, end, ${heads}, ${hasLengths}, (struct head)${head});`;
    },
  };
}
