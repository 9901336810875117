// Launches on more threads than the machine has processors: every chunk is computed once and in the order of the launches, and
// no sleeper is forgotten, however short the programs and the pauses between them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { loadBuilt } from "./build.ts";
import { ThreadPool } from "./pool.ts";

const source = `#include <stdint.h>
static void shift(char *const *pointers, long begin, long end) {
  for (long i = begin; i < end; i++) ((int32_t *)pointers[1])[i] = ((int32_t *)pointers[0])[(i * 7) % 64] + 1;
}
static void count(char *const *pointers, long begin, long end) {
  for (long i = begin; i < end; i++) __atomic_fetch_add((int32_t *)pointers[0] + i, 1, __ATOMIC_RELAXED);
}
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
