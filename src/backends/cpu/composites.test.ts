// Which kernels of composites are compiled together.

import assert from "node:assert/strict";
import { test } from "node:test";
import { input } from "../../graph/operations.ts";
import { findCompositeKernel } from "./composites.ts";

test("attention of fewer queries is a call of the function that attention of all is", () => {
  const sizes = { batch: 2, length: 8, heads: 2, headWidth: 4 };
  const whole = findCompositeKernel("attention", sizes, 1)!;
  const queried = findCompositeKernel("queriedAttention", { ...sizes, queries: 3 }, 1)!;
  const [qkv, q, kv] = [input("qkv", [16, 24], "f32"), input("q", [6, 8], "f32"), input("kv", [16, 16], "f32")];
  const shared = whole.emitShared!([qkv], qkv);
  assert.match(shared, /attend_blocks\(/);
  assert.equal(queried.emitShared!([q, kv], q), shared);
  // Sequences, queries apart, queries of each, elements from one to the next, and from one key to the next.
  assert.match(whole.emitCall([qkv], qkv), /\(p, begin, end, 2, 0, 8, 24, 24\);$/);
  assert.match(queried.emitCall([q, kv], q), /\(p, begin, end, 2, 1, 3, 8, 16\);$/);
  const longer = findCompositeKernel("attention", { ...sizes, length: 9 }, 1)!;
  assert.notEqual(longer.emitShared!([qkv], qkv), shared);
});
