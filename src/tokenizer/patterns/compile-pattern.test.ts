import assert from "node:assert/strict";
import { test } from "node:test";
import { findUnknown, findUnknownReplace } from "./compile-pattern.ts";

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
    "(?:a?b?)+",
    "x(?<=a)|(?!b)",
  ]) {
    assert.equal(findUnknown(pattern), undefined, pattern);
    assert.equal(findUnknownReplace(pattern), pattern);
  }
  for (const pattern of ["a", "a+", "a{1,2}", "a*b", "(?=a)a", "(a|b)", "(?>a)", "a++", "(?<!a)\\s*b"]) {
    assert.equal(findUnknownReplace(pattern), undefined, pattern);
  }
});
