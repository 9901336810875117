import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { countOf, makeLinesPrintable, makePrintable, quoteValue } from "./printable.ts";

test("what a terminal obeys or the eye does not see is shown", () => {
  const cases = [
    ["\u001b]0;title\u0007", "\\u001b]0;title\\u0007"],
    ["a\r\nb\tc\u007f\u009b2J", "a\\u000d\\u000ab\\u0009c\\u007f\\u009b2J"],
    ["abc\u202etxt.exe\u2066", "abc\\u202etxt.exe\\u2066"],
    ["zero\u200bwidth\ufeff\u00ad\u3164", "zero\\u200bwidth\\ufeff\\u00ad\\u3164"],
    ["line\u2028paragraph\u2029", "line\\u2028paragraph\\u2029"],
    ["\ud800 \udfff", "\\ud800 \\udfff"],
    ["\u{e0041} \ufdd0", "\\udb40\\udc41 \\ufdd0"],
    ["Größe, 北京, ❤️, 👍🏽, न्द, مرحبا", "Größe, 北京, ❤️, 👍🏽, न्द, مرحبا"],
  ] as const;
  for (const [text, shown] of cases) assert.equal(makePrintable(text), shown);
});

test("whatever the text: one line of what can be seen, of the length that was asked for, and JSON stays JSON", () => {
  const hostile = fc.string({
    unit: fc.oneof(fc.constantFrom("\u001b", "\n", "\u202e", "\u2028", "\ud83d", "é", "\u009b"), fc.string()),
  });
  fc.assert(
    fc.property(hostile, fc.integer({ min: 1, max: 50 }), (text, most) => {
      const shown = makePrintable(text, most);
      assert.ok(shown.length <= most);
      assert.doesNotMatch(shown, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      const json = makeLinesPrintable(JSON.stringify({ [text]: text }));
      assert.doesNotMatch(json, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      assert.deepEqual(JSON.parse(json), { [text]: text });
    }),
    { numRuns: 300 },
  );
  assert.equal(makeLinesPrintable("a\n\tb\u001b[1m\ufdd1", "\ufdd1"), "a\n\tb\\u001b[1m\ufdd1");
});

test("a value is quoted whatever it is", () => {
  let deep: unknown = 1;
  for (let i = 0; i < 50_000; i++) deep = [deep];
  const cases: [unknown, string][] = [
    ["text", '"text"'],
    [Number.NaN, "NaN"],
    [undefined, "undefined"],
    [{ a: 1 }, '{"a":1}'],
    ["\u001b", '"\\u001b"'],
    [deep, "a list nested too deep"],
    ["x".repeat(1_000_000), `"${"x".repeat(78)}…`],
  ];
  for (const [value, quoted] of cases) assert.equal(quoteValue(value), quoted);
});

test("one is one, and of none there are several", () => {
  assert.equal(countOf(1, "document"), "1 document");
  assert.equal(countOf(0, "document"), "0 documents");
  assert.equal(countOf(2345, "step"), "2,345 steps");
  assert.equal(countOf(2345, "step", String), "2345 steps");
});
