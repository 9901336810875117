import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { describeLoss, LossCounter, listCommonest, startTextLoss } from "./lost-text.ts";
import { type NormaliserName, normalisers } from "./normaliser.ts";

const names = Object.keys(normalisers) as NormaliserName[];

function measure(normaliser: NormaliserName, ...texts: string[]) {
  const counter = new LossCounter(normalisers[normaliser]);
  for (const text of texts) counter.addText(text);
  return counter.loss;
}

// Characters counted by hand: those that are seen, and those that ascii-fold and bert lose or take the marks from.
for (const [script, text, characters, [foldLost, foldUnaccented], [bertLost, bertUnaccented]] of [
  ["English", "The old boat, 7 m.", 14, [0, 0], [0, 0]],
  ["German", "Größe über Maß", 12, [0, 2], [0, 2]],
  ["Cyrillic", "мой йод", 6, [6, 0], [0, 2]],
  ["Greek", "Ὀδυσσεύς και", 11, [11, 0], [0, 2]],
  ["Chinese", "日本 語。", 4, [4, 0], [0, 0]],
  ["Japanese", "がか", 2, [2, 0], [0, 1]],
  ["Korean", "한국", 2, [2, 0], [0, 0]],
  ["Arabic", "سَلام", 5, [5, 0], [1, 0]],
  ["Devanagari", "हिन्दी", 6, [6, 0], [1, 0]],
  ["Turkish", "İıŞ", 3, [0, 2], [0, 2]],
  ["emoji", "ok 👍🏽 👩‍👩", 6, [4, 0], [0, 0]],
  ["controls", "a\u001b\u0000\u200bb", 2, [0, 0], [0, 0]],
] as const) {
  test(`what is lost of ${script}, composed or not`, () => {
    for (const form of ["NFC", "NFD"] as const) {
      const written = text.normalize(form);
      const seen = ({ characters, lost, unaccented }: ReturnType<typeof measure>) => [characters, lost, unaccented];
      assert.deepEqual(seen(measure("ascii-fold", written)), [characters, foldLost, foldUnaccented]);
      assert.deepEqual(seen(measure("bert", written)), [characters, bertLost, bertUnaccented]);
      assert.deepEqual(seen(measure("keep", written)), [characters, 0, 0]);
      assert.deepEqual(seen(measure("lowercase", written)), [characters, 0, 0]);
    }
  });
}

test("the characters that are named are those that were lost most often, in any order of any parts", () => {
  const letters = [..."абвгдежзийклмнопя£€ñ日本語한がか👍"];
  const text = fc.array(fc.constantFrom(...letters, "a", " ", "é"), { maxLength: 60 }).map(each => each.join(""));
  fc.assert(
    fc.property(fc.array(text, { maxLength: 8 }), texts => {
      const counts = new Map<string, number>();
      for (const each of [...texts.join("").normalize("NFC")]) {
        if (!/[aéñ ]/.test(each)) counts.set(each, (counts.get(each) ?? 0) + 1);
      }
      const { examples } = measure("ascii-fold", ...texts);
      assert.equal(examples.length, Math.min(8, counts.size));
      const least = Math.min(...examples.map(each => counts.get(each)!));
      for (const [each, count] of counts) assert.ok(examples.includes(each) || count <= least, `${each} ${count}`);
      const parts = texts.map(each => {
        const counter = new LossCounter(normalisers["ascii-fold"]);
        counter.addText(each.normalize("NFD"));
        return counter.listLost();
      });
      assert.deepEqual(listCommonest(parts.toReversed()), examples);
    }),
  );
});

test("a loss is told above 1 %, in one text among many too, and refused above half", () => {
  const english = "a plain sentence of ascii text ".repeat(40);
  const describe = (normaliser: NormaliserName, ...texts: string[]) => {
    const counter = new LossCounter(normalisers[normaliser]);
    for (const text of texts) counter.addText(text);
    return describeLoss(counter.loss, "the text", normaliser, "Use --normaliser keep.");
  };
  for (const name of names) assert.deepEqual(describe(name, english, ""), []);
  assert.deepEqual(describe("ascii-fold", `${english}я`), []);
  assert.match(describe("ascii-fold", `${english}${"я".repeat(50)}`)[0]!, /loses 4\.8 % of the characters \(я\)\. Use/);
  assert.match(
    describe("ascii-fold", english, "日本")[0]!,
    /loses 0\.2 % of the characters \(日 本\), more than half of 1 text/,
  );
  assert.match(describe("bert", "ой ой")[0]!, /takes the accents from 50 % of the characters/);
  assert.throws(() => describe("reference", english, "日本".repeat(1000)), { code: "E_TEXT_LOST" });
  assert.deepEqual(describeLoss(startTextLoss(), "nothing", "nobody", ""), []);
  assert.deepEqual(new LossCounter([]).loss, startTextLoss());
});
