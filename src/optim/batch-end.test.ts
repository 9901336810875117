import assert from "node:assert/strict";
import { test } from "node:test";
import { createBatchEnd } from "./batch-end.ts";
import { batchRules } from "./batch-rules.ts";

test("one micro-batch agrees with nobody: no rule ends a batch with it, not even behind a step that had no other", () => {
  // Of two they would be enough for each rule.
  const measure = () => ({ newest: [1], across: [1], before: [1] });
  for (const { name } of batchRules) {
    for (const monotone of [false, true]) {
      const end = createBatchEnd({ name, theta: 0.9, least: 2, monotone }, undefined);
      assert.equal(end.isReached(1, 1, measure), true);
      assert.equal(end.isReached(1, 4, measure), false, name);
      assert.equal(end.isReached(2, 4, measure), true, name);
    }
  }
});
