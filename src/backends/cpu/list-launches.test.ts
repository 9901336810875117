// Programs one behind the other: against all pairs of launches, and run, where what the second reads is written late by the first.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Launch, Program, ProgramBuffer } from "../../compiler/program/program.ts";
import { cpuTarget } from "../../compiler/targets/cpu-target.ts";
import { add, input, matmul, multiply, reshape, state } from "../../graph/operations.ts";
import { openCpu } from "./cpu.ts";
import { listLaunches, type PlacedProgram } from "./list-launches.ts";

const arena = { address: 1000, bytes: 170 };
/** Of 40 bytes, the first program's at the beginning, and others' where a line of 64 begins and there is room. */
const temporariesOf = (program: number) => 1000 + (program === 0 ? 0 : 128);

/** Buffers of an arena and others, which lie below. */
const anyBuffer = fc.record({
  isTemporary: fc.boolean(),
  offset: fc.nat(30),
  bytes: fc.integer({ min: 1, max: 5 }),
});
const anyLaunch = fc.record({
  buffers: fc.array(fc.nat(5), { minLength: 1, maxLength: 3 }),
  after: fc.array(fc.integer({ min: 1, max: 15 }), { maxLength: 3 }),
});
const anyProgram = fc.record({
  buffers: fc.array(anyBuffer, { minLength: 6, maxLength: 6 }),
  launches: fc.array(anyLaunch, { minLength: 1, maxLength: 25 }),
  isInOrder: fc.boolean(),
});

function place({ buffers, launches, isInOrder }: typeof anyProgram extends fc.Arbitrary<infer Of> ? Of : never) {
  const shown = buffers.map(({ isTemporary, offset, bytes }): ProgramBuffer => {
    const kind = isTemporary ? "temporary" : "state";
    return { kind, name: "", shape: [bytes], dtype: "bool", bytes, arenaOffset: isTemporary ? offset : -1 };
  });
  const launched = launches.map((launch, at): Launch => {
    const common = { kernel: 0, buffers: launch.buffers, blocks: 1, grain: 1, flops: 0, bytesMoved: 0 };
    const after = [...new Set(launch.after.map(back => at - back))].filter(before => before >= 0);
    return isInOrder ? common : { ...common, after };
  });
  const program: Program = { buffers: shown, kernels: [], launches: launched, arenaBytes: 40, hash: "" };
  const places = buffers.map(({ isTemporary, offset }) => (isTemporary ? undefined : { address: offset }));
  return { program, kernels: [1], places } satisfies PlacedProgram;
}

test("launches wait within their program as it says, and of the one before for whoever touches the same bytes", () => {
  fc.assert(
    fc.property(fc.array(anyProgram, { minLength: 1, maxLength: 3 }), drawn => {
      const programs = drawn.map(place);
      const listed = listLaunches(programs, arena);
      const origins = programs.flatMap(({ program }, of) => program.launches.map((launch, at) => ({ of, at, launch })));
      const bytesOf = ({ of, launch }: (typeof origins)[number]) =>
        launch.buffers.flatMap(buffer => {
          const begin =
            programs[of]!.places[buffer]?.address ??
            temporariesOf(of) + programs[of]!.program.buffers[buffer]!.arenaOffset;
          return Array.from({ length: programs[of]!.program.buffers[buffer]!.bytes }, (_, i) => begin + i);
        });
      assert.equal(listed.length, origins.length);
      for (const [at, { pointers }] of listed.entries())
        assert.ok(pointers.every(pointer => bytesOf(origins[at]!).includes(pointer)));
      for (const [later, own] of origins.entries()) {
        for (const [before, other] of origins.slice(0, later).entries()) {
          if (later - before >= cpuTarget.launchesAtOnce) continue;
          const touched = new Set(bytesOf(other));
          const must =
            own.of === other.of
              ? (own.launch.after?.includes(other.at) ?? true)
              : bytesOf(own).some(byte => touched.has(byte));
          assert.equal(listed[later]!.after!.includes(before), must, `${later} for ${before}`);
        }
      }
    }),
  );
});

test("a graph that runs before another leaves it what it would have found, in an arena that grew since, too", async () => {
  const backend = await openCpu({ threads: 2 });
  const shapes = { sum: [1, 1], other: [64] } as const;
  const states = new Map(Object.entries(shapes).map(([name, shape]) => [name, backend.allocate(shape, "f32")]));
  // One chunk that takes its time: the other thread has nothing of it to do.
  const [row, column] = [input("row", [1, 1 << 18], "f32"), input("column", [1 << 18, 1], "f32")];
  const slow = { outputs: {}, updates: { sum: matmul(row, multiply(column, 2)) } };
  const total = state("sum", [1, 1]);
  const scaled = multiply(reshape(total, [1]), input("scale", [1], "f32"));
  const reader = {
    outputs: { scaled },
    updates: { sum: multiply(total, -1), other: add(state("other", [64]), scaled) },
  };
  const [first, second] = [await backend.load(slow, states), await backend.load(reader, states)];
  const ones = new Float32Array(1 << 18).fill(1);
  const run = (value: number) =>
    first.runBefore!({ row: ones, column: ones.map(() => value) }, second, { scale: Float32Array.of(2) });
  let expected = 4 * 2 ** 18;
  // Its inputs stand where the arena did that was too small for it.
  const larger = { outputs: { all: matmul(multiply(row, 3), multiply(column, 5)) }, updates: {} };
  await run(1);
  const third = await backend.load(larger, states);
  await third.run({ row: ones, column: ones });
  for (let round = 1; round <= 12; round++) {
    assert.deepEqual(await run(round % 4), { scaled: Float32Array.of(4 * (round % 4) * 2 ** 18) }, `round ${round}`);
    expected += 4 * (round % 4) * 2 ** 18;
    assert.deepEqual([...(await backend.read(states.get("sum")!))], [-2 * (round % 4) * 2 ** 18]);
    assert.deepEqual(new Set(await backend.read(states.get("other")!)), new Set([expected]));
  }
  assert.deepEqual(await third.run({}), { all: Float32Array.of(15 * 2 ** 18) });
  const [, refused] = await Promise.allSettled([run(1), run(1)]);
  assert.match(String((refused as PromiseRejectedResult).reason), /under way/);
  await backend.close();
});
