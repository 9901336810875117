import assert from "node:assert/strict";
import { test } from "node:test";
import { collectGarbage } from "./heap.ts";

test("what nothing refers to is gone, and what something refers to is not", async () => {
  const make = (): WeakRef<number[]> => new WeakRef(new Array<number>(1e5).fill(1));
  const kept = new Array<number>(1e5).fill(2);
  const [lost, held] = [make(), new WeakRef(kept)];
  // A reference that was just made is kept to the end of this turn.
  await new Promise(resolve => setImmediate(resolve));
  collectGarbage();
  assert.equal(lost.deref(), undefined);
  assert.equal(held.deref(), kept);
});
