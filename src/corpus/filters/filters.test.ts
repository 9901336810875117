// Every limit of every filter against the paper's rules written in Python (test/golden/scripts/make-filters.py), by itself and together.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { chooseFilters, filters, judgeByFilter } from "./filters.ts";

interface Golden {
  readonly text: string;
  readonly length: "short" | "long" | null;
  /** The rules that the document breaks. */
  readonly prose: readonly string[];
  readonly over: readonly string[];
}
const golden = JSON.parse(
  readFileSync(new URL("../../../../test/golden/expected/filters.json", import.meta.url), "utf8"),
) as readonly Golden[];

const judge = (filter: string, text: string) => judgeByFilter(chooseFilters([filter])[0]!, text);

/** Limits that let everything through. */
const open: Readonly<Record<string, number>> = {
  ...{ shortestMean: 0, longestMean: 1e9, symbols: 1e9, bullets: 1, ellipses: 1, alphabetic: 0, stopWords: 0 },
  ...Object.fromEntries(Object.keys(filters[3].limits).map(name => [name, 1])),
};

for (const [filter, broken, reason] of [
  ["prose", ({ prose }: Golden) => prose, "not-prose"],
  ["repetition", ({ over }: Golden) => over, "repetitive"],
] as const) {
  test(`${filter}: all limits together`, () => {
    for (const each of golden) {
      assert.equal(judge(filter, each.text), broken(each).length > 0 ? reason : undefined, each.text);
    }
  });
  for (const limit of Object.keys(filters.find(({ name }) => name === filter)!.limits)) {
    test(`${filter}: ${limit} alone`, () => {
      const others = Object.keys(filters.find(({ name }) => name === filter)!.limits).filter(name => name !== limit);
      const alone = `${filter}:${others.map(name => `${name}=${open[name]}`).join(",")}`;
      for (const each of golden) {
        assert.equal(judge(alone, each.text), broken(each).includes(limit) ? reason : undefined, each.text);
      }
      assert.ok(golden.some(each => broken(each).includes(limit)));
    });
  }
}

test("length counts words, and its limits are inclusive", () => {
  for (const { text, length } of golden) assert.equal(judge("length", text), length ?? undefined);
  const words = (count: number) => Array.from({ length: count }, (_, i) => `w${i}`).join(" \n");
  const judged = [2, 3, 5, 6].map(count => judge("length:least=3,most=5", words(count)));
  assert.deepEqual(judged, ["short", undefined, undefined, "long"]);
});

test("what is no filter, no limit or no number is refused", () => {
  for (const [texts, pattern] of [
    [["named-entities"], /a model that was trained before/],
    [["lenght"], /no filter "lenght"/],
    [["length:leest=3"], /no limit "leest"/],
    [["length:least"], /least is ""/],
    [["length:least=many"], /least is "many"/],
    [["length:least=-1"], /least is "-1"/],
    [["length:"], /no limit ""/],
    [["prose", "prose:stopWords=0"], /prose is there twice/],
  ] as const) {
    assert.throws(() => chooseFilters(texts), { code: "E_FILTER", message: pattern });
  }
});
