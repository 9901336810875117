import assert from "node:assert/strict";
import { test } from "node:test";
import { createProgress, describeProgress } from "./progress.ts";

test("a third in six seconds leaves twelve, at the speed of both", () => {
  let now = 100;
  const clock = { seconds: () => now, date: () => new Date(0) };
  const progress = createProgress("reading", clock, 3e8, "bytes");
  assert.equal(describeProgress(progress(3e7)), "reading: 10 %");
  now += 6;
  assert.equal(describeProgress(progress(1e8)), "reading: 33 %, 17 MB/s, 12s left");
  const { perSecond, secondsLeft, ...rest } = progress(1e8);
  assert.deepEqual(rest, { stage: "reading", share: 1 / 3, unit: "bytes", done: 1e8, elapsedSeconds: 6 });
  assert.ok(Math.abs(perSecond! - 1e8 / 6) < 1e-6 && Math.abs(secondsLeft! - 12) < 1e-9);
  assert.equal(describeProgress(progress(1e6)), "reading: 0 %");
  const slow = createProgress("reading", clock, 1e5, "bytes");
  now += 2;
  assert.equal(describeProgress(slow(1e5)), "reading: 100 %, 50 kB/s, 0s left");
  now -= 2;
  assert.equal(describeProgress(progress(3e8)), "reading: 100 %, 50 MB/s, 0s left");
  assert.equal(describeProgress(createProgress("tokenizing", clock, 0)(0)), "tokenizing: 100 %");
});
