// The library of Newton–Schulz is built for a graph that nobody has loaded, and its kernels find it.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { useOwnCache } from "../../../test/own-cache.ts";
import { input } from "../../graph/operations.ts";
import type { Graph } from "../../graph/tensor.ts";
import { orthogonalise } from "../../optim/matrix/orthogonalise.ts";
import { openReference } from "../reference/reference.ts";
import { openCpu } from "./cpu.ts";

const root = useOwnCache();
const countLibraries = () => readdirSync(join(root, "kernels")).filter(name => name.endsWith(".so")).length;

test("the library is there before a graph that calls it is loaded, once for all of them", {
  timeout: 120_000,
}, async () => {
  const wide = orthogonalise(input("wide", [1, 3, 5], "f32"), 1);
  const tall = orthogonalise(input("tall", [1, 7, 4], "f32"), 1);
  const graph: Graph = { outputs: { wide, tall }, updates: {} };
  const backend = await openCpu({ threads: 1 });
  try {
    assert.equal(countLibraries(), 1);
    backend.foresee!([graph]);
    while (countLibraries() < 2) await pause(20);
    const values = (count: number) => Float32Array.from({ length: count }, (_, i) => ((i * 7919) % 11) - 5);
    const inputs = { wide: values(15), tall: values(28) };
    const results = await (await backend.load(graph, new Map())).run(inputs);
    const expected = await (await openReference().load(graph, new Map())).run(inputs);
    for (const name of ["wide", "tall"]) {
      const error = Math.max(...Array.from(expected[name]!, (value, i) => Math.abs(value - results[name]![i]!)));
      assert.ok(error < 1e-5, `${name}: ${error}`);
    }
    assert.equal(countLibraries(), 3);
  } finally {
    await backend.close();
  }
});
