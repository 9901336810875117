// Parts done by several threads: what comes of a job are its parts in their order, whoever did which, and what a part throws is thrown.

import assert from "node:assert/strict";
import { test as declareTest } from "node:test";
import { setImmediate } from "node:timers/promises";
import { isMainThread } from "node:worker_threads";
import { Crew } from "./crew.ts";

/** Threads load this module for the work in it. */
const test = isMainThread ? declareTest : () => {};

interface Input {
  readonly offset: number;
  /** How many parts are being done or were; the first ones wait for each other. */
  readonly begun: Int32Array;
  readonly together: number;
}

/** A number of a part; the threads run this module. */
export function addOffset({ offset, begun, together }: Input, part: number): number {
  Atomics.add(begun, 0, 1);
  Atomics.notify(begun, 0);
  for (let seen = Atomics.load(begun, 0); seen < together; seen = Atomics.load(begun, 0)) Atomics.wait(begun, 0, seen);
  return offset + part;
}

export function fail(_: null, part: number): number {
  if (part === 2) throw new RangeError("part 2 fails");
  return part;
}

/** A part ends the thread that has it, unless that is the caller's: that one waits until another has a part. */
export function endThread({ begun }: Input, part: number): number {
  if (isMainThread) {
    Atomics.wait(begun, 0, 0);
    return part;
  }
  Atomics.store(begun, 0, 1);
  Atomics.notify(begun, 0);
  process.exit(0);
}

const inputOf = (offset: number, together: number): Input => ({
  ...{ offset, together },
  begun: new Int32Array(new SharedArrayBuffer(4)),
});

test("jobs one behind the other: parts in their order, done by several threads at once", () => {
  for (const threads of [1, 3]) {
    const crew = new Crew(threads);
    try {
      for (const [parts, offset] of [
        [5, 100],
        [1, 200],
        [0, 300],
        [40, 400],
      ] as const) {
        // Nobody's part ends before all threads have one.
        const input = inputOf(offset, parts >= threads ? threads : 1);
        const results = crew.run(import.meta.url, addOffset, input, parts);
        assert.deepEqual(
          results,
          Array.from({ length: parts }, (_, part) => offset + part),
        );
        assert.equal(input.begun[0], parts);
      }
    } finally {
      crew.close();
    }
  }
});

test("no more threads begin than a job has parts for, and none again that is there", async () => {
  let begun = 0;
  const count = () => begun++;
  // Those of a test before are told of late.
  await setImmediate();
  process.on("worker", count);
  const crew = new Crew(64);
  try {
    for (const [parts, expected] of [
      [1, 0],
      [3, 2],
      [2, 2],
      [5, 4],
      [4, 4],
    ] as const) {
      // Each of its threads has one part of a job.
      assert.deepEqual(
        crew.run(import.meta.url, addOffset, inputOf(7, parts), parts),
        Array.from({ length: parts }, (_, part) => 7 + part),
      );
      await setImmediate();
      assert.equal(begun, expected, `${parts} parts`);
    }
  } finally {
    process.off("worker", count);
    crew.close();
  }
});

test("what a part throws is thrown, and the next job is done", () => {
  const crew = new Crew(2);
  try {
    assert.throws(() => crew.run(import.meta.url, fail, null, 6), /part 2 fails/);
    assert.deepEqual(crew.run(import.meta.url, addOffset, inputOf(1, 2), 3), [1, 2, 3]);
  } finally {
    crew.close();
  }
});

test("a thread that ends with a part of a job is not waited for without end", () => {
  const crew = new Crew(2, 300);
  try {
    assert.throws(() => crew.run(import.meta.url, endThread, inputOf(0, 1), 12), /a thread gave nothing for 0\.3 s/);
  } finally {
    crew.close();
  }
});
