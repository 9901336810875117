import assert from "node:assert/strict";
import { test } from "node:test";
import { drawChart } from "./chart.ts";

test("a column is as high as its value, and nothing but 0 is empty", () => {
  assert.deepEqual(drawChart([0, 0.001, 0.5, 0.75, 1], 1, "1", 2), ["1 │   ▄█", "  │ ▁███", "0 └─────"]);
});
