import assert from "node:assert/strict";
import { test } from "node:test";
import { findAscii, isPortablePattern } from "./replace-pattern.ts";

test("one character or one class, perhaps repeated, is portable", () => {
  for (const pattern of [
    " {2,}",
    "x+",
    "a{2,3}",
    "[^\\x00-\\x7F]+",
    "[\\u2018\\u2019]",
    "[a-z0-9-]",
    "[^-.]",
    "[é字]",
  ]) {
    assert.ok(isPortablePattern(pattern), pattern);
  }
});

test("everything of which the engines have other ideas is not", () => {
  for (const pattern of [
    "",
    "ab",
    "a|b",
    "a*",
    "a?",
    "a{0,}",
    "a{2}",
    "a{3,2}",
    "a+?",
    "a++",
    ".",
    "^",
    "$",
    "(a)",
    "\\d",
    "\\s+",
    "\\p{L}",
    "[]",
    "[^]",
    "[z-a]",
    "[\\w]",
    "[\\x80]",
    "[\\ud83d]",
    "[[:alpha:]]",
    "[a&&b]",
    "[a-b-c]]",
    "\\u0041",
  ]) {
    assert.ok(!isPortablePattern(pattern), pattern);
  }
});

test("whether a pattern can find ASCII", () => {
  for (const pattern of [" {2,}", "x+", "[\\u0041]", "[^\\u00C0]", "[é-]"])
    assert.notEqual(findAscii(pattern), "", pattern);
  for (const pattern of ["[^\\x00-\\x7F]+", "é", "[\\u2000-\\u200A]{2,}"])
    assert.equal(findAscii(pattern), "", pattern);
});
