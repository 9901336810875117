// Random numbers in device memory, for measuring: a multiplier whose operands are zeros takes less power and looks faster than it
// is. A million numbers from a normal distribution are repeated, which no kernel sees.

import { RandomSequence, streams } from "../../base/random.ts";
import type { Precision } from "../../graph/tensor.ts";
import { encodeValues } from "../host-values.ts";
import type { CudaDriver } from "./driver/driver.ts";

const patterns = new Map<Precision, Uint8Array>();

export function fillAtRandom(
  driver: Pick<CudaDriver, "copyIn">,
  address: bigint,
  bytes: number,
  dtype: Precision,
): void {
  const pattern = patterns.get(dtype) ?? drawPattern(dtype);
  patterns.set(dtype, pattern);
  for (let at = 0; at < bytes; at += pattern.byteLength) {
    driver.copyIn(address + BigInt(at), pattern.subarray(0, Math.min(pattern.byteLength, bytes - at)));
  }
}

function drawPattern(dtype: Precision): Uint8Array {
  const random = new RandomSequence(0, streams.sampling, 0);
  const values = new Float32Array(2 ** 20);
  for (let i = 0; i < values.length; i += 2) values.set(random.normalPair(), i);
  const stored = encodeValues(values, dtype);
  return new Uint8Array(stored.buffer as ArrayBuffer, stored.byteOffset, stored.byteLength);
}
