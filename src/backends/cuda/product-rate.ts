// What the device multiplies at most, as its library reaches it: one large square product on random numbers. Data sheets promise
// more, at a power that no such product is given.

import type { Product } from "../../compiler/program/program.ts";
import { bytesPerElement, type Precision } from "../../graph/tensor.ts";
import type { CudaDriver } from "./driver/driver.ts";
import { fillAtRandom } from "./random-fill.ts";

const runs = 10;
/** The first runs find the device at rest. */
const unmeasuredRuns = 2;

/** FLOP/s of the fastest of some products with f32 sums, operands and result in the precision. */
export async function measureProductRate(driver: CudaDriver, precision: Precision): Promise<number> {
  const size = Math.min(8192, 64 * driver.device.multiprocessors);
  const bytes = size * size * bytesPerElement[precision];
  const operand = { dtype: precision, offset: 0, row: size, column: 1, batch: size * size };
  const shape = { batches: 1, m: size, n: size, k: size };
  const product: Product = { ...shape, a: operand, b: operand, outDtype: precision, accumulates: false };
  await driver.prepareProducts([product]);
  const addresses: bigint[] = [];
  try {
    for (let i = 0; i < 3; i++) addresses.push(driver.allocate(bytes));
    const [a, b, out] = addresses as [bigint, bigint, bigint];
    for (const address of [a, b]) fillAtRandom(driver, address, bytes, precision);
    const seconds = await driver.time(Array.from({ length: runs }, () => () => driver.multiply(product, a, b, out)));
    return (2 * size ** 3) / Math.min(...seconds.subarray(unmeasuredRuns));
  } finally {
    for (const address of addresses) driver.free(address);
  }
}
