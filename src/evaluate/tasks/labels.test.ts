// Expected kinds and classes as pandas reads the column (read_csv, dtype and unique); what pandas makes a missing value or an
// object of mixed types is refused here.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { UserError } from "../../base/errors.ts";
import type { Value } from "../../tables/row.ts";
import { canonicalNumber, findSpelling } from "./labels.ts";

const spell = (values: readonly Value[], kind?: "classification" | "regression") => {
  const spelling = findSpelling(
    values.map((value, i) => ({ value, origin: `t.csv:${i + 2}` })),
    "y",
    kind,
  );
  return [spelling.kind, ...values.map(spelling.spell)];
};

test("labels are one by value", () => {
  assert.deepEqual(spell(["1", "1.0", "0", "+1", "01", "1e0", "-0"]), ["numbers", "1", "1", "0", "1", "1", "1", "0"]);
  assert.deepEqual(spell([1, true, 0, false, "True"]), ["truths", "true", "true", "false", "false", "true"]);
  assert.deepEqual(spell(["True", "FALSE", "1.0"]), ["truths", "true", "false", "true"]);
  assert.deepEqual(spell(["0,5", "1", "2,25"]), ["numbers", "0.5", "1", "2.25"]);
  // Nobody writes a thousand with a 0 before it.
  assert.deepEqual(spell(["0,125", "1,500", "2,250"], "regression"), ["numbers", "0.125", "1.5", "2.25"]);
  assert.deepEqual(spell(["12345678901234567890", "12345678901234567891.0"]), [
    "numbers",
    "12345678901234567890",
    "12345678901234567891",
  ]);
  // Words, where one spelling may be another thing.
  assert.deepEqual(spell(["1.1", "1.10", "v2", "None"]), ["words", "1.1", "1.10", "v2", "None"]);
  assert.equal(
    findSpelling(
      [
        { value: "0", origin: "" },
        { value: 1, origin: "" },
      ],
      "y",
    ).spell(true),
    "1",
  );
});

test("among numbers what is missing, a truth or a word is refused with its row", () => {
  const refused = (values: readonly Value[], row: number, kind?: "classification" | "regression") =>
    assert.throws(
      () => spell(values, kind),
      (error: unknown) =>
        error instanceof UserError && error.code === "E_TASK_LABEL" && error.message.startsWith(`t.csv:${row}:`),
      JSON.stringify(values),
    );
  for (const absent of ["", null, "NA", "nan", "NaN", "None", "NULL", "<NA>", "n/a", "#N/A", "inf", "-Infinity", []]) {
    refused(["0.5", "1.5", absent, "2"], 4);
    refused(["0", "1", absent, "1"], 4);
    refused([true, false, absent, true], 4);
  }
  refused(["0.5", "1.5", "?", "2.5"], 4);
  refused([true, 2, 1], 2);
  refused(["1,234", "2,500"], 2);
  assert.equal(spell(["0.5", "1.5", "?", "2.5"], "classification")[0], "words");
});

test("a number has one spelling, that of its value", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), value => {
      assert.equal(Number(canonicalNumber(String(value))), value === 0 ? 0 : value);
    }),
  );
  fc.assert(
    fc.property(fc.bigInt(), fc.nat(3), (value, zeros) => {
      const text = `${value < 0n ? "-" : ""}${"0".repeat(zeros)}${value < 0n ? -value : value}`;
      assert.equal(canonicalNumber(text), String(value));
      assert.equal(canonicalNumber(`${text}.${"0".repeat(zeros)}`), String(value));
    }),
  );
  for (const none of ["", "0x10", "1_000", "1e", ".", "Infinity", " 1", "1,5"])
    assert.equal(canonicalNumber(none), undefined);
});
