// The composites this backend has kernels for, and how each is called: the templates are attention.cu, which multiplies bf16 or f16
// on tensor cores, and attention-plain.cu for everything else.

import type { CompositeKernel } from "../../compiler/target.ts";
import { type Attributes, isNarrow, type Precision, type Tensor } from "../../graph/tensor.ts";
import type { CudaFigures } from "./figures.ts";

/** Positions and head width up to which the kernels are written. */
const longest = 512;
const widest = 128;
/** Threads of one thread block: 32 · ATTENTION_WARPS and 32 · PLAIN_WARPS of the templates. */
const threads = 128;

/** The files whose functions the kernels call. */
export const compositeTemplates: readonly string[] = [
  "tensor-cores.cu",
  "attention-tiles.cu",
  "attention.cu",
  "attention-plain.cu",
];

interface Layout {
  readonly batch: number;
  readonly length: number;
  readonly heads: number;
  readonly headWidth: number;
}

/** How a layout is cut up for one of the templates. */
interface Plan {
  readonly blocks: number;
  readonly threads: number;
  readonly sharedBytes: number;
  /** Thread blocks that should fit on a multiprocessor at once; their registers must. */
  readonly residentBlocks: number;
  emitCall(areNarrow: boolean, result: Tensor, operands: readonly string[]): string;
}

/** The compute capability from which on tensor cores multiply a type as attention.cu asks them to. */
const tensorCoresSince = { f32: Number.POSITIVE_INFINITY, bf16: 80, f16: 75 } as const;

/** What finds kernels for a device. */
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
    const hasTensorCores = computeCapability >= tensorCoresSince[precision] && headWidth % 16 === 0;
    const plan = hasTensorCores ? planTensorCores(layout, isBackward, sharedBytes) : planPlain(layout, isBackward);
    // Forward: q kᵀ and P v. Backward: those of P again, dP, dq, dk and dv.
    const products = isBackward ? 5 : 2;
    return {
      name: isBackward ? "attention_backward" : "attention",
      blocks: plan.blocks,
      grain: 1,
      threads: plan.threads,
      sharedBytes: plan.sharedBytes,
      residentBlocks: plan.residentBlocks,
      flops: 2 * products * batch * heads * length * length * headWidth,
      emitCall: (inputs: readonly Tensor[], result: Tensor) => {
        const given = isBackward ? 2 : 1;
        const operands = inputs.slice(0, given).map((_, i) => `a${i}`);
        const lengths = inputs.length > given ? `a${given}` : "0";
        const fits = inputs.slice(0, given).every(tensor => tensor.dtype === precision);
        if (!fits) throw new Error(`${name}: operands are not all ${precision}`);
        return plan.emitCall(precision !== "f32", result, [...operands, lengths, `a${inputs.length}`]);
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
  const countTiles = (tile: number) => Math.ceil(length / tile);
  const countQueries = (tile: number) => (countTiles(tile) === 1 ? tile : 64);
  const countBytes = (tile: number) =>
    isBackward ? 4 * tile * rowBytes + 2 * 4 * countTiles(tile) * tile : (countQueries(tile) + 2 * tile) * rowBytes;
  // One tile of the whole sequence where registers hold the scores of 16 rows and a multiprocessor holds two such thread blocks, one of
  // which loads while the other computes; else tiles of 64, which cost two more products backward, or less where these do not fit.
  const isHeld = length <= 128 && headWidth <= 64 && 2 * countBytes(128) <= multiprocessorBytes;
  let tile = length <= 64 ? 16 * Math.ceil(length / 16) : isHeld ? 128 : 64;
  while (countBytes(tile) > multiprocessorBytes) tile -= 16;
  const isWhole = countTiles(tile) === 1;
  const weightBytes = 2 * 128 * (128 + 8);
  const atOnceBytes = 2 * 128 * rowBytes + Math.max(2 * 128 * rowBytes, weightBytes) + weightBytes;
  // In one pass where a multiprocessor holds P of two heads, too; each takes a kilobyte for itself.
  const isAtOnce = isBackward && isHeld && length > 64 && 2 * (atOnceBytes + 1024) <= multiprocessorBytes;
  const wanted = headWidth > 64 || isAtOnce ? 2 : isBackward || !isWhole ? 3 : 4;
  return {
    blocks: batch * heads * (isBackward || isWhole ? 1 : Math.ceil(length / countQueries(tile))),
    threads: isAtOnce ? 2 * threads : threads,
    sharedBytes: isAtOnce ? atOnceBytes : countBytes(tile),
    // Tiles are what shared memory is short of: registers need not serve more thread blocks than it holds.
    residentBlocks: isWhole
      ? wanted
      : Math.min(wanted, Math.max(1, Math.floor(multiprocessorBytes / countBytes(tile)))),
    emitCall: (_areNarrow, result, operands) => {
      const shape = [length, headWidth, heads * headWidth, heads, tile, emitScale(headWidth), emitIsNarrow(result)];
      const name = isAtOnce ? "attend_backward_at_once" : isBackward ? "attend_backward" : "attend";
      const call = `${name}(${operands.join(", ")}, shape);`;
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
    threads,
    sharedBytes: 4 * (isBackward ? 2 * rowFloats + 2 * otherFloats + statistics : rowFloats + 2 * otherFloats),
    residentBlocks: 2,
    emitCall: (areNarrow, result, operands) => {
      const flags = [areNarrow ? 1 : 0, emitIsNarrow(result)];
      const shape = [length, headWidth, heads * headWidth, heads, emitScale(headWidth), ...flags];
      const call = `${isBackward ? "plain_attend_backward" : "plain_attend"}(${operands.join(", ")}, shape);`;
      return `const struct plain_shape shape = {${shape.join(", ")}};\n  ${call}`;
    },
  };
}

const emitScale = (headWidth: number) => `${Math.fround(1 / Math.sqrt(headWidth)).toPrecision(9)}f`;
const emitIsNarrow = ({ dtype }: Tensor) => (isNarrow(dtype) ? 1 : 0);
