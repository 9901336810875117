// Passages are short enough, hold every word in its order, and end where a text does before they end within it.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { splitPassages } from "./passages.ts";

const countWords = (text: string) => text.split(/\s+/).filter(word => word !== "").length + 2;

test("paragraphs stay together, then lines, sentences and words", () => {
  const text = "One two. Three four.\n\nFive six seven.\n\nEight\nnine ten eleven twelve thirteen. End.";
  assert.deepEqual(splitPassages(text, countWords, 9), [
    "One two. Three four.\n\nFive six seven.",
    "Eight\nnine ten eleven twelve thirteen. End.",
  ]);
  assert.deepEqual(splitPassages(text, countWords, 6), [
    "One two. Three four.",
    "Five six seven.",
    "Eight",
    "nine ten eleven twelve",
    "thirteen.",
    "End.",
  ]);
  assert.deepEqual(splitPassages("  short ", countWords, 9), ["  short "]);
});

test("nothing is lost, doubled or too long, words of any length among it", () => {
  const letters = fc.constantFrom("a", "bb", "ü", "😀", " ", "\n", "\n\n", ". ", "ccccccccc");
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 60 }), fc.integer({ min: 3, max: 9 }), (parts, longest) => {
      const text = parts.join("");
      // A token a character, beside the special ones.
      const count = (part: string) => Array.from(part).length + 2;
      const passages = splitPassages(text, count, longest);
      assert.equal(passages.join("").replaceAll(/\s/g, ""), text.replaceAll(/\s/g, ""));
      for (const passage of passages) assert.ok(count(passage) <= longest, JSON.stringify(passage));
    }),
    { numRuns: 200 },
  );
});
