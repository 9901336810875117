// The composites this backend has kernels for, and how each is called: the templates are attention.cu, which multiplies bf16 on
// tensor cores, and attention-plain.cu for everything else.

import type { CompositeKernel } from "../../compiler/target.ts";
import type { Attributes, Precision, Tensor } from "../../graph/tensor.ts";
import type { CudaFigures } from "./figures.ts";

/** Positions and head width up to which the kernels are written. */
const longest = 512;
const widest = 128;
/** Threads of one thread block: ATTENTION_THREADS and 32 · PLAIN_WARPS of the templates. */
const threads = 128;

/** The files whose functions the kernels call. */
export const compositeTemplates: readonly string[] = ["attention-tiles.cu", "attention.cu", "attention-plain.cu"];

interface Layout {
  readonly batch: number;
  readonly length: number;
  readonly heads: number;
  readonly headWidth: number;
}

/** How a layout is cut up for one of the templates. */
interface Plan {
  readonly blocks: number;
  readonly sharedBytes: number;
  /** Thread blocks that should fit on a multiprocessor at once; their registers must. */
  readonly residentBlocks: number;
  emitCall(isBf16: boolean, result: Tensor, operands: readonly string[]): string;
}

/** What finds kernels for a device: bf16 needs compute capability 8.0 for tensor cores. */
export function compositeKernels(
  precision: Precision,
  { computeCapability, sharedBytes }: Pick<CudaFigures, "computeCapability" | "sharedBytes">,
): (name: string, attributes: Attributes) => CompositeKernel | undefined {
  return (name, attributes) => {
    const isBackward = name === "attentionGradient";
    if (name !== "attention" && !isBackward) return undefined;
    const layout = attributes as Attributes & Layout;
    const { batch, length, heads, headWidth } = layout;
    if (length > longest || headWidth > widest) return undefined;
    const hasTensorCores = precision === "bf16" && computeCapability >= 80 && headWidth % 16 === 0;
    const plan = hasTensorCores ? planTensorCores(layout, isBackward, sharedBytes) : planPlain(layout, isBackward);
    // Forward: q kᵀ and P v. Backward: those of P again, dP, dq, dk and dv.
    const products = isBackward ? 5 : 2;
    return {
      name: isBackward ? "attention_backward" : "attention",
      blocks: plan.blocks,
      grain: 1,
      threads,
      sharedBytes: plan.sharedBytes,
      residentBlocks: plan.residentBlocks,
      flops: 2 * products * batch * heads * length * length * headWidth,
      emitCall: (inputs: readonly Tensor[], result: Tensor) => {
        const given = isBackward ? 2 : 1;
        const operands = inputs.slice(0, given).map((_, i) => `a${i}`);
        const lengths = inputs.length > given ? `a${given}` : "0";
        const isBf16 = inputs.slice(0, given).every(tensor => tensor.dtype === "bf16");
        if (isBf16 !== (precision === "bf16")) throw new Error(`${name}: operands are not all ${precision}`);
        return plan.emitCall(isBf16, result, [...operands, lengths, `a${inputs.length}`]);
      },
    };
  };
}

function planTensorCores(
  { batch, length, heads, headWidth }: Layout,
  isBackward: boolean,
  multiprocessorBytes: number,
): Plan {
  const rowBytes = 2 * (headWidth + 8);
  // One tile of the whole sequence where registers hold the scores of 16 rows and a multiprocessor holds two such thread blocks, one of
  // which loads while the other computes; else tiles of 64, which cost two more products backward.
  const heldBytes = (isBackward ? 4 : 3) * 128 * rowBytes + (isBackward ? 2 * 4 * 128 : 0);
  const isHeld = length <= 128 && headWidth <= 64 && 2 * heldBytes <= multiprocessorBytes;
  const tile = length <= 64 ? 16 * Math.ceil(length / 16) : isHeld ? 128 : 64;
  const tiles = Math.ceil(length / tile);
  const isWhole = tiles === 1;
  const queries = isWhole ? tile : 64;
  const statistics = 2 * 4 * tiles * tile;
  return {
    blocks: batch * heads * (isBackward || isWhole ? 1 : Math.ceil(length / queries)),
    sharedBytes: isBackward ? 4 * tile * rowBytes + statistics : (queries + 2 * tile) * rowBytes,
    residentBlocks: headWidth > 64 ? 2 : isBackward || !isWhole ? 3 : 4,
    emitCall: (_isBf16, result, operands) => {
      const shape = [length, headWidth, heads * headWidth, heads, tile, emitScale(headWidth), emitIsBf16(result)];
      const call = `${isBackward ? "attend_backward" : "attend"}(${operands.join(", ")}, shape);`;
      return `const struct attention_shape shape = {${shape.join(", ")}};\n  ${call}`;
    },
  };
}

function planPlain({ batch, length, heads, headWidth }: Layout, isBackward: boolean): Plan {
  const rows = 16;
  const rowFloats = rows * headWidth;
  const otherFloats = 32 * (headWidth + 1);
  const statistics = 2 * 32 * Math.ceil(length / 32);
  return {
    blocks: batch * heads * (isBackward ? 1 : Math.ceil(length / rows)),
    sharedBytes: 4 * (isBackward ? 2 * rowFloats + 2 * otherFloats + statistics : rowFloats + 2 * otherFloats),
    residentBlocks: 2,
    emitCall: (isBf16, result, operands) => {
      const flags = [isBf16 ? 1 : 0, emitIsBf16(result)];
      const shape = [length, headWidth, heads * headWidth, heads, emitScale(headWidth), ...flags];
      const call = `${isBackward ? "plain_attend_backward" : "plain_attend"}(${operands.join(", ")}, shape);`;
      return `const struct plain_shape shape = {${shape.join(", ")}};\n  ${call}`;
    },
  };
}

const emitScale = (headWidth: number) => `${Math.fround(1 / Math.sqrt(headWidth)).toPrecision(9)}f`;
const emitIsBf16 = (result: Tensor) => (result.dtype === "bf16" ? 1 : 0);
