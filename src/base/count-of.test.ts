import assert from "node:assert/strict";
import { test } from "node:test";
import { countOf } from "./count-of.ts";

test("one is one, and of none there are several", () => {
  assert.equal(countOf(1, "document"), "1 document");
  assert.equal(countOf(0, "document"), "0 documents");
  assert.equal(countOf(2345, "step"), "2,345 steps");
  assert.equal(countOf(2345, "step", String), "2345 steps");
});
