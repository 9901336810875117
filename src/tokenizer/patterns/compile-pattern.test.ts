import assert from "node:assert/strict";
import { test } from "node:test";
import { compilePattern, findAll, findUnknown, findUnknownReplace } from "./compile-pattern.ts";

test("what is not surely the same in JavaScript is named", () => {
  for (const [pattern, unknown] of [
    ["a\\b", "\\b"],
    ["^a", "^"],
    ["a$", "$"],
    ["\\Aa", "\\A"],
    ["(a)\\1", "\\1"],
    ["(?i)a", "(?i"],
    ["(?<name>a)", "(?<na"],
    ["(?i:é)", "(?i:é)"],
    ["(?i:strasse)", "(?i:st)"],
    ["(?i:[a-z])", "[a-z"],
    ["(?i:[^a])", "(?i:[^"],
    ["(?i:[a[b]])", "(?i:[["],
    ["[a[b]", "["],
    ["[a-[b]]", "[[b]"],
    ["[[:alpha:]]", "[["],
    ["[a&&b]", "[&"],
    ["\\p{Alphabetic}", "\\p{Alphabetic}"],
    ["\\h", "\\h"],
    ["\\xe9", "\\x"],
    ["a{2}?", "{2}?"],
    ["a+*", "+*"],
    ["a{1,2}+", "{1,2}+"],
    ["(?=a)*", "(?=a)*"],
    ["(a", "("],
    ["a)", "a)"],
    ["[b-a]", "[b-a]"],
    ["[a", "["],
    ["a{", "{"],
  ] as const) {
    assert.equal(findUnknown(pattern), unknown, pattern);
  }
});

test("a set in a set is part of it, as BLOOM's pattern has one", () => {
  const text = "Hello, wörld (a|b) x.y  zwei…drei।چ،!? a^b&c-d]e[f";
  const bloom = " ?[^(\\s|[.,!?…。，、।۔،])]+";
  // What Split with behaviour Isolated of Hugging Face's tokenizers gives between what does not match.
  for (const [pattern, found] of [
    [bloom, ["Hello", " wörld", "a", "b", " x", "y", " zwei", "drei", "چ", " a^b&c-d]e[f"]],
    ["[ab[^a-y]]+", ["H", ", ", "ö", " (a|b) ", ".", "  z", "…", "।چ،!? a^b&", "-", "]", "["]],
  ] as const) {
    const matches = Array.from(findAll(text, compilePattern(pattern)), ({ begin, end }) => text.slice(begin, end));
    assert.deepEqual(matches, found, pattern);
  }
});

test("what can be shared out among its repetitions in many ways is refused, for no time would suffice for some texts", () => {
  // With each letter of a text that does not match, what V8 takes for one of these grows by a factor, and for the third by a power.
  for (const pattern of [
    "(a+)+",
    "(?:b|(?:a|c*))+",
    "(?:a{2,}){3}",
    "(?:a+){2,}",
    "((?:a+)?)*",
    "(?:a{1,3})+",
    "(?:a{1,9}){1,9}",
    "(?:a|aa)*",
    "(?:a?a)+",
    "(?:\\w|\\d)*",
    "(?:\\w+[.,]?)+",
    "(?:a{2}|a{3})+",
    "(?: ?+\\w+)*",
    "(?:a?b?)+",
    "(?:(?:b?|c?)a)+",
    "(?:a(?:|b?))+",
  ]) {
    const told = `${pattern}: no time would suffice for some texts`;
    for (const where of [pattern, `${pattern}x`, `(?:y${pattern})?`, `(?=${pattern}z)`, `(?>${pattern}x)`])
      assert.equal(findUnknown(where), told, where);
  }
  for (const pattern of [
    "(?>a+)+",
    "(?:a++)*b",
    "(?:a+)?",
    "(?:a+){0,1}",
    "(?:a+){1}",
    "(?:(?=a+)a)*",
    "(?:ab)+",
    "(?:\\s*a)*b",
    "\\p{L}+(?:[-']\\p{L}+)*",
    "\\p{N}+(?:[.,]\\p{N}+)*",
    "\\p{N}{1,3}(?=(?:\\d{3})*(?!\\d))",
    "(?:\\d{1,3}\\.){3}\\d{1,3}",
    "(?:\\d{1,2}){1,3}",
    "(?:\\d{3}){2,}",
    "(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+",
    "((?=\\p{L})([^a-z]))*((?=\\p{L})([^A-Z]))+",
    "a*a*",
  ]) {
    assert.equal(findUnknown(pattern), undefined, pattern);
  }
});

test("what may match nothing replaces nothing", () => {
  for (const pattern of [
    "a*",
    "a?",
    "a{0,2}",
    "a{,2}",
    "(?=a)",
    "a|",
    "(a|b*)",
    "(?>a*)",
    "a*+",
    "a*?",
    "(?:a?|b?)+",
    "x(?<=a)|(?!b)",
  ]) {
    assert.equal(findUnknown(pattern), undefined, pattern);
    assert.equal(findUnknownReplace(pattern), pattern);
  }
  for (const pattern of ["a", "a+", "a{1,2}", "a*b", "(?=a)a", "(a|b)", "(?>a)", "a++", "(?<!a)\\s*b"]) {
    assert.equal(findUnknownReplace(pattern), undefined, pattern);
  }
});
