import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSeparator } from "./separator.ts";

test("documents of a text file part at blank lines, at each line, or at a text as it stands", () => {
  assert.deepEqual("a\nb\r\n \r\nc".split(parseSeparator("blank-line")), ["a\nb", "c"]);
  assert.deepEqual("a\nb\r\nc".split(parseSeparator("line")), ["a", "b", "c"]);
  assert.deepEqual("a.*b.*c".split(parseSeparator(".*")), ["a", "b", "c"]);
});
