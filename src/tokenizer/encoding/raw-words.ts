// Text as it came, cut at white space before anything is done to it: what stands between two cuts has the same words wherever it stands,
// so what it becomes is found out once and kept. Most of a text is seen again, and then costs one look-up instead of a normaliser.

import { characterClass, characterClasses } from "../normalising/character-classes.ts";
import { compileNormaliser } from "../normalising/normalise.ts";
import type { Normaliser, NormaliserStep } from "../normalising/normaliser.ts";
import { findAscii } from "../normalising/replace-pattern.ts";
import { keepsSpaces, type PreTokenizer } from "./pre-tokenizer.ts";
import { TextUnits } from "./text-units.ts";
import { finishHash, firstHash, hashUnit } from "./word-table.ts";

// Of other white space some normalisers leave nothing.
const isBlank = (unit: number): boolean => unit === 0x20 || unit === 0x09 || unit === 0x0a || unit === 0x0d;
const blank = /[\t\n\r ]/;
const visible = /[!-~]/;

/** Whether the words of a text are those of its parts, cut before white space: no step reaches over it, or makes something else of it. */
export function cutsAtSpaces(normaliser: Normaliser, { name }: PreTokenizer): boolean {
  return normaliser.every(step => staysBetweenSpaces(step, keepsSpaces(name)));
}

function staysBetweenSpaces(step: NormaliserStep, spacesCount: boolean): boolean {
  if (step.step !== "replace") return true;
  const { pattern, regex, by } = step;
  const found = regex ? findAscii(pattern) : pattern;
  const touchesBlank = blank.test(found);
  const touchesVisible = visible.test(found);
  const onlyBlanks = (text: string) => /^[\t\n\r ]+$/.test(text);
  if (touchesBlank) return onlyBlanks(by) && !touchesVisible && (regex || onlyBlanks(pattern));
  // Where nothing is left of a word, the white space on both of its sides is together.
  return !spacesCount || /^[^\t-\r ]+$/.test(by) || !(touchesVisible || mayTakeSeveral(step));
}

const mayTakeSeveral = ({ pattern, regex }: { pattern: string; regex: boolean }): boolean =>
  regex ? /\{\d+,\d*\}$/.test(pattern) : pattern.length > 1;

/** One raw word after another; owns the units of the text and what it knows of characters. */
export class RawWords {
  readonly text = new TextUnits();
  begin = 0;
  end = 0;
  hash = 0;
  private readonly spacesCount: boolean;
  private readonly onlySpaces: boolean;
  private readonly normalise: (text: string) => string;
  private readonly solid = new Uint8Array(0x10000); // 0 where nobody has asked, 1 solid, 2 not

  constructor(normaliser: Normaliser, { name }: PreTokenizer) {
    this.normalise = compileNormaliser(normaliser);
    this.spacesCount = keepsSpaces(name);
    this.onlySpaces = name === "metaspace";
  }

  /** Finds the next raw word of `text` from `from` on: its place and hash. False behind the last one. */
  next(from: number): boolean {
    const { units, length } = this.text;
    return this.spacesCount ? this.nextWithSpaces(units, length, from) : this.nextWithout(units, length, from);
  }

  private nextWithout(units: Uint16Array, length: number, from: number): boolean {
    let at = from;
    while (at < length && isBlank(units[at]!)) at++;
    this.begin = at;
    let hash = firstHash;
    for (; at < length; at++) {
      const unit = units[at]!;
      if (unit <= 0x20 && isBlank(unit)) break;
      hash = hashUnit(hash, unit);
    }
    this.end = at;
    this.hash = finishHash(hash);
    return at > this.begin;
  }

  /** White space and what follows it, up to white space behind something that can be seen. */
  private nextWithSpaces(units: Uint16Array, length: number, from: number): boolean {
    this.begin = from;
    let hash = firstHash;
    let before = 0x20;
    let at = from;
    for (; at < length; at++) {
      const unit = units[at]!;
      if (unit <= 0x20 && (this.onlySpaces ? unit === 0x20 : isBlank(unit)) && this.isSolid(before)) break;
      hash = hashUnit(hash, unit);
      before = unit;
    }
    this.end = at;
    this.hash = finishHash(hash);
    return at > from;
  }

  /** Whether a character stays something that can be seen, whatever stands beside it. */
  private isSolid(unit: number): boolean {
    if (unit < 0x80) return unit > 0x20 && unit < 0x7f;
    if (unit >= 0xd800 && unit < 0xe000) return false;
    const known = this.solid[unit]!;
    if (known !== 0) return known === 1;
    const left = this.normalise(String.fromCharCode(unit));
    const seen = left !== "" && (characterClasses()[left.charCodeAt(left.length - 1)]! & characterClass.space) === 0;
    this.solid[unit] = seen ? 1 : 2;
    return seen;
  }
}
