// Text as it came, cut at white space before anything is done to it: what stands between two cuts has the same words wherever it stands,
// so what it becomes is found out once and kept. Most of a text is seen again, and then costs one look-up instead of a normaliser.

import { characterClass, characterClasses } from "../normalising/character-classes.ts";
import { compileNormaliser } from "../normalising/normalise.ts";
import type { Normaliser, NormaliserStep } from "../normalising/normaliser.ts";
import { findAscii } from "../normalising/replace-pattern.ts";
import { keepsSpaces, type PreTokenizer } from "./pre-tokenizer.ts";
import { findLow, firstHash, hashBytes, hashFour, keepFirst, pointAt, TextBytes } from "./text-bytes.ts";

// Of other white space some normalisers leave nothing.
const isBlank = (byte: number): boolean => byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
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

/** One raw word after another; owns the bytes of the text and what it knows of characters. */
export class RawWords {
  readonly text = new TextBytes();
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

  /** Finds the next raw word of `text` from `from` on: its place among the bytes, and its hash. False behind the last one. */
  next(from: number): boolean {
    return this.spacesCount ? this.nextWithSpaces(from) : this.nextWithout(from);
  }

  private nextWithout(from: number): boolean {
    const { bytes, view, length } = this.text;
    let at = from;
    while (at < length && isBlank(bytes[at]!)) at++;
    this.begin = at;
    let hash = firstHash;
    if (at < length) {
      for (;;) {
        const four = view.getInt32(at, true);
        let own = findLow(four);
        // Few characters below the space are none that parts words.
        while (own < 4 && !isBlank((four >>> (8 * own)) & 0xff)) own++;
        if (own > 0) hash = hashFour(hash, own < 4 ? keepFirst(four, own) : four);
        at += own;
        if (own < 4) break;
      }
    }
    this.end = at;
    this.hash = hash;
    return at > this.begin;
  }

  /** White space and what follows it, up to white space behind something that can be seen. */
  private nextWithSpaces(from: number): boolean {
    const { bytes, view, length } = this.text;
    let at = from;
    while (at < length) {
      const own = findLow(view.getInt32(at, true));
      at += own;
      if (own === 4) continue;
      const byte = bytes[at]!;
      if (at > from && (this.onlySpaces ? byte === 0x20 : isBlank(byte)) && this.isSolid(at)) break;
      at++;
    }
    this.begin = from;
    this.end = Math.min(at, length);
    this.hash = hashBytes(view, from, this.end);
    return this.end > from;
  }

  /** Whether the character before a place stays something that can be seen, whatever stands beside it. */
  private isSolid(place: number): boolean {
    const { bytes } = this.text;
    let at = place - 1;
    if (bytes[at]! < 0x80) return bytes[at]! > 0x20 && bytes[at]! < 0x7f;
    while ((bytes[at]! & 0xc0) === 0x80) at--;
    const point = pointAt(bytes, at);
    if (point > 0xffff) return false;
    const known = this.solid[point]!;
    if (known !== 0) return known === 1;
    const left = this.normalise(String.fromCharCode(point));
    const seen = left !== "" && (characterClasses()[left.charCodeAt(left.length - 1)]! & characterClass.space) === 0;
    this.solid[point] = seen ? 1 : 2;
    return seen;
  }
}
