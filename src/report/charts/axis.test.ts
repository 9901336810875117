import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { makeAxis, placeOn } from "./axis.ts";

const labels = (axis: ReturnType<typeof makeAxis>) => axis.ticks.map(({ label }) => label);

test("linear ticks are round numbers", () => {
  assert.deepEqual(labels(makeAxis("linear", [0, 70], { round: false })), [
    "0",
    "10",
    "20",
    "30",
    "40",
    "50",
    "60",
    "70",
  ]);
  assert.deepEqual(labels(makeAxis("linear", [0, 0.003], { round: false })), [
    ...["0.0000", "0.0005", "0.0010", "0.0015", "0.0020", "0.0025", "0.0030"],
  ]);
  assert.deepEqual(labels(makeAxis("linear", [1200, 1950], { round: false })), [
    ...["1,200", "1,300", "1,400", "1,500", "1,600", "1,700", "1,800", "1,900"],
  ]);
});

test("a rounded axis ends at ticks", () => {
  const { low, high } = makeAxis("linear", [1.87, 8.59], { round: true });
  assert.deepEqual([low, high], [1, 9]);
});

test("logarithmic ticks: powers over decades, every digit within one", () => {
  assert.deepEqual(labels(makeAxis("log", [0.5, 20_000], { round: false })), ["1", "10", "100", "1,000", "10,000"]);
  assert.deepEqual(labels(makeAxis("log", [1.9, 8.6], { round: false })), ["2", "3", "4", "5", "6", "8"]);
  assert.deepEqual(labels(makeAxis("log", [3, 300], { round: false })), ["5", "10", "20", "50", "100", "200"]);
  assert.deepEqual(labels(makeAxis("log", [6.1, 6.4], { round: false })), [
    "6.10",
    "6.15",
    "6.20",
    "6.25",
    "6.30",
    "6.35",
    "6.40",
  ]);
});

test("places: the middle of a logarithmic axis is the geometric mean, and 0 has none", () => {
  const axis = makeAxis("log", [1, 100, 0, -5, Number.NaN], { round: false });
  assert.deepEqual([axis.low, axis.high], [1, 100]);
  assert.ok(Math.abs(placeOn(axis, 10) - 0.5) < 1e-12);
  assert.ok(Number.isNaN(placeOn(axis, 0)));
  assert.equal(placeOn(makeAxis("linear", [-10, 10], { round: false }), 5), 0.75);
});

test("any extremes give an axis with ticks inside it", () => {
  const value = fc.double({ min: -1e12, max: 1e12, noNaN: true }).map(drawn => (Math.abs(drawn) < 1e-12 ? 0 : drawn));
  fc.assert(
    fc.property(
      fc.constantFrom("linear" as const, "log" as const),
      fc.array(value, { maxLength: 3 }),
      fc.boolean(),
      (kind, values, round) => {
        const { low, high, ticks } = makeAxis(kind, values, { round });
        const room = (high - low) * 1e-6;
        assert.ok(low < high);
        assert.ok(ticks.length <= 14);
        assert.ok(ticks.every(tick => tick.value >= low - room && tick.value <= high + room && tick.label !== ""));
        for (const shown of values) {
          if (kind === "linear" || shown > 0) assert.ok(shown >= low - room && shown <= high + room);
        }
      },
    ),
  );
});
