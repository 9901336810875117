import assert from "node:assert/strict";
import { test } from "node:test";
import { findUnknown } from "./compile-pattern.ts";

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
    ["(a", "(?:"],
    ["a)", "a)"],
    ["[b-a]", "[b-a]"],
    ["[a", "["],
    ["a{", "{"],
  ] as const) {
    assert.equal(findUnknown(pattern), unknown, pattern);
  }
});
