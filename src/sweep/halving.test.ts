import assert from "node:assert/strict";
import { test } from "node:test";
import { listJobs, listShares, measureLeft, measureReached, type Standing } from "./halving.ts";

const halving = { reduction: 3, rungs: 3 };
const standing = (...losses: number[]): Standing => ({ losses, failed: false });
const failed = (...losses: number[]): Standing => ({ losses, failed: true });

test("rungs are the budget divided by powers of the reduction", () => {
  assert.deepEqual(listShares(halving), [1 / 9, 1 / 3, 1]);
  assert.deepEqual(listShares(undefined), [1]);
});

test("the best third of a rung goes on before anything begins", () => {
  const standings = [standing(5), standing(4), standing(6), standing(), standing()];
  assert.deepEqual(listJobs(standings, halving), [
    { trial: 1, rung: 1 },
    { trial: 3, rung: 0 },
    { trial: 4, rung: 0 },
  ]);
  // Two are no third of anything.
  assert.deepEqual(listJobs([standing(5), standing(4)], halving), []);
});

test("who went on is not asked again, and a failure fills its rung as the worst", () => {
  assert.deepEqual(listJobs([standing(5), standing(4, 3), failed()], halving), []);
  // Of the failed alone nobody goes on.
  assert.deepEqual(listJobs([failed(), failed(), failed()], halving), []);
  assert.deepEqual(listJobs([standing(7), failed(), failed()], halving), [{ trial: 0, rung: 1 }]);
});

/** All trials by one worker, or by three whose results come in another order; each trial's loss falls to its number. */
function finish(count: number, order: (jobs: number) => number): number[][] {
  const standings: Standing[] = Array.from({ length: count }, () => standing());
  for (let jobs = listJobs(standings, halving); jobs.length > 0; jobs = listJobs(standings, halving)) {
    const { trial, rung } = jobs[order(jobs.length)]!;
    assert.equal(standings[trial]!.losses.length, rung);
    standings[trial] = standing(...standings[trial]!.losses, trial + 10 / (rung + 1));
  }
  return standings.map(({ losses }) => [...losses]);
}

test("in the end a third of each rung or more has gone on, the best among them", () => {
  for (const order of [() => 0, (jobs: number) => jobs - 1, (jobs: number) => jobs >> 1]) {
    const lengths = finish(27, order).map(losses => losses.length);
    assert.equal(lengths[0], 3);
    assert.ok(lengths.filter(length => length > 1).length >= 9);
    assert.ok(lengths.every(length => length > 0));
  }
  // Begun from the last on, each is the best so far when it ends: those that went on too early are the price of not waiting.
  assert.deepEqual(finish(27, () => 0).filter(losses => losses.length === 3).length, 3);
});

test("what is left is no more than what is spent then, and falls to nothing with the last trial", () => {
  for (const [given, count] of [
    [halving, 27],
    [halving, 9],
    [halving, 8],
    [{ reduction: 2, rungs: 4 }, 11],
    [undefined, 5],
  ] as const) {
    const shares = listShares(given);
    for (const order of [() => 0, (jobs: number) => jobs - 1, (jobs: number) => jobs >> 1]) {
      const standings: Standing[] = Array.from({ length: count }, () => standing());
      const told = [measureLeft(standings, given)];
      const spent = [0];
      for (let jobs = listJobs(standings, given); jobs.length > 0; jobs = listJobs(standings, given)) {
        const { trial, rung } = jobs[order(jobs.length)]!;
        standings[trial] =
          trial % 5 === 4 && rung === 1
            ? failed(...standings[trial]!.losses)
            : standing(...standings[trial]!.losses, trial);
        spent.push(spent.at(-1)! + shares[rung]! - (shares[rung - 1] ?? 0));
        told.push(measureLeft(standings, given));
      }
      const reached = standings.reduce((sum, each) => sum + measureReached(each, given), 0);
      assert.ok(Math.abs(reached - spent.at(-1)!) < 1e-9);
      assert.equal(told.at(-1), 0);
      for (const [i, left] of told.entries()) {
        const actual = spent.at(-1)! - spent[i]!;
        assert.ok(
          left <= actual + 1e-9 && (left > 0 || i === told.length - 1),
          `${count}: ${left} told, ${actual} left`,
        );
        // What went on too early comes on top of it.
        assert.ok(actual <= 2 * left + 2, `${count}: ${left} told, ${actual} left`);
      }
    }
  }
});

test("without halving every trial that has not ended is a job", () => {
  assert.deepEqual(listJobs([standing(5), failed(), standing()], undefined), [{ trial: 2, rung: 0 }]);
});

test("of equal losses the earlier trial goes on", () => {
  assert.deepEqual(listJobs([standing(5), standing(5), standing(5)], halving), [{ trial: 0, rung: 1 }]);
});

test("where more went on than halving plans, what may go on now is left all the same", () => {
  // Of two trials the second went on, of four the last two may: three in all where halving plans two.
  const half = { reduction: 2, rungs: 2 };
  const standings = [standing(5), standing(4, 4), standing(3, 3), standing(2)];
  assert.deepEqual(listJobs(standings, half), [{ trial: 3, rung: 1 }]);
  assert.equal(measureLeft(standings, half), 1 / 2);
});
