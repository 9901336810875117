// Moments in eight bits (Dettmers et al. 2021, 8-bit Optimizers via Block-wise Quantization, arXiv 2110.02861): blocks of neighbouring
// numbers share a scale, their largest size, and each number is the nearest of 256 between -1 and 1. The paper's dynamic tree quantisation
// gives seven decades below 1 each twice as many numbers as the one below it. What is never negative has the sign's bit, too.
//
// Its table needs no memory: decade i, from 0, holds n = 2ⁱ numbers (2ⁱ⁺¹ without signs), the middles of n equal cells from 0.1 to 1, over
// 10^(6-i); 0 and 1 stand at the ends. Codes count the numbers from the least, as bitsandbytes' do.

import {
  add,
  cast,
  concat,
  divide,
  fill,
  less,
  max,
  maximum,
  minimum,
  multiply,
  negate,
  reshape,
  select,
  slice,
  subtract,
} from "../graph/operations.ts";
import { countElements, equalShapes, type Shape, type Tensor, type TensorType } from "../graph/tensor.ts";

/** What a moment's numbers are. */
export type MomentSign = "signed" | "positive";

/** Smaller moments stay in f32, as bitsandbytes has it: they cost nothing. */
const leastQuantised = 4096;

/**
 * What the numbers of a state are where it is kept in eight bits; undefined where it is not. Embeddings stay in f32, as in the paper:
 * beside a frequent token's the mean squares of a rare one are 0, and its mean gradient over that is no step.
 */
export function findSign(
  { momentBlock }: { readonly momentBlock?: number },
  { role, shape }: { readonly role: string; readonly shape: Shape },
  own: Shape,
  sign: MomentSign | undefined,
): MomentSign | undefined {
  const isLarge = equalShapes(own, shape) && countElements(own) >= leastQuantised;
  const isKept = momentBlock !== undefined && isLarge && role !== "embedding";
  return isKept ? sign : undefined;
}

const decades = [0, 1, 2, 3, 4, 5, 6] as const;
const cellsOf = (decade: number, sign: MomentSign) => (sign === "signed" ? 1 : 2) * 2 ** decade;
const middleOf = (cell: number, decade: number, sign: MomentSign) =>
  (0.1 + (0.9 * (cell + 0.5)) / cellsOf(decade, sign)) / 10 ** (6 - decade);

/** The code of 1, counted from 0's. */
const topOf = (sign: MomentSign) => decades.reduce((sum: number, decade) => sum + cellsOf(decade, sign), 1);
/** Codes below 0's. */
const belowZero = (sign: MomentSign) => (sign === "signed" ? topOf(sign) - 1 : 0);

/** Shapes and types of a moment's codes and scales. */
export function listQuantised(
  shape: Shape,
  block: number,
): { readonly codes: TensorType; readonly scales: TensorType } {
  const blocks = Math.ceil(countElements(shape) / block);
  return { codes: { shape: [blocks, block], dtype: "u8" }, scales: { shape: [blocks, 1], dtype: "f32" } };
}

/** `values[i]` where x is below `limits[i]` and not below those before it, the last one behind them all. */
function choose(x: Tensor, limits: readonly number[], values: readonly number[]): Tensor {
  return limits.reduceRight<Tensor>(
    (rest, limit, i) => select(less(x, limit), fill(values[i]!, x.shape), rest),
    fill(values.at(-1)!, x.shape),
  );
}

/** Codes (blocks, block) u8 and scales (blocks, 1) f32 of a moment; the last block is filled with zeros. */
export function quantise(
  moment: Tensor,
  block: number,
  sign: MomentSign,
): { readonly codes: Tensor; readonly scales: Tensor } {
  const count = countElements(moment.shape);
  const [blocks] = listQuantised(moment.shape, block).codes.shape as [number];
  const flat = reshape(moment, [count]);
  const filled = blocks * block === count ? flat : concat([flat, fill(0, [blocks * block - count])], 0);
  const rows = reshape(filled, [blocks, block]);
  const size = maximum(rows, negate(rows));
  const scales = max(size, [1]);
  // A block of zeros alone has scale 0.
  const share = divide(size, maximum(scales, 1e-37));
  const ends = decades.slice(1).map(i => (middleOf(cellsOf(i - 1, sign) - 1, i - 1, sign) + middleOf(0, i, sign)) / 2);
  const cells = choose(
    share,
    ends,
    decades.map(i => cellsOf(i, sign)),
  );
  const factor = choose(
    share,
    ends,
    decades.map(i => 10 ** (6 - i)),
  );
  const place = divide(multiply(subtract(multiply(share, factor), 0.1), cells), 0.9);
  const cell = cast(cast(minimum(maximum(place, 0), subtract(cells, 1)), "i32"), "f32");
  const own = add(subtract(cells, cellsOf(0, sign) - 1), cell);
  const top = topOf(sign);
  const last = middleOf(cellsOf(6, sign) - 1, 6, sign);
  const code = select(less(share, middleOf(0, 0, sign) / 2), 0, select(less(share, (last + 1) / 2), own, top));
  if (sign === "positive") return { codes: cast(code, "u8"), scales };
  // There is no -1.
  const below = subtract(belowZero(sign), minimum(code, belowZero(sign)));
  return { codes: cast(select(less(rows, 0), below, add(code, belowZero(sign))), "u8"), scales };
}

/** The moment (shape) of codes and scales. */
export function dequantise(codes: Tensor, scales: Tensor, shape: Shape, sign: MomentSign): Tensor {
  const from = subtract(cast(codes, "f32"), belowZero(sign));
  const code = sign === "signed" ? maximum(from, negate(from)) : from;
  const firsts = decades.map(i => cellsOf(i, sign) - cellsOf(0, sign) + 1);
  const limits = firsts.slice(1).map(first => first - 0.5);
  const cells = choose(
    code,
    limits,
    decades.map(i => cellsOf(i, sign)),
  );
  const factor = choose(
    code,
    limits,
    decades.map(i => 10 ** (i - 6)),
  );
  const cell = add(subtract(code, subtract(cells, cellsOf(0, sign) - 1)), 0.5);
  const middle = multiply(add(divide(multiply(cell, 0.9), cells), 0.1), factor);
  const size = select(less(code, 0.5), 0, select(less(code, topOf(sign) - 0.5), middle, 1));
  const share = sign === "signed" ? select(less(from, 0), negate(size), size) : size;
  const count = countElements(shape);
  const flat = reshape(multiply(share, scales), [countElements(codes.shape)]);
  return reshape(slice(flat, 0, 0, count), shape);
}
