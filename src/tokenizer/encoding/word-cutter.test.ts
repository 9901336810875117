import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Normaliser, type NormaliserStep, normalisers } from "../normalising/normaliser.ts";
import { preTokenizerNames, preTokenizerOf } from "./pre-tokenizer.ts";
import { TextBytes } from "./text-bytes.ts";
import { WordCutter } from "./word-cutter.ts";

const replace = (pattern: string, regex: boolean, by: string): NormaliserStep => ({
  step: "replace",
  pattern,
  regex,
  by,
});
const reading: readonly Normaliser[] = [
  [replace("ab", false, "c")],
  [replace("b", false, "a"), replace("aa", false, "c")],
  [replace("[ab]{2,}", true, "")],
  [replace("[ab]+", true, "c")],
  [replace("a", false, "bc"), replace("b", false, "")],
  // An accent in between joins the letter before it.
  [replace("b", false, "\u0301"), { step: "nfc" }, replace("\u0301", false, "x")],
];

test("words among bytes are those of the text, whatever a normaliser reads together", () => {
  const texts = fc.array(fc.constantFrom(..."ab'`AB.,1 \n\t\v\0\x1f\x7fé", "''", "``", "'s", "'ll", "\n "), {
    maxLength: 12,
  });
  const raw = new TextBytes();
  for (const normaliser of [...Object.values(normalisers), ...reading]) {
    for (const name of preTokenizerNames) {
      const preTokenizer = preTokenizerOf(name);
      const cutter = new WordCutter(normaliser, preTokenizer);
      const words = () => {
        const { text, spans } = cutter;
        return Array.from({ length: spans.count }, (_, i) =>
          text.slice(spans.bounds[2 * i]!, spans.bounds[2 * i + 1]!),
        );
      };
      const property = fc.property(texts, pieces => {
        const text = pieces.join("");
        cutter.cutText(text, false, 0);
        const expected = words();
        raw.read(`(${text})`);
        cutter.cutRaw(raw, 1, raw.length - 1);
        assert.deepEqual(words(), expected);
      });
      fc.assert(property, { numRuns: 100 });
    }
  }
});
