import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseUnit, formatNumber, formatValue } from "./quantity.ts";

test("the unit is the largest of which there are at least one and a half", () => {
  const name = (seconds: number) => chooseUnit("seconds", seconds).name;
  assert.deepEqual([0, 89, 90, 5399, 5400].map(name), ["seconds", "seconds", "minutes", "minutes", "hours"]);
  assert.equal(chooseUnit("flops", 2e15).name, "PFLOP");
  assert.equal(chooseUnit("tokens", 4.5e6).name, "million tokens");
});

test("values as tables show them", () => {
  assert.equal(formatValue(7_553_024, "tokens"), "7,553,024");
  assert.equal(formatValue(4.42834, "nats"), "4.4283");
  assert.equal(formatValue(750, "seconds"), "12.5 minutes");
  assert.equal(formatValue(0.1785, "share"), "17.85 %");
  assert.equal(formatValue(10876.6, "tokensPerSecond"), "10,877 tokens/s");
  assert.equal(formatValue(Number.NaN, "nats"), "not finite");
  assert.equal(formatValue(undefined, "nats"), "");
});

test("numbers have at most four significant digits", () => {
  assert.deepEqual([0, 0.00123456, 0.000012, 12.3456, 123456, 5e12, 1e9].map(formatNumber), [
    ...["0", "0.001235", "1.2e-5", "12.35", "123,500", "5e+12", "1e+9"],
  ]);
});
