// Launches that wait, against all pairs of them: who touches what another writes is held behind it, by whatever way, and nobody else is.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { findEnds, findWaits } from "./find-waits.ts";
import type { ProgramBuffer } from "./program.ts";

const place = (arenaOffset: number, bytes: number, kind: ProgramBuffer["kind"] = "temporary"): ProgramBuffer => {
  return { kind, name: "", shape: [bytes], dtype: "bool", bytes, arenaOffset: kind === "temporary" ? arenaOffset : -1 };
};
const anyBuffer = fc.tuple(fc.nat(12), fc.integer({ min: 1, max: 4 }), fc.constantFrom("temporary", "state", "input"));
const anyLaunch = fc.array(fc.tuple(fc.nat(7), fc.boolean()), { minLength: 1, maxLength: 4 });

test("a launch waits for whom it shares written bytes with, itself or by another, and for nobody else", () => {
  fc.assert(
    fc.property(
      fc.array(anyBuffer, { minLength: 8, maxLength: 8 }),
      fc.array(anyLaunch),
      fc.integer({ min: 2, max: 6 }),
      (places, touches, atOnce) => {
        const buffers = places.map(([at, bytes, kind]) => place(at, bytes, kind as ProgramBuffer["kind"]));
        const launches = touches.map(touch => ({
          all: [...new Set(touch.map(([buffer]) => buffer))],
          written: new Set(touch.filter(([, isWritten]) => isWritten).map(([buffer]) => buffer)),
        }));
        /** Bytes by name: a place of the arena, or a buffer's own. */
        const bytesOf = (numbers: Iterable<number>) =>
          new Set(
            [...numbers].flatMap(n => {
              const { kind, arenaOffset, bytes } = buffers[n]!;
              return kind === "temporary" ? Array.from({ length: bytes }, (_, i) => `${arenaOffset + i}`) : [`of ${n}`];
            }),
          );
        const meets = (a: ReadonlySet<string>, b: ReadonlySet<string>) => [...a].some(each => b.has(each));
        const waits = findWaits(launches, buffers, atOnce);
        const isHeld = (later: number, before: number): boolean =>
          later - before >= atOnce ||
          waits[later]!.some(each => each === before || (each > before && isHeld(each, before)));
        for (let later = 0; later < launches.length; later++) {
          for (let before = 0; before < later; before++) {
            const [a, b] = [launches[before]!, launches[later]!];
            const must = meets(bytesOf(a.written), bytesOf(b.all)) || meets(bytesOf(a.all), bytesOf(b.written));
            if (must) assert.ok(isHeld(later, before), `${later} behind ${before}`);
            else assert.ok(!waits[later]!.includes(before), `${later} for ${before}`);
          }
        }
      },
    ),
  );
});

test("a launch may run until what touches its result begins, and eight behind at most", () => {
  const launch = (all: number[], ...written: number[]) => ({ all: [...all, ...written], written: new Set(written) });
  const others = Array.from({ length: 12 }, () => launch([], 9));
  // What another reads two launches later; what nobody reads; what is read late.
  assert.equal(findEnds([launch([0], 1), launch([0], 2), launch([1], 3)])[0], 1);
  assert.equal(findEnds([launch([0], 1), ...others])[0], 8);
  assert.equal(findEnds([launch([0], 1), ...others, launch([1], 3)])[0], 8);
});
