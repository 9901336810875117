// Text as it came, cut at white space before anything is done to it: what stands between two cuts has the same words wherever it stands,
// so what it becomes is found out once and kept. Most of a text is seen again, and then costs one look-up instead of a normaliser.

import { describeCuts } from "../cutting/cut-step.ts";
import { characterClass, characterClasses } from "../normalising/character-classes.ts";
import { compileNormaliser } from "../normalising/normalise.ts";
import type { Normaliser, NormaliserStep } from "../normalising/normaliser.ts";
import { findAscii } from "../normalising/replace-pattern.ts";
import { keepsSpaces, type PreTokenizer } from "./pre-tokenizer.ts";
import {
  findLow,
  findLowOfEight,
  firstFour,
  firstHash,
  hashBytes,
  hashFour,
  isAscii,
  pointAt,
  secondFour,
  shortWord,
  TextBytes,
} from "./text-bytes.ts";

// Of other white space some normalisers leave nothing.
const isBlank = (byte: number): boolean => byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
const blank = /[\t\n\r ]/;
const visible = /[!-~]/;

/** Whether the words of a text are those of its parts, cut before white space: no step reaches over it, or makes something else of it. */
export function cutsAtSpaces(normaliser: Normaliser, preTokenizer: PreTokenizer): boolean {
  if (preTokenizer.steps !== undefined && describeCuts(preTokenizer.steps) === undefined) return false;
  return normaliser.every(step => staysBetweenSpaces(step, wordsHaveSpaces(preTokenizer)));
}

const wordsHaveSpaces = ({ name, steps }: PreTokenizer): boolean =>
  steps === undefined ? keepsSpaces(name) : describeCuts(steps) !== "at-spaces";

function staysBetweenSpaces(step: NormaliserStep, spacesCount: boolean): boolean {
  // A mark behind a space is of one grapheme with it.
  if (step.step === "strip" || step.step === "prepend" || step.step === "precompiled") return false;
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

/** So many raw words at most are found together, so that the processor brings together from memory what is known of them. */
export const mostAhead = 32;

/** The raw words of a text, some at a time; owns where they are and what it knows of characters. */
export class RawWords {
  text = new TextBytes();
  /** How many were found, where each begins and ends among the bytes, and its hash. */
  count = 0;
  readonly begins = new Int32Array(mostAhead);
  readonly ends = new Int32Array(mostAhead);
  readonly hashes = new Int32Array(mostAhead);
  /** 1 for a raw word of ASCII that can be seen, all of it. */
  readonly areVisible = new Uint8Array(mostAhead);
  private readonly spacesCount: boolean;
  private readonly onlySpaces: boolean;
  private readonly normalise: (text: string) => string;
  private readonly solid = new Uint8Array(0x10000); // 0 where nobody has asked, 1 solid, 2 not

  constructor(normaliser: Normaliser, preTokenizer: PreTokenizer) {
    this.normalise = compileNormaliser(normaliser);
    this.spacesCount = wordsHaveSpaces(preTokenizer);
    this.onlySpaces = preTokenizer.name === "metaspace" || preTokenizer.steps !== undefined;
  }

  /** Finds the next raw words of `text` from `from` on, none behind the last one. Returns where the next ones are looked for. */
  find(from: number): number {
    return this.spacesCount ? this.findWithSpaces(from) : this.findWithout(from);
  }

  private findWithout(from: number): number {
    const { begins, ends, hashes, areVisible } = this;
    const { bytes, view, length } = this.text;
    let at = from;
    let count = 0;
    while (count < mostAhead) {
      while (at < length && isBlank(bytes[at]!)) at++;
      if (at >= length) break;
      const begin = at;
      const [first, second] = [view.getInt32(begin, true), view.getInt32(begin + 4, true)];
      const short = findLowOfEight(first, second);
      begins[count] = begin;
      if (short < shortWord && isBlank(bytes[begin + short]!)) {
        const [own, more] = [firstFour(view, begin, short), secondFour(view, begin, short)];
        at = begin + short;
        hashes[count] = hashFour(hashFour(firstHash, own), more);
        areVisible[count] = isAscii(own) && isAscii(more) ? 1 : 0;
      } else {
        at = this.findEnd(begin);
        hashes[count] = hashBytes(view, begin, at);
        areVisible[count] = this.isVisible(begin, at) ? 1 : 0;
      }
      ends[count++] = at;
    }
    this.count = count;
    return at;
  }

  /** Where white space stands that parts words; behind the text it does. */
  private findEnd(begin: number): number {
    const { bytes, view } = this.text;
    for (let at = begin; ; ) {
      const own = findLow(view.getInt32(at, true));
      at += own;
      if (own === 4) continue;
      // Few characters below the space are none that parts words.
      if (isBlank(bytes[at]!)) return at;
      at++;
    }
  }

  private isVisible(begin: number, end: number): boolean {
    const { bytes } = this.text;
    for (let at = begin; at < end; at++) if (bytes[at]! <= 0x20 || bytes[at]! >= 0x7f) return false;
    return true;
  }

  /** White space and what follows it, up to white space behind something that can be seen. */
  private findWithSpaces(from: number): number {
    const { begins, ends, hashes } = this;
    const { bytes, view, length } = this.text;
    let begin = from;
    let count = 0;
    for (; count < mostAhead && begin < length; count++) {
      let at = begin;
      while (at < length) {
        const own = findLow(view.getInt32(at, true));
        at += own;
        if (own === 4) continue;
        const byte = bytes[at]!;
        if (at > begin && (this.onlySpaces ? byte === 0x20 : isBlank(byte)) && this.isSolid(at)) break;
        at++;
      }
      begins[count] = begin;
      begin = ends[count] = Math.min(at, length);
      hashes[count] = hashBytes(view, begins[count]!, begin);
    }
    this.count = count;
    return begin;
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
