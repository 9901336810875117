// What a batch leaves in arrays that the next one of its length is written into.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Task } from "../tasks/task.ts";
import { createBatchFiller } from "./padded-batches.ts";

const [pad, B, length] = [9, 3, 5];
const encode = (tokens: number[], secondStart: number, targets: number[], wordPlaces: number[] = []) => ({
  example: { id: "0", texts: ["a"], targets, origin: "a:1" },
  ...{ tokens: Int32Array.from(tokens), secondStart, wordPlaces },
});

test("rows without an example are one padding token, whatever stood there before", () => {
  for (const [kind, none] of [
    ["classification", [0, 0]],
    ["regression", [0, 0]],
    ["tokens", [-1, -1, -1, -1, -1, -1, -1, -1, -1, -1]],
  ] as const satisfies readonly (readonly [Task["kind"], readonly number[]])[]) {
    const fill = createBatchFiller({ kind, batchSequences: B, specials: { pad } });
    const places = kind === "tokens" ? [1, 2] : [];
    const long = encode([2, 4, 5, 6, 3], 3, kind === "tokens" ? [1, 2] : [2], places);
    fill({ length, members: [0, 0, 0] }, [long]);
    const short = encode([2, 7, 3], 3, kind === "tokens" ? [1] : [1], places.slice(0, 1));
    const { tokens, segments, lengths, targets } = fill({ length, members: [0] }, [short]);
    assert.deepEqual([...tokens], [2, 7, 3, ...Array<number>(12).fill(pad)]);
    assert.deepEqual([...segments], Array<number>(15).fill(0));
    assert.deepEqual([...lengths], [3, 1, 1]);
    assert.deepEqual([...targets], kind === "tokens" ? [-1, 1, -1, -1, -1, ...none] : [1, ...none]);
  }
});
