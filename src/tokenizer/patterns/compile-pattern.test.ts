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

test("a repetition of what repeats is refused, for no time would suffice for some texts", () => {
  for (const [pattern, often] of [
    ["(a+)+x", "+"],
    ["(?:\\s*a)*b", "*"],
    ["(?:b|(?:a|c*))+", "+"],
    ["(?:a{2,}){3}", "{3}"],
    ["(?:a+){2,}", "{2,}"],
    ["((?:a+)?)*", "*"],
  ] as const) {
    assert.equal(findUnknown(pattern), `a repetition of what repeats, ${often}`, pattern);
  }
  for (const pattern of [
    "(?>a+)+",
    "(?:a++)*b",
    "(?:a+)?",
    "(?:a+){0,1}",
    "(?:a+){1}",
    "(?:a{1,3})+",
    "(?:(?=a+)a)*",
    "(?:ab)+",
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
