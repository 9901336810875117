// Our side of `matmul`: a graph of one product on the cpu backend. The result is a state, so that no run copies it to the host,
// and the launches are timed, not the call of the program (50 µs), which in a training step holds hundreds of launches.

import { openCpu } from "../../src/backends/cpu/cpu.ts";
import { cast, matmul, state, transpose } from "../../src/graph/operations.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import type { Operands, Product, ProductPrecision } from "../products.ts";
import type { Contestant } from "../rounds.ts";

/** A contestant with operands and a place for the result. */
export interface ProductRunner extends Contestant {
  /** Values of the result of the last run at these flat indices. */
  read(places: readonly number[]): Promise<ArrayLike<number>>;
  close(): Promise<void> | void;
}

export async function openOwnProduct(
  { m, n, k, transposeA, transposeB }: Product,
  operands: Operands,
  precision: ProductPrecision,
  threads: number,
): Promise<ProductRunner> {
  const backend = await openCpu({ threads, precision: "f32" });
  try {
    const stored = precision === "bf16" ? "bf16" : "f32";
    const a = state("a", transposeA ? [k, m] : [m, k], stored);
    const b = state("b", transposeB ? [n, k] : [k, n], stored);
    const states = new Map([a, b].map((tensor, i) => ["ab"[i]!, backend.allocate(tensor.shape, stored)] as const));
    const result = backend.allocate([m, n], "f32");
    states.set("result", result);
    backend.write(states.get("a")!, operands.a);
    backend.write(states.get("b")!, operands.b);
    const multiplied = precision === "f32" ? "f32" : "bf16";
    // Rounded before they are seen the other way round, as a training's parameters are: so a product rounds them while it packs them.
    const [left, right] = [a, b].map(operand => cast(operand, multiplied)) as [Tensor, Tensor];
    const product = matmul(transposeA ? transpose(left) : left, transposeB ? transpose(right) : right);
    const loaded = await backend.load({ outputs: {}, updates: { result: product } }, states);
    return {
      name: "cramming",
      run: async times => {
        const runs = await loaded.timeLaunches!({}, times);
        return runs.reduce((total, launches) => total + launches.reduce((sum, seconds) => sum + seconds, 0), 0);
      },
      read: async places => {
        const values = await backend.read(result);
        return places.map(at => values[at]!);
      },
      close: () => backend.close(),
    };
  } catch (error) {
    await backend.close();
    throw error;
  }
}
