import assert from "node:assert/strict";
import { test } from "node:test";
import { propertySource, shorthandSource } from "./character-sets.ts";
import { haveCommon, toldCharacters } from "./common-characters.ts";

const names = [
  ...["Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po"],
  ...["Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Co", "Cn"].filter(name => propertySource(name)),
  ...["Han", "Hiragana", "Katakana", "Hangul", "Thai", "Lao", "Khmer", "Myanmar", "Latin", "Greek", "Cyrillic"],
  ...["Arabic", "Hebrew", "Devanagari"],
];
const classes = [
  ...names.map(name => propertySource(name)!),
  ...(["s", "d", "w"] as const).flatMap(letter => [shorthandSource(letter, false), shorthandSource(letter, true)]),
];

test("no class tells a character from the ones left out behind it", () => {
  const told = new Set(toldCharacters());
  let every = "";
  for (let point = 0; point <= 0x10ffff; point++) {
    if (point < 0xd800 || point > 0xdfff) every += String.fromCodePoint(point);
  }
  for (const set of classes) {
    for (const { 0: stretch, index } of every.matchAll(new RegExp(`${set}+`, "gv"))) {
      const end = String.fromCodePoint(every.codePointAt(index + stretch.length) ?? 0);
      for (const begin of [String.fromCodePoint(stretch.codePointAt(0)!), end]) {
        assert.ok(told.has(begin), `U+${begin.codePointAt(0)!.toString(16)} begins or ends ${set.slice(0, 40)}`);
      }
    }
  }
});

test("a character that two sets have in common is found wherever it is", () => {
  for (const [one, other, isFound] of [
    ["\\p{Nd}", "[.,]", false],
    ["\\p{L}", "\\p{M}", false],
    ["\\p{Lo}", "[\\u{5000}]", true],
    ["\\p{Lo}", "[\\u{4fff}-\\u{5001}]", true],
    ["[^\\u{4fff}-\\u{5001}]", "[\\u{4000}-\\u{5002}]", true],
    ["[^\\u{4e00}-\\u{5001}]", "[\\u{4e00}-\\u{5001}]", false],
    ["[\\u{20000}-\\u{20010}]", "[\\u{20008}-\\u{30000}]", true],
    ["[\\u{d000}]", "\\p{Script=Hangul}", true],
    ["[\\u{e001}]", "\\p{Co}", true],
    ["[\\u{10fffd}]", "\\p{Co}", true],
    ["[\\u{e0100}]", "\\p{Mn}", true],
    ["\\p{Cn}", "\\p{Co}", false],
  ] as const) {
    assert.equal(haveCommon(one, other), isFound, `${one} and ${other}`);
    assert.equal(haveCommon(other, one), isFound, `${other} and ${one}`);
  }
});
