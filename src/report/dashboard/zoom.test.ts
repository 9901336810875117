import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseRange, zoomScript } from "./zoom.ts";

const linear = (low: number, high: number) => ({ kind: "linear" as const, low, high });

test("a part is what lies between two places, in either order, by hand", () => {
  assert.deepEqual(chooseRange(linear(0, 100), linear(0, 100), 0.75, 0.25), [25, 75]);
  assert.deepEqual(chooseRange(linear(20, 40), linear(0, 100), 0.5, 0.75), [30, 35]);
  // Of a logarithmic axis from 1 to 10000 the second quarter is from 10 to 100.
  const log = { kind: "log" as const, low: 1, high: 1e4 };
  const part = chooseRange(log, log, 0.25, 0.5)!;
  assert.ok(Math.abs(part[0] - 10) < 1e-9 && Math.abs(part[1] - 100) < 1e-9, String(part));
});

test("a part that reaches beyond all is moved back, one as wide is all, and none is of no width", () => {
  const [shown, whole] = [linear(60, 80), linear(0, 100)];
  assert.deepEqual(chooseRange(shown, whole, 1.5, 2.5), [80, 100]);
  assert.deepEqual(chooseRange(linear(0, 20), whole, -0.25, 0.75), [0, 20]);
  // Twice as wide around the end.
  assert.deepEqual(chooseRange(shown, whole, -1, 1), [40, 80]);
  assert.equal(chooseRange(shown, whole, -3, 3), undefined);
  assert.equal(chooseRange(shown, whole, 0, Number.POSITIVE_INFINITY), undefined);
  const [low, high] = chooseRange(shown, whole, 0.5, 0.5)!;
  assert.ok(low < high && high - low < 2e-4);
});

test("the page's script has the function as it is tested", () => {
  assert.deepEqual(
    new Function("figures", `${zoomScript}; return chooseRange;`)([])(linear(0, 10), linear(0, 10), 0, 0.5),
    [0, 5],
  );
});
