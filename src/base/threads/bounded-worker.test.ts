// What a thread makes comes in order and once, made when it is asked for or so far ahead; what ends it comes behind what it made before.

import assert from "node:assert/strict";
import { test as declareTest } from "node:test";
import { setTimeout } from "node:timers/promises";
import { isMainThread, threadId } from "node:worker_threads";
import { BoundedThread, BoundedWorkError, runBounded } from "./bounded-worker.ts";

/** Threads load this module for the work in it. */
const test = isMainThread ? declareTest : () => {};

/** The numbers from 0 on, and how many were made; the threads run this module. */
export function* countUp({ made, end, fails }: { made: Int32Array; end: number; fails: boolean }): Generator<number> {
  for (let number = 0; number < end; number++) {
    Atomics.add(made, 0, 1);
    yield number;
  }
  if (fails) throw new Error("no more");
}

const countInThread = (made: Int32Array, end: number, more: { ahead?: number; fails?: boolean }) =>
  runBounded<number>({
    module: import.meta.url,
    name: countUp.name,
    input: { made, end, fails: more.fails === true },
    ...(more.ahead !== undefined && { ahead: more.ahead }),
  });

for (const ahead of [0, 3]) {
  test(`${ahead} ahead: as many are made before they are asked for, and all come in order`, async () => {
    const made = new Int32Array(new SharedArrayBuffer(4));
    const values = countInThread(made, 10, { ahead });
    assert.equal((await values.next()).value, 0);
    for (let tries = 0; Atomics.load(made, 0) <= ahead && tries < 500; tries++) await setTimeout(10);
    await setTimeout(20);
    assert.equal(made[0], 1 + ahead);
    const rest: number[] = [];
    for await (const value of values) rest.push(value);
    assert.deepEqual(rest, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
}

test("a failure comes behind what was made before it", async () => {
  const values: number[] = [];
  const run = async () => {
    for await (const value of countInThread(new Int32Array(new SharedArrayBuffer(4)), 2, { ahead: 8, fails: true })) {
      values.push(value);
    }
  };
  await assert.rejects(run, (error: unknown) => error instanceof BoundedWorkError && error.message === "no more");
  assert.deepEqual(values, [0, 1]);
});

/** Where it runs, and then so many numbers. */
export function* sayThread(count: number): Generator<number> {
  yield threadId;
  for (let number = 0; number < count; number++) yield number;
  if (count < 0) throw new Error("no such count");
}

test("works of one thread follow each other there, none with values of the one before; what fails ends it", async () => {
  const thread = new BoundedThread();
  const run = (input: number) => thread.run<number>({ module: import.meta.url, name: sayThread.name, input, ahead: 8 });
  const collect = async (count: number) => {
    const values: number[] = [];
    for await (const value of run(count)) values.push(value);
    return values;
  };
  try {
    const [first, ...numbers] = await collect(2);
    assert.notEqual(first, threadId);
    assert.deepEqual(numbers, [0, 1]);
    assert.deepEqual(await collect(3), [first, 0, 1, 2]);
    await assert.rejects(collect(-1), /no such count/);
    const [other, ...more] = await collect(1);
    assert.notEqual(other, first);
    assert.deepEqual(more, [0]);
    for await (const value of run(5)) if (value === 1) break;
    const [last, ...rest] = await collect(1);
    assert.notEqual(last, other);
    assert.deepEqual(rest, [0]);
  } finally {
    await thread.close();
  }
});

test("who waits for a thread that is closed is told", async () => {
  const thread = new BoundedThread();
  const waiting = thread.run({ module: import.meta.url, name: waitForEver.name, input: 0 }).next();
  await setTimeout(50);
  await thread.close();
  await assert.rejects(waiting, BoundedWorkError);
});

/** Says how long it lay without a processor, and takes none meanwhile. */
export function* lie(seconds: number): Generator<number> {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
  yield seconds;
}

test("a thread that has no processor is waited for, one that waits for ever is ended, and one that works in vain", async () => {
  const ask = async (name: string, input: unknown, idleSeconds: number) => {
    // Left behind its first value, which ends the thread.
    for await (const value of runBounded<number>({ module: import.meta.url, name, input, idleSeconds })) return value;
    return undefined;
  };
  assert.equal(await ask(lie.name, 1.5, 0.5), 1.5);
  const told = (message: RegExp) => (error: unknown) =>
    error instanceof BoundedWorkError && error.reason === "stuck" && message.test(error.message);
  await assert.rejects(ask(waitForEver.name, 0, 0.5), told(/^nothing came for 4 seconds$/));
  await assert.rejects(ask(spin.name, 0, 0.5), told(/^nothing came for 0\.5 seconds of a processor$/));
});

export function* spin(): Generator<number> {
  let turn = 0;
  while (turn >= 0) turn = (turn + 1) % 7;
  yield turn;
}

export async function* waitForEver(): AsyncGenerator<number> {
  await new Promise(() => {});
}
