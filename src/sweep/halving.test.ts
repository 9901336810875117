import assert from "node:assert/strict";
import { test } from "node:test";
import { listJobs, listShares, type Standing } from "./halving.ts";

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

test("without halving every trial that has not ended is a job", () => {
  assert.deepEqual(listJobs([standing(5), failed(), standing()], undefined), [{ trial: 2, rung: 0 }]);
});
