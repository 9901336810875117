// Launches on more threads than the machine has processors: every chunk is computed once and behind those that its launch waits for, and
// no sleeper is forgotten, however short the programs and the pauses between them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { loadBuilt } from "./build.ts";
import { ThreadPool } from "./pool.ts";

const source = `#include <stdint.h>
#include <time.h>
static void shift(char *const *pointers, long begin, long end) {
  for (long i = begin; i < end; i++) ((int32_t *)pointers[1])[i] = ((int32_t *)pointers[0])[(i * 7) % 64] + 1;
}
static void count(char *const *pointers, long begin, long end) {
  for (long i = begin; i < end; i++) __atomic_fetch_add((int32_t *)pointers[0] + i, 1, __ATOMIC_RELAXED);
}
// Adds up what the launches that it waits for left, each pointer[0]'s first number of them, and one: once a chunk.
static void gather(char *const *pointers, long begin, long end) {
  const int32_t count = *(int32_t *)pointers[0];
  for (long i = begin; i < end; i++) {
    int32_t sum = 1;
    for (int32_t j = 0; j < count; j++) sum += ((int32_t *)pointers[2 + j])[(i * 5 + j) % 12];
    ((int32_t *)pointers[1])[i] = sum;
  }
}
// Waits a while until somebody else has written, or writes.
static void await(char *const *pointers, long begin, long end) {
  struct timespec start, now;
  clock_gettime(CLOCK_MONOTONIC, &start);
  do clock_gettime(CLOCK_MONOTONIC, &now);
  while (__atomic_load_n((int32_t *)pointers[0], __ATOMIC_SEQ_CST) == 0 && now.tv_sec - start.tv_sec < 20);
  *(int32_t *)pointers[1] = now.tv_sec - start.tv_sec < 20;
}
static void write(char *const *pointers, long begin, long end) { __atomic_store_n((int32_t *)pointers[0], 1, __ATOMIC_SEQ_CST); }
uint64_t gatherer(void) { return (uint64_t)(uintptr_t)gather; }
uint64_t waiter(void) { return (uint64_t)(uintptr_t)await; }
uint64_t writer(void) { return (uint64_t)(uintptr_t)write; }
uint64_t kernel(void) { return (uint64_t)(uintptr_t)shift; }
uint64_t counter(void) { return (uint64_t)(uintptr_t)count; }`;

test("thousands of tiny programs on five threads end, with every launch after the one before", {
  timeout: 60_000,
}, async () => {
  const library = await loadBuilt(source);
  const kernel = (library.func("uint64_t kernel()") as () => number)();
  const pool = await ThreadPool.open(5);
  const values = [pool.allocate([64], "i32"), pool.allocate([64], "i32")] as const;
  // Chunks of one block, of some, of all, and launches without blocks; an odd and an even number of launches.
  const programs = [1, 2, 5, 6].map(count =>
    pool.prepareLaunches(
      Array.from({ length: count }, (_, i) => [
        { kernel, pointers: [values[0].address, values[1].address], blocks: 0, grain: 1 },
        {
          kernel,
          pointers: [values[i % 2]!.address, values[1 - (i % 2)]!.address],
          blocks: 64,
          grain: [1, 13, 64][i % 3]!,
        },
      ]).flat(),
    ),
  );
  for (let round = 0; round < 4000; round++) {
    const program = programs[round % programs.length]!;
    const launches = program.count / 2;
    pool.write(values[0], new Int32Array(64).fill(round));
    await pool.run(program, round % 3 === 0);
    assert.deepEqual(new Set(pool.read(values[launches % 2]!)), new Set([round + launches]));
    if (round % 100 === 0) await pause(1);
  }
  pool.close();
});

