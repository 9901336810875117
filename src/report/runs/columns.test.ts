import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { growColumns, thinColumns } from "./columns.ts";

const names = ["time", "loss", "speed"] as const;
type Sample = Record<(typeof names)[number], number>;
const open = (buckets: number) =>
  thinColumns(names, { along: "time", measures: [({ loss }) => loss, ({ speed }) => speed], buckets });
const sampleAt = (time: number, loss: number, speed = 1): Sample => ({ time, loss, speed });
const fill = (buckets: number, samples: readonly Sample[]) => {
  const columns = open(buckets);
  for (const sample of samples) columns.add(sample);
  return columns.take();
};

test("few rows stay as they are", () => {
  const { each, means } = fill(64, [sampleAt(1, 5), sampleAt(2, 4), sampleAt(3, 6)]);
  assert.deepEqual([...each.time], [1, 2, 3]);
  assert.deepEqual([...each.loss], [5, 4, 6]);
  assert.deepEqual([...means!.loss], [5, 4, 6]);
});

test("merged intervals, by hand", () => {
  // Intervals begin as long as a sixteenth of the first row, and double until 16 is within four of them: they are 8 long.
  const rows = [sampleAt(16, 1), sampleAt(17, 9), sampleAt(18, 2), sampleAt(19, 3), sampleAt(24, 5), sampleAt(31, 4)];
  const { each, means } = fill(4, rows);
  // Intervals 16 to 24 and 24 to 32: of the first the lowest and the highest, and nothing between.
  assert.deepEqual([...each.loss], [1, 9, 5, 4]);
  assert.deepEqual([...means!.loss], [15 / 4, 9 / 2]);
  assert.deepEqual([...means!.time], [70 / 4, 55 / 2]);
});

test("merged intervals weigh by their rows, by hand", () => {
  // Intervals are 4 long until 16 is to be within four of them, then 8: three rows and one become an interval of four.
  const rows = [sampleAt(8, 1), sampleAt(9, 2), sampleAt(10, 3), sampleAt(12, 10), sampleAt(16, 7)];
  const { each, means } = fill(4, rows);
  assert.deepEqual([...each.loss], [1, 10, 7]);
  assert.deepEqual([...means!.loss], [16 / 4, 7]);
  assert.deepEqual([...means!.time], [39 / 4, 16]);
});

test("what is not finite is in no mean and no extreme, and the last row is always there", () => {
  const { each, means } = fill(2, [
    sampleAt(1, 3),
    sampleAt(1.1, Number.NaN),
    sampleAt(1.2, 5),
    sampleAt(1.3, Number.NaN),
  ]);
  assert.deepEqual([...each.time], [1, 1.2, 1.3]);
  assert.deepEqual([...means!.loss], [4]);
});

test("any rows: no extreme is lost, means weigh up to the whole, and there is a bound", () => {
  const samples = fc.array(fc.tuple(fc.double({ min: 0, max: 50, noNaN: true }), fc.integer({ min: -99, max: 99 })), {
    minLength: 1,
    maxLength: 300,
  });
  fc.assert(
    fc.property(samples, steps => {
      let time = 0;
      const rows = steps.map(([pause, loss]) => sampleAt((time += pause), loss, -loss));
      const { each, means } = fill(8, rows);
      const losses = rows.map(({ loss }) => loss);
      assert.equal(Math.min(...each.loss), Math.min(...losses));
      assert.equal(Math.max(...each.loss), Math.max(...losses));
      assert.equal(each.time.at(-1), rows.at(-1)!.time);
      assert.ok(each.time.length <= 8 * 4 + 1 && means!.time.length <= 8);
      assert.ok(each.time.every((at, i) => rows.some(row => row.time === at && row.loss === each.loss[i])));
      assert.ok(means!.loss.every(mean => mean >= Math.min(...losses) - 1e-9 && mean <= Math.max(...losses) + 1e-9));
    }),
    { numRuns: 200 },
  );
});

test("a million rows are as few as a thousand, with the mean of each interval", () => {
  const columns = open(256);
  for (let i = 1; i <= 1_000_000; i++) columns.add(sampleAt(i, (i % 100) + (i === 777_777 ? 1000 : 0)));
  const { each, means } = columns.take();
  assert.ok(means!.time.length > 128 && means!.time.length <= 256);
  assert.ok(each.time.length <= 4 * 256 + 1);
  assert.equal(each.loss[each.time.indexOf(777_777)], 1077);
  // Of 0 to 99 the mean is 49.5; an interval of some thousand rows is that up to one round of them.
  for (const mean of means!.loss.slice(1, -1)) assert.ok(Math.abs(mean - 49.5) < 1, String(mean));
});

test("grown columns are every row", () => {
  const columns = growColumns(names);
  for (let i = 0; i < 1000; i++) columns.add(sampleAt(i, -i));
  const { each, means } = columns.take();
  assert.deepEqual([each.loss.length, each.loss[999], means], [1000, -999, undefined]);
});
