// Headers against the verdicts of the safetensors package for Python (0.8.0, safetensors.deserialize), which is its Rust library.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HeaderFault, parseHeader } from "./safetensors-header.ts";

const a = '{"dtype":"F32","shape":[2],"data_offsets":[0,8]}';
const b = '{"dtype":"F32","shape":[1],"data_offsets":[8,12]}';

/** Name, header, bytes behind it, whether the package opens it. */
const headers: readonly (readonly [string, string, number, boolean])[] = [
  ["two tensors", `{"a":${a},"b":${b}}`, 12, true],
  ["in another order", `{"b":${b},"a":${a}}`, 12, true],
  ["metadata", `{"__metadata__":{"format":"pt"},"a":${a}}`, 8, true],
  ["padded", `{"a":${a}}    `, 8, true],
  ["no tensor", "{}", 0, true],
  ["a tensor of no element", `{"a":${a},"e":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}`, 8, true],
  ["a scalar", '{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}', 4, true],
  ["a hole", `{"a":${a},"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}`, 16, false],
  ["a hole before the first", `{"b":${b}}`, 12, false],
  ["an overlap", `{"a":${a},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8, false],
  ["one place twice", `{"a":${a},"b":${a}}`, 8, false],
  ["bytes behind the last", `{"a":${a}}`, 9, false],
  ["cut by one byte", `{"a":${a}}`, 7, false],
  ["offsets beyond", '{"a":{"dtype":"F32","shape":[2],"data_offsets":[4294967296,4294967304]}}', 8, false],
  ["offsets that go back", '{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}', 8, false],
  ["a name twice, another place", `{"a":${a},"a":${b}}`, 12, false],
  ["a name twice, one place", `{"a":${a},"a":${a}}`, 8, true],
  ["a name twice by an escape", `{"a":${a},"\\u0061":${a}}`, 8, true],
  ["a key of an entry twice", '{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 8, false],
  ["a type's size is another", '{"a":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}}', 8, false],
  ["an unknown type", '{"a":{"dtype":"X9","shape":[2],"data_offsets":[0,8]}}', 8, false],
  [
    "a shape that overflows",
    '{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,8]}}',
    8,
    false,
  ],
  ["a negative size", '{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}', 8, false],
  ["a size that is a fraction", '{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}', 8, false],
  ["a size with an exponent", '{"a":{"dtype":"F32","shape":[2e0],"data_offsets":[0,8]}}', 8, false],
  ["a size as text", '{"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}', 8, false],
  ["one offset", '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}', 8, false],
  ["three offsets", '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}', 8, false],
  ["no shape", '{"a":{"dtype":"F32","data_offsets":[0,8]}}', 8, false],
  ["an entry that is null", '{"a":null}', 0, false],
  ["metadata that is no text", `{"__metadata__":{"step":3},"a":${a}}`, 8, false],
  ["metadata that is a list", `{"__metadata__":[],"a":${a}}`, 8, false],
  ["a list", "[]", 0, false],
  ["null", "null", 0, false],
  ["not JSON", '{"a":', 0, false],
  ["nothing", "", 0, false],
  ["a byte order mark", `\ufeff{"a":${a}}`, 8, false],
  ["half a surrogate", `{"\\ud800":${a}}`, 8, false],
  ["nested deeply", `{"a":${"[".repeat(200)}${"]".repeat(200)}}`, 0, false],
  ["more behind the object", `{"a":${a}}{}`, 8, false],
  ["a comma at the end", `{"a":${a},}`, 8, false],
];

/** The package lets the last of two entries win where both lie in one place. Which one was meant nobody knows: ours refuses. */
const refusedByUsAlone = ["a name twice, one place", "a name twice by an escape"];

const isTaken = (header: Uint8Array, bodyBytes: number): boolean => {
  try {
    parseHeader(header, bodyBytes);
    return true;
  } catch (error) {
    if (error instanceof HeaderFault) return false;
    throw error;
  }
};

for (const [name, header, bodyBytes, opens] of headers) {
  test(`a header: ${name}`, () => {
    assert.equal(isTaken(Buffer.from(header), bodyBytes), opens && !refusedByUsAlone.includes(name));
  });
}

test("a header that is not UTF-8", () => {
  assert.equal(isTaken(Buffer.from(`{"\xff":${a}}`, "latin1"), 8), false);
});

test("a message stays short and printable, whatever the name", () => {
  const name = `\u001b]0;${"x".repeat(100_000)}`;
  assert.throws(
    () => parseHeader(Buffer.from(JSON.stringify({ [name]: null })), 0),
    (error: Error) => error instanceof HeaderFault && error.message.length < 200 && !error.message.includes("\u001b"),
  );
});

test("whatever is done to a header, it is refused or its tensors fill the data without holes and overlaps", () => {
  const whole = `{"__metadata__":{"format":"pt"},"a":${a},"b":${b}}`;
  const change = fc.record({
    at: fc.nat(whole.length - 1),
    removed: fc.nat(3),
    added: fc.constantFrom(
      "",
      "0",
      "1",
      "9",
      '"',
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      "a",
      "b",
      "\\",
      "-",
      ".",
      "\u0000",
      "é",
      b,
    ),
  });
  fc.assert(
    fc.property(
      fc.array(change, { minLength: 1, maxLength: 3 }),
      fc.constantFrom(0, 8, 12, 16),
      (changes, bodyBytes) => {
        const header = changes.reduce(
          (text, { at, removed, added }) => text.slice(0, at) + added + text.slice(at + removed),
          whole,
        );
        let entries: ReturnType<typeof parseHeader>;
        try {
          entries = parseHeader(Buffer.from(header), bodyBytes);
        } catch (error) {
          assert.ok(error instanceof HeaderFault, `${header}: ${error}`);
          return;
        }
        const owners = new Uint8Array(bodyBytes);
        for (const {
          data_offsets: [start, end],
        } of entries.values())
          for (let i = start; i < end; i++) owners[i]! += 1;
        assert.ok(
          owners.every(count => count === 1),
          header,
        );
      },
    ),
    { numRuns: 3000 },
  );
});
