// Where the pieces of a file end changes no record, broken ones included: every short text, cut at every place.

import assert from "node:assert/strict";
import { test } from "node:test";
import { UserError } from "../../base/errors.ts";
import { readRecords } from "./delimited.ts";

const letters = ["a", '"', ",", "\n", "\r", " "];

/** Records by their fields and lines; of a broken one its line alone, as its error quotes what had been read of it. */
async function read(...pieces: readonly string[]): Promise<string> {
  const seen: unknown[] = [];
  try {
    const options = { separator: ",", quotes: true, longestRecord: 1000 };
    for await (const records of readRecords(pieces, "file", options)) {
      seen.push(...records.map(({ fields, line, broken }) => [broken === undefined ? fields : "broken", line]));
    }
  } catch (error) {
    assert.ok(error instanceof UserError);
    seen.push(error.message);
  }
  return JSON.stringify(seen);
}

test("records do not depend on where the pieces of a text end", async () => {
  let texts = [""];
  for (let length = 1; length <= 5; length++) {
    texts = texts.flatMap(text => letters.map(letter => text + letter));
    for (const text of texts) {
      const whole = await read(text);
      for (let cut = 1; cut < length; cut++) {
        assert.equal(await read(text.slice(0, cut), text.slice(cut)), whole, JSON.stringify([text, cut]));
      }
    }
  }
});
