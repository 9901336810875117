import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { loadPeakKernels, measurePeakFlops } from "./peak.ts";
import { ThreadPool } from "./pool.ts";

test("kernels of the peak are there when they are run, whatever was collected since they were built", async () => {
  const pool = await ThreadPool.open(1);
  const kernels = await loadPeakKernels(pool, "f32");
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  // What is collected is unloaded in a turn of its own.
  for (let turn = 0; turn < 3; turn++) {
    collect();
    await new Promise(resolve => setImmediate(resolve));
  }
  const flops = await measurePeakFlops(pool, kernels);
  pool.close();
  assert.ok(flops > 1e9 && flops < 1e13, String(flops));
});