test("every chunk is computed once, by pools of many sizes one after another", { timeout: 60_000 }, async () => {
  const library = await loadBuilt(source);
  const kernel = (library.func("uint64_t counter()") as () => number)();
  for (const threads of [1, 4, 7, 2, 3]) {
    const pool = await ThreadPool.open(threads);
    // Fewer chunks than threads, as many, and numbers that they do not divide.
    const sizes = [1, 2, 3, 7, 8, 61, 64];
    const counts = sizes.map(blocks => pool.allocate([blocks], "i32"));
    const program = pool.prepareLaunches(
      sizes.flatMap((blocks, i) => [1, 3].map(grain => ({ kernel, pointers: [counts[i]!.address], blocks, grain }))),
    );
    for (let round = 1; round <= 1000; round++) {
      await pool.run(program);
      for (const each of counts) assert.deepEqual(new Set(pool.read(each)), new Set([2 * round]), `${threads} threads`);
    }
    pool.close();
  }
});

test("launches run behind those that they wait for, and beside others", { timeout: 60_000 }, async () => {
  const library = await loadBuilt(source);
  const kernel = (library.func("uint64_t gatherer()") as () => number)();
  const random = drawNumbers(7);
  const pool = await ThreadPool.open(4);
  for (let round = 0; round < 60; round++) {
    const count = 1 + random(50);
    const values = Array.from({ length: count }, () => pool.allocate([12], "i32"));
    const sizes = Array.from({ length: count }, () => pool.allocate([1], "i32"));
    const after = values.map((_, at) => {
      const before = Array.from({ length: random(4) }, () => at - 1 - random(15)).filter(each => each >= 0);
      return [...new Set(before)];
    });
    // What a launch leaves: in all twelve places one more than the sum of those before it.
    const expected: number[] = [];
    for (const [at, before] of after.entries()) {
      expected.push(before.reduce((sum, each) => sum + expected[each]!, 1));
      pool.write(sizes[at]!, Int32Array.of(before.length));
    }
    const program = pool.prepareLaunches(
      values.map((own, at) => ({
        kernel,
        pointers: [sizes[at]!.address, own.address, ...after[at]!.map(each => values[each]!.address)],
        blocks: 12,
        grain: [1, 5, 12][random(3)]!,
        after: after[at]!,
      })),
    );
    for (let again = 0; again < 40; again++) {
      for (const own of values) pool.write(own, new Int32Array(12).fill(-1000));
      await pool.run(program, again === 39);
      for (const [at, own] of values.entries())
        assert.deepEqual(new Set(pool.read(own)), new Set([expected[at]!]), `launch ${at} of ${count}`);
    }
    pool.freeLaunches(program);
    for (const each of [...values, ...sizes]) pool.free(each);
  }
  pool.close();
});

test("a thread that finds nothing left of a launch computes the next", { timeout: 60_000 }, async () => {
  const library = await loadBuilt(source);
  const addressOf = (name: string) => (library.func(`uint64_t ${name}()`) as () => number)();
  const pool = await ThreadPool.open(2);
  const [written, seen] = [pool.allocate([1], "i32"), pool.allocate([1], "i32")];
  const one = { blocks: 1, grain: 1 };
  const program = pool.prepareLaunches([
    { kernel: addressOf("waiter"), pointers: [written.address, seen.address], ...one, after: [] },
    { kernel: addressOf("writer"), pointers: [written.address], ...one, after: [] },
  ]);
  await pool.run(program);
  assert.deepEqual([...pool.read(seen)], [1]);
  pool.close();
});

// What a training loads and what it writes beside that end apart where one of them fails: the other finds the pool closed.
test("a closed pool touches no memory, which is another's by then", async () => {
  const pool = await ThreadPool.open(1);
  const buffer = pool.allocate([4], "f32");
  const program = pool.prepareLaunches([]);
  pool.close();
  const uses: Readonly<Record<string, () => unknown>> = {
    allocate: () => pool.allocate([4], "f32"),
    write: () => pool.write(buffer, new Float32Array(4)),
    view: () => pool.view(buffer),
    read: () => pool.read(buffer),
    free: () => pool.free(buffer),
    reserveArena: () => pool.reserveArena(64),
    prepareLaunches: () => pool.prepareLaunches([]),
    readSeconds: () => pool.readSeconds(program),
    run: () => pool.run(program),
  };
  for (const [name, use] of Object.entries(uses)) assert.throws(use, { message: "the cpu backend is closed" }, name);
});

/** Whole numbers below a bound, the same every time. */
function drawNumbers(seed: number): (bound: number) => number {
  let state = seed;
  return bound => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 16) % bound;
  };
}
