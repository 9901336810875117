import assert from "node:assert/strict";
import test from "node:test";
import { listNames } from "./named-columns.ts";

test("names whose ends a reader would not see stand in quotes", () => {
  assert.equal(listNames(["text", "the label"]), "text, the label");
  assert.equal(listNames([" text", "label ", "a, b", ""]), '" text", "label ", "a, b", ""');
  const long = `${" ".repeat(2)}${"x".repeat(60)}`;
  assert.equal(listNames([long]), `"${long.slice(0, 40)}…"`);
  assert.equal(listNames(Array.from({ length: 13 }, (_, i) => `c${i}`)).endsWith("c11, …"), true);
});
