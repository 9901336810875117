import assert from "node:assert/strict";
import { test } from "node:test";
import { compileNormaliser } from "./normalise.ts";
import { normalisers } from "./normaliser.ts";

const fold = compileNormaliser(normalisers["ascii-fold"]);
const reference = compileNormaliser(normalisers.reference);
const bert = compileNormaliser(normalisers.bert);

for (const [text, folded, referenced, berted] of [
  ["Plain TEXT, kept.", "plain text, kept.", "plain text, kept.", "plain text, kept."],
  ["word—word", "word-word", "wordword", "word—word"],
  ["it’s “so”", 'it\'s "so"', "its so", "it’s “so”"],
  ["10\u00a0km", "10 km", "10km", "10 km"],
  ["``quoted''", '"quoted"', '"quoted"', "``quoted''"],
  ["a  b   c", "a b c", "a b c", "a  b   c"],
  ["wait…", "wait...", "wait", "wait…"],
  ["Café Ångström", "cafe angstrom", "cafe angstrom", "cafe angstrom"],
  [
    "Ærø, Œuvre, Straße, Łódź, Đà, Þór, ıI",
    "aero, oeuvre, strasse, lodz, da, thor, ii",
    "r, uvre, strae, odz, a, or, i",
    "ærø, œuvre, straße, łodz, đa, þor, ıi",
  ],
  ["日本 ok", " ok", " ok", " 日  本  ok"],
  ["ΟΔΟΣ.", ".", ".", "οδοσ."],
  ["a\tb\u0000c\u00add\u001b[0m", "a\tbcd[0m", "a\tb\u0000cd\u001b[0m", "a bcd[0m"],
  ["\ud800x", "x", "x", "x"],
] as const) {
  test(`normalises ${JSON.stringify(text)}`, () => {
    assert.equal(fold(text), folded);
    assert.equal(reference(text), referenced);
    assert.equal(bert(text), berted);
  });
}

test("what is replaced by a text with a dollar is replaced by that text", () => {
  const literal = compileNormaliser([{ step: "replace", pattern: "EUR", regex: false, by: "$&$1$$" }]);
  assert.equal(literal("5 EUR"), "5 $&$1$$");
  const pattern = compileNormaliser([{ step: "replace", pattern: "[€]", regex: true, by: "$&" }]);
  assert.equal(pattern("5 €"), "5 $&");
});
