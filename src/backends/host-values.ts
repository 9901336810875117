// Host values in the element types of a device, and back: bf16 and f16 are a Float32Array on the host and 16-bit words on a device.

import { readHalves, roundToHalves } from "../base/halves.ts";
import type { DType } from "../graph/tensor.ts";
import type { HostArray } from "./backend.ts";

/** The words that a device stores; bf16 and f16 are rounded to nearest, ties to even. May be `values` itself. */
export function encodeValues(values: HostArray, dtype: DType): NodeJS.TypedArray {
  switch (dtype) {
    case "f32":
      return values instanceof Float32Array ? values : Float32Array.from(values);
    case "bf16": {
      const bits = new Uint32Array(Float32Array.from(values).buffer);
      return Uint16Array.from(bits, word => (word + 0x7fff + ((word >>> 16) & 1)) >>> 16);
    }
    case "f16":
      return roundToHalves(Float32Array.from(values));
    case "i32":
      return values instanceof Int32Array ? values : Int32Array.from(values);
    case "u32":
      return values instanceof Uint32Array ? values : Uint32Array.from(values);
    case "u8":
    case "bool":
      return values instanceof Uint8Array ? values : Uint8Array.from(values);
    default:
      return dtype satisfies never;
  }
}

/** Room for `length` elements as a device stores them. */
export function makeStorage(length: number, dtype: DType): StoredArray {
  switch (dtype) {
    case "f32":
      return new Float32Array(length);
    case "bf16":
    case "f16":
      return new Uint16Array(length);
    case "i32":
      return new Int32Array(length);
    case "u32":
      return new Uint32Array(length);
    case "u8":
    case "bool":
      return new Uint8Array(length);
    default:
      return dtype satisfies never;
  }
}

type StoredArray = Float32Array | Uint16Array | Int32Array | Uint32Array | Uint8Array;

/** The host's view of stored elements; a copy only where the element types differ. */
export function decodeValues(stored: StoredArray, dtype: DType): HostArray {
  if (!(stored instanceof Uint16Array)) return stored;
  if (dtype === "f16") return readHalves(stored);
  return new Float32Array(Uint32Array.from(stored, word => word << 16).buffer);
}
