// How the labels of a user's task are spelt: by value, so that "1", "1.0" and 1 are one label in every file, as are true, "True"
// and, among nothing but truths, 1. What they mean is read off the training file; what could mean two things is refused there.

import { UserError } from "../../base/errors.ts";
import { quoteValue } from "../../base/printable.ts";
import type { Value } from "../../tables/row.ts";

export interface FoundLabel {
  readonly value: Value;
  readonly origin: string;
}

export interface LabelSpelling {
  /** truths: false and true; numbers; words: as they stand. */
  readonly kind: "truths" | "numbers" | "words";
  /** The one spelling of a label; as it stands where it is none of this kind. */
  readonly spell: (value: Value) => Value;
}

/** What pandas takes for a missing value, and numbers that are none. */
const missing = new Set(
  [
    "",
    "#n/a",
    "#n/a n/a",
    "#na",
    "-1.#ind",
    "-1.#qnan",
    "1.#ind",
    "1.#qnan",
    "<na>",
    "n/a",
    "na",
    "null",
    "none",
  ].concat(["nan", "-nan", "+nan", "inf", "-inf", "+inf", "infinity", "-infinity", "+infinity", "undefined", "nil"]),
);
const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/**
 * Reads the spelling off the labels of the training file. `kind` is what was asked for.
 * UserError E_TASK_LABEL, naming the row, for a label that is missing or of another kind than the others.
 */
export function findSpelling(
  found: readonly FoundLabel[],
  column: string,
  kind?: "classification" | "regression",
): LabelSpelling {
  const labels = found.map(({ value, origin }) => ({ text: spellLabel(value) ?? "", value, origin }));
  const present = labels.filter(({ text }) => !missing.has(text.toLowerCase()));
  const refuse = ({ value, origin }: FoundLabel, seen: string, advice: string): UserError =>
    new UserError("E_TASK_LABEL", `${origin}: ${quoteValue(value, 60)} in the column "${column}" ${seen}`, advice);
  const empty = labels.find(({ text }) => text === "");
  if (empty !== undefined) {
    throw refuse(empty, "is no label", "A label is a word or a number; correct the row, or leave it out.");
  }
  const texts = present.map(({ text }) => text);
  const commas = usesDecimalCommas(texts);
  const numbers = texts.filter(text => readNumber(text, commas) !== undefined).length;
  const truths = texts.filter(isTruth).length;
  const isNumeric = present.length > 0 && numbers + truths === present.length;
  const absent = isNumeric ? labels.find(({ text }) => missing.has(text.toLowerCase())) : undefined;
  if (absent !== undefined) {
    throw refuse(absent, "is a missing value among numbers", "Write the row's label, or leave the row out.");
  }
  if (commas === "unclear") {
    const unclear = present.find(({ text }) => text.includes(","))!;
    throw refuse(unclear, "may be a thousand or a thousandth", "Write the numbers with a decimal point.");
  }
  if (isNumeric && truths > 0) {
    const other = present.find(({ text }) => !isTruth(text) && readTruth(text) === undefined);
    if (other === undefined && kind !== "regression") return { kind: "truths", spell: spellTruth };
    if (other !== undefined) {
      const truth = present.find(({ text }) => isTruth(text))!;
      throw refuse(
        truth,
        `is a truth, and ${quoteValue(other.value, 40)} in another row is a number`,
        "Make them alike.",
      );
    }
  }
  if (isNumeric) {
    const isBinary = texts.every(text => readTruth(text) !== undefined);
    const spell = (value: Value): Value => spellNumber(value, commas === "yes", isBinary);
    return { kind: "numbers", spell };
  }
  const fractions = texts.some(text => decimal.test(text) && !Number.isInteger(Number(text)));
  if (kind === undefined && fractions && numbers * 2 > labels.length) {
    const word = labels.find(({ text }) => readNumber(text, "no") === undefined)!;
    throw refuse(
      word,
      "is no number, as most of the others are",
      "Correct the row, or leave it out; where it is a class of its own, say --kind classification.",
    );
  }
  return { kind: "words", spell: value => spellLabel(value) ?? value };
}

/** A label as text; undefined for what cannot be one. */
export function spellLabel(value: Value): string | undefined {
  return value === null || typeof value === "object" ? undefined : String(value).trim();
}

/** A number in its one spelling: "1" for "1.0", "+1" and "1e0"; integers keep all digits. Undefined for what is no number. */
export function canonicalNumber(text: string): string | undefined {
  if (!decimal.test(text)) return undefined;
  const whole = /^([+-]?)0*(\d+)(?:\.0*)?$/.exec(text);
  if (whole !== null) return whole[2] === "0" ? "0" : `${whole[1] === "-" ? "-" : ""}${whole[2]}`;
  const number = Number(text);
  return Number.isFinite(number) ? String(number === 0 ? 0 : number) : undefined;
}

type Commas = "yes" | "no" | "unclear";

function readNumber(text: string, commas: Commas): string | undefined {
  return canonicalNumber(commas === "no" ? text : text.replace(",", "."));
}

/** Whether numbers are written 0,5: where a comma is followed by three digits each time, it may part thousands. */
function usesDecimalCommas(texts: readonly string[]): Commas {
  const written = texts.filter(text => /^[+-]?\d+,\d+$/.test(text));
  if (written.length === 0 || !texts.every(text => /^[+-]?\d+(?:,\d+)?$/.test(text))) return "no";
  return written.every(text => /^[+-]?[1-9]\d{0,2},\d{3}$/.test(text)) ? "unclear" : "yes";
}

const isTruth = (text: string): boolean => /^(?:true|false)$/i.test(text);

function readTruth(text: string): boolean | undefined {
  if (isTruth(text)) return text.toLowerCase() === "true";
  const number = canonicalNumber(text);
  return number === "1" ? true : number === "0" ? false : undefined;
}

function spellTruth(value: Value): Value {
  const truth = readTruth(spellLabel(value) ?? "");
  return truth === undefined ? value : String(truth);
}

function spellNumber(value: Value, commas: boolean, isBinary: boolean): Value {
  const text = spellLabel(value);
  if (text === undefined) return value;
  if (isBinary && isTruth(text)) return text.toLowerCase() === "true" ? "1" : "0";
  return readNumber(text, commas ? "yes" : "no") ?? value;
}
