// What every operation means: one plain loop each, in float64 whatever the tensor's type (bf16 and f16 are rounded where they
// are cast to, f32 never, so that finite differences work). Written to be read and believed, never to be fast.

import { readHalves, roundToHalves } from "../../base/halves.ts";
import { philox } from "../../base/random.ts";
import { countElements, isFloat, rowMajorStrides, type Shape, type Tensor } from "../../graph/tensor.ts";
import type { HostArray } from "../backend.ts";
import { erf } from "./erf.ts";

/** Memory in which the reference keeps a tensor of this type. */
export function allocateValues(tensor: Pick<Tensor, "shape" | "dtype">): HostArray {
  const length = countElements(tensor.shape);
  if (isFloat(tensor.dtype)) return new Float64Array(length);
  if (tensor.dtype === "bool" || tensor.dtype === "u8") return new Uint8Array(length);
  return tensor.dtype === "i32" ? new Int32Array(length) : new Uint32Array(length);
}

/** Nearest bfloat16, ties to even. */
function roundToBf16(value: number): number {
  scratchFloat[0] = value;
  const bits = scratchBits[0]!;
  if (!Number.isFinite(scratchFloat[0]!)) return scratchFloat[0]!;
  scratchBits[0] = (bits + 0x7fff + ((bits >>> 16) & 1)) & 0xffff0000;
  return scratchFloat[0]!;
}
/** Nearest binary16, ties to even. */
function roundToF16(value: number): number {
  scratchFloat[0] = value;
  return readHalves(roundToHalves(scratchFloat))[0]!;
}
const rounding = { bf16: roundToBf16, f16: roundToF16 } as const;
const scratchFloat = new Float32Array(1);
const scratchBits = new Uint32Array(scratchFloat.buffer);

/** Computes one node from the values of its inputs. */
export function evaluateNode(node: Tensor, operands: readonly HostArray[]): HostArray {
  const { operation, inputs, shape } = node;
  const out = allocateValues(node);
  const [a, b, c] = operands as [HostArray, HostArray, HostArray];
  const round = rounding[node.dtype as "bf16" | "f16"] ?? ((value: number) => value);
  const map = (value: (i: number) => number) => {
    for (let i = 0; i < out.length; i++) out[i] = round(value(i));
  };
  switch (operation.kind) {
    case "constant":
      map(() => operation.value);
      break;
    case "iota":
      map(i => i);
      break;
    case "random": {
      const words = new Uint32Array(4);
      for (let i = 0; i < out.length; i++) {
        if (i % 4 === 0) philox([i / 4, operation.stream, 0, 0], [a[0]!, 0], words);
        out[i] = words[i % 4]!;
      }
      break;
    }
    case "unary": {
      const fn = unaryFunctions[operation.fn];
      map(i => fn(a[i]!));
      break;
    }
    case "binary": {
      const fn = binaryFunctions[operation.fn];
      if (isFloat(node.dtype)) map(i => fn(a[i]!, b[i]!));
      else if (operation.fn === "multiply") map(i => Math.imul(a[i]!, b[i]!));
      else map(i => Math.trunc(fn(a[i]!, b[i]!)));
      break;
    }
    case "compare":
      if (operation.fn === "less") map(i => (a[i]! < b[i]! ? 1 : 0));
      else map(i => (a[i] === b[i] ? 1 : 0));
      break;
    case "select":
      map(i => (a[i] ? b[i]! : c[i]!));
      break;
    case "cast":
      if (isFloat(node.dtype) || node.dtype === "bool") map(i => a[i]!);
      else map(i => Math.trunc(a[i]!));
      break;
    case "reduce": {
      const strides = rowMajorStrides(shape).map((stride, axis) => (operation.axes.includes(axis) ? 0 : stride));
      if (operation.fn === "max") out.fill(-Infinity);
      forEachIndex(inputs[0]!.shape, strides, (i, o) => {
        out[o] = operation.fn === "sum" ? out[o]! + a[i]! : Math.max(out[o]!, a[i]!);
      });
      for (let i = 0; i < out.length; i++) out[i] = round(out[i]!);
      break;
    }
    case "reshape":
      out.set(a);
      break;
    case "permute": {
      const from = rowMajorStrides(inputs[0]!.shape);
      const strides = operation.order.map(axis => from[axis]!);
      forEachIndex(shape, strides, (o, i) => {
        out[o] = a[i]!;
      });
      break;
    }
    case "broadcast": {
      const strides = rowMajorStrides(inputs[0]!.shape).map((stride, axis) =>
        inputs[0]!.shape[axis] === 1 ? 0 : stride,
      );
      forEachIndex(shape, strides, (o, i) => {
        out[o] = a[i]!;
      });
      break;
    }
    case "slice": {
      const strides = rowMajorStrides(inputs[0]!.shape);
      const first = operation.starts.reduce((sum, start, axis) => sum + start * strides[axis]!, 0);
      forEachIndex(shape, strides, (o, i) => {
        out[o] = a[first + i]!;
      });
      break;
    }
    case "concat": {
      const strides = rowMajorStrides(shape);
      let first = 0;
      inputs.forEach((part, n) => {
        forEachIndex(part.shape, strides, (i, o) => {
          out[first + o] = operands[n]![i]!;
        });
        first += part.shape[operation.axis]! * strides[operation.axis]!;
      });
      break;
    }
    case "matmul": {
      const [m, k] = inputs[0]!.shape.slice(-2) as [number, number];
      const n = shape[shape.length - 1]!;
      for (let batch = 0; batch < out.length / (m * n); batch++) {
        for (let i = 0; i < m; i++) {
          for (let p = 0; p < k; p++) {
            const value = a[(batch * m + i) * k + p]!;
            for (let j = 0; j < n; j++) out[(batch * m + i) * n + j]! += value * b[(batch * k + p) * n + j]!;
          }
        }
      }
      break;
    }
    case "gather": {
      const width = shape[1]!;
      map(i => a[b[Math.floor(i / width)]! * width + (i % width)]!);
      break;
    }
    case "scatterAdd": {
      const width = shape[1]!;
      for (let i = 0; i < a.length; i++) out[b[Math.floor(i / width)]! * width + (i % width)]! += a[i]!;
      break;
    }
    case "replaceRows": {
      const width = shape[1]!;
      out.set(a);
      for (let i = 0; i < c.length; i++) out[b[Math.floor(i / width)]! * width + (i % width)] = c[i]!;
      break;
    }
    default:
      throw new Error(`reference: ${operation.kind} has no value of its own`);
  }
  return out;
}

/** Calls visit(row-major index, dot product of the axis indices with `strides`) for every index of a shape, in order. */
function forEachIndex(shape: Shape, strides: readonly number[], visit: (index: number, offset: number) => void): void {
  const position = new Array<number>(shape.length).fill(0);
  const length = countElements(shape);
  let offset = 0;
  for (let index = 0; index < length; index++) {
    visit(index, offset);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      offset += strides[axis]!;
      if (++position[axis]! < shape[axis]!) break;
      offset -= strides[axis]! * shape[axis]!;
      position[axis] = 0;
    }
  }
}

const unaryFunctions = {
  negate: (x: number) => -x,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  rsqrt: (x: number) => 1 / Math.sqrt(x),
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  erf,
  detach: (x: number) => x,
};

const binaryFunctions = {
  add: (x: number, y: number) => x + y,
  subtract: (x: number, y: number) => x - y,
  multiply: (x: number, y: number) => x * y,
  divide: (x: number, y: number) => x / y,
  maximum: Math.max,
  minimum: Math.min,
};
