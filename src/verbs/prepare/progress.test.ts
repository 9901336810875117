import assert from "node:assert/strict";
import { test } from "node:test";
import { createProgress } from "./progress.ts";

test("a third in six seconds leaves twelve", () => {
  let now = 100;
  const describe = createProgress(3000, { seconds: () => now, date: () => new Date(0) });
  assert.equal(describe(300), "10 %");
  now += 6;
  assert.equal(describe(1000), "33 %, 12s left");
  assert.equal(describe(10), "0 %");
  assert.equal(describe(3000), "100 %, 0s left");
  assert.equal(createProgress(0, { seconds: () => now, date: () => new Date(0) })(0), "100 %");
});
