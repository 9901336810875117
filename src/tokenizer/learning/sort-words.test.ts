import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { sortWordCounts } from "./sort-words.ts";

test("words stand as JavaScript sorts strings, with their own counts", () => {
  const letters = fc.constantFrom("a", "b", "\0", "é", "▁", "\uffff", "😀", "\ud83d");
  const lists = fc.uniqueArray(
    fc.array(letters, { maxLength: 11 }).map(each => each.join("")),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(lists, words => {
      const sorted = sortWordCounts(words.map((word, i) => [word, i]));
      const expected = [...words].sort();
      assert.deepEqual(
        sorted,
        expected.map(word => [word, words.indexOf(word)]),
      );
    }),
  );
});
