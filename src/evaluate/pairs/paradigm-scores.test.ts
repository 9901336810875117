// What is stored of a paradigm, and when it is scored again; and the table of paradigms that belong together or to nothing.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openReference } from "../../backends/reference/reference.ts";
import { initialiseParameters } from "../../model/initialise.ts";
import { listParameters } from "../../model/parameters.ts";
import { completeShape } from "../../model/shape.ts";
import type { PretrainedModel } from "../../pretrained/pretrained-model.ts";
import { makePairScoreboard, type ParadigmOptions, scoreParadigms } from "./paradigm-scores.ts";

const root = mkdtempSync(join(tmpdir(), "cramming-paradigms-"));
after(() => rmSync(root, { recursive: true }));
const sizes = { width: 8, layers: 1, heads: 2, feedForward: 16, vocabulary: 40, sequenceLength: 24 };
const shape = completeShape({ ...sizes, positions: "rotary" });
const initial = initialiseParameters(shape, 7);
const model = {
  ...{ shape, hash: "of the model", specials: { pad: 0, unknown: 3, classify: 4, separator: 5, mask: 6 } },
  parameters: listParameters(shape).map(({ name, shape: size }) => ({
    ...{ name, shape: size },
    read: () => initial.get(name)!.map(value => 15 * value),
  })),
  encodeText: (text: string) => (text.match(/\d+/g) ?? []).map(Number),
} as unknown as PretrainedModel;
const pairs = [{ good: "10 11 12 13", bad: "10 11 13 12", origin: "agreement.jsonl:1" }];

test("a stored score is of its model, its pairs and what stood before each sentence; of another it is scored again", async () => {
  const scoreOnce = async (changes: Partial<ParadigmOptions>) => {
    const options = { backend: openReference(), model, opening: 5, root, signal: new AbortController().signal };
    const paradigms = [{ name: "agreement", phenomenon: "", pairs }];
    const found: boolean[] = [];
    for await (const { isNew } of scoreParadigms({ ...options, paradigms, ...changes })) found.push(isNew);
    return found[0];
  };
  assert.equal(await scoreOnce({}), true);
  assert.equal(await scoreOnce({}), false);
  const others: readonly Partial<ParadigmOptions>[] = [
    { opening: 4 },
    { model: { ...model, hash: "of another" } },
    { paradigms: [{ name: "agreement", phenomenon: "", pairs: [...pairs, ...pairs] }] },
  ];
  for (const other of others) {
    assert.equal(await scoreOnce(other), true, Object.keys(other)[0]);
    assert.equal(await scoreOnce(other), false, Object.keys(other)[0]);
    assert.equal(await scoreOnce({}), true, Object.keys(other)[0]);
  }
});

test("paradigms of one phenomenon are one column, and one of none has its own", () => {
  const score = (name: string, phenomenon: string, accuracy: number) => ({
    ...{ version: 1 as const, name, phenomenon, accuracy, pairs: 4, opening: 5 },
    hashes: { model: "", data: "" },
  });
  const board = makePairScoreboard("mine", [
    score("a_one", "agreement", 0.5),
    score("a_two", "agreement", 1),
    score("my_first", "", 0.25),
    score("my_second", "", 0.75),
  ]);
  assert.deepEqual(
    board.columns.map(({ title }) => [title]),
    [["agreement"], ["my first"], ["my second"]],
  );
  const { cells, average } = board.rows[0]!;
  assert.deepEqual(
    Object.entries(cells).map(([name, cell]) => [name, cell!.median]),
    [
      ["agreement", 75],
      ["my_first", 25],
      ["my_second", 75],
    ],
  );
  assert.equal(average!.value, 62.5);
});
