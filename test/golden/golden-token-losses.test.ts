// Every loss of predicted tokens against PyTorch in float64 (scripts/make-token-losses.py): its value and its gradient, through a decoder
// whose table is the identity and which takes the rows in tiles.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { openReference } from "../../src/backends/reference/reference.ts";
import { differentiate } from "../../src/graph/gradient.ts";
import { input } from "../../src/graph/operations.ts";
import { decodeLoss } from "../../src/model/heads.ts";
import { findTokenLoss, tokenLosses, tokenLossSchema } from "../../src/nn/token-losses/token-losses.ts";

interface Golden {
  readonly rows: number;
  readonly classes: number;
  readonly logits: readonly number[];
  readonly labels: readonly number[];
  readonly cases: readonly {
    readonly settings: unknown;
    readonly loss: number;
    readonly gradient: readonly number[];
  }[];
}

const golden = JSON.parse(
  readFileSync(new URL("../../../test/golden/expected/token-losses.json", import.meta.url), "utf8"),
) as Golden;
const { rows: P, classes: V } = golden;
const identity = Float32Array.from({ length: V * V }, (_, i) => (i % (V + 1) === 0 ? 1 : 0));

for (const { settings, loss: expected, gradient } of golden.cases) {
  test(`${JSON.stringify(settings)} is PyTorch's`, async () => {
    const backend = openReference();
    const logits = input("logits", [P, V], "f32");
    const table = input("table", [V, V], "f32");
    const parsed = tokenLossSchema.parse(settings);
    const loss = decodeLoss(logits, { table, bias: undefined, cap: 0 }, input("labels", [P], "i32"), {
      loss: parsed,
      tileRows: 4,
    });
    const [slope] = differentiate(loss, [logits]) as [typeof loss];
    const program = await backend.load({ outputs: { loss, slope }, updates: {} }, new Map());
    const inputs = {
      logits: Float64Array.from(golden.logits),
      table: identity,
      labels: Int32Array.from(golden.labels),
    };
    const outputs = await program.run(inputs as never);
    assert.ok(Math.abs(outputs.loss![0]! - expected) < 1e-6 * Math.abs(expected), `${outputs.loss![0]} ${expected}`);
    const largest = Math.max(...gradient.map(Math.abs));
    gradient.forEach((value, i) => {
      assert.ok(Math.abs(outputs.slope![i]! - value) < 1e-6 * largest, `${i}: ${outputs.slope![i]} ${value}`);
    });
  });
}

test("every loss there is was compared", () => {
  const compared = new Set(golden.cases.map(({ settings }) => (settings as { name: string }).name));
  assert.deepEqual([...compared].sort(), tokenLosses.map(({ name }) => name).sort());
});

test("where every row is right, incorrect-only is 0 and teaches nothing", async () => {
  const backend = openReference();
  const logits = input("logits", [2, 3], "f32");
  const settings = tokenLossSchema.parse({ name: "incorrect-only" });
  const table = input("table", [3, 3], "f32");
  const loss = decodeLoss(logits, { table, bias: undefined, cap: 0 }, input("labels", [2], "i32"), { loss: settings });
  const [slope] = differentiate(loss, [logits]) as [typeof loss];
  const program = await backend.load({ outputs: { loss, slope }, updates: {} }, new Map());
  const right = Float32Array.of(5, 0, 0, 0, 4, 0);
  const unit = Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1);
  const outputs = await program.run({ logits: right, table: unit, labels: Int32Array.of(0, 1) });
  assert.deepEqual([...outputs.loss!], [0]);
  assert.deepEqual([...outputs.slope!], [0, 0, 0, 0, 0, 0]);
  assert.equal(findTokenLoss(settings).counted, "above zero");
});
