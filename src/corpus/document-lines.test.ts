import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DocumentLines } from "./document-lines.ts";

test("a line is what JSON.stringify writes, and units are those of the text", () => {
  const lines = new DocumentLines();
  const pieces = fc.constantFrom(
    '"',
    "\\",
    "\n",
    "\x1f",
    " ",
    "!",
    "\x7f",
    "a",
    "[",
    "]",
    "é",
    "字",
    "😀",
    "plain",
    "\u2028",
  );
  const property = fc.property(fc.array(pieces, { maxLength: 24 }), some => {
    const text = some.join("");
    assert.equal(lines.add(Buffer.from(text)), text.length);
    assert.equal(lines.take().toString(), `${JSON.stringify({ text })}\n`);
  });
  fc.assert(property, { numRuns: 1000 });
});
