// What normalising takes away from a text, counted. A character is lost when nothing that can be seen is left of it: ascii-fold
// loses every Cyrillic letter. It loses its accent when the letter stays and its marks go: é to e, й to и. Both are asked of
// each code point by itself, in its composed form (NFC), so equal texts lose the same however they are written.

import { UserError } from "../../base/errors.ts";
import { countOf } from "../../base/printable.ts";
import { countVisible, pointAt, sizeOf, TextBytes } from "../encoding/text-bytes.ts";
import { compileNormaliser } from "./normalise.ts";
import type { Normaliser } from "./normaliser.ts";

export interface TextLoss {
  /** Code points that can be seen: neither white space nor control or format characters. */
  characters: number;
  /** Those of them of which nothing is left. */
  lost: number;
  /** Those of which the letter is left without its marks. */
  unaccented: number;
  /** Texts that lost more than half of their characters. */
  textsMostlyLost: number;
  /** The characters that were lost most often, at most eight. */
  readonly examples: string[];
}

/** How often each character was lost. */
export type LostCounts = readonly (readonly [character: string, count: number])[];

/** The commonest of several texts' lost characters, for `examples`; equal whatever the order. */
export function listCommonest(parts: Iterable<LostCounts>): string[] {
  const sums = new Map<string, number>();
  for (const part of parts) for (const [each, count] of part) sums.set(each, (sums.get(each) ?? 0) + count);
  return rank([...sums])
    .slice(0, 8)
    .map(([each]) => each);
}

const rank = (counts: [string, number][]) =>
  counts.sort((a, b) => b[1] - a[1] || a[0].codePointAt(0)! - b[0].codePointAt(0)!);

export function startTextLoss(): TextLoss {
  return { characters: 0, lost: 0, unaccented: 0, textsMostlyLost: 0, examples: [] };
}

const warnedShare = 0.01;
const refusedShare = 0.5;

const unseen = /^[\p{Z}\p{Cc}\p{Cf}\p{Cs}\s]$/u;
/** A text of these is composed already: none joins another, and what stands before U+0300 is composed. */
const isComposed = /^[\0-\u02ff\u0400-\u0482\u2010-\u2027\u2030-\u205e\u3400-\u9fff]$/;
const visibleAscii = Array.from({ length: 0x7f - 0x21 }, (_, i) => 0x21 + i);
const verdicts = { hidden: 1, kept: 2, unaccented: 3, lost: 4 } as const;
/** Beside a verdict: the character may be another one composed. */
const mayCompose = 8;

/** Of one text. */
export type CountedLoss = Readonly<Pick<TextLoss, "characters" | "lost" | "unaccented">>;
type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Adds what one text lost. */
export function addLoss(to: TextLoss, { characters, lost, unaccented }: CountedLoss): void {
  to.characters += characters;
  to.lost += lost;
  to.unaccented += unaccented;
  if (lost > refusedShare * characters) to.textsMostlyLost += 1;
}

/** Counts what a normaliser takes from texts; owns a table of the characters met. */
export class LossCounter {
  private readonly sums = startTextLoss();
  private readonly lostCounts = new Map<number, number>();
  private readonly normalise: (text: string) => string;
  private readonly table = new Uint8Array(0x110000); // verdicts, and mayCompose; 0 where nobody has asked
  private readonly keepsAscii: boolean;
  private readonly text = new TextBytes();
  private readonly composed = new TextBytes();
  /** What is lost of the part at hand. */
  private readonly lostHere: number[] = [];

  constructor(normaliser: Normaliser) {
    // What is set before a text is nothing that is left of it.
    this.normalise = compileNormaliser(normaliser.filter(({ step }) => step !== "prepend"));
    this.keepsAscii = visibleAscii.every(point => this.findVerdict(point) === verdicts.kept);
  }

  get loss(): TextLoss {
    return { ...this.sums, examples: listCommonest([this.listLost()]) };
  }

  /** How often each character was lost so far, the commonest first. */
  listLost(): [character: string, count: number][] {
    return rank(Array.from(this.lostCounts, ([point, count]) => [String.fromCodePoint(point), count]));
  }

  /** Counts one more text; returns what of it. */
  addText(text: string): CountedLoss {
    this.text.read(text);
    return this.addBytes(this.text);
  }

  /**
   * The same of a text that is there as bytes, of which it is known how many characters are ASCII that can be seen, and that all others but
   * white space stand in parts, of which none joins another.
   */
  addBytes(text: TextBytes, visible = 0, parts: readonly number[] = [0, text.length]): CountedLoss {
    const isKnown = this.keepsAscii || visible === 0;
    const own: Mutable<CountedLoss> = { characters: isKnown ? visible : 0, lost: 0, unaccented: 0 };
    const places = isKnown ? parts : [0, text.length];
    for (let part = 0; part < places.length; part += 2) {
      const [begin, end] = [places[part]!, places[part + 1]!];
      if (!this.count(text, begin, end, false, own)) {
        this.lostHere.length = 0;
        this.composed.read(text.slice(begin, end).normalize("NFC"));
        this.count(this.composed, 0, this.composed.length, true, own);
      }
      for (const point of this.lostHere) this.lostCounts.set(point, (this.lostCounts.get(point) ?? 0) + 1);
      this.lostHere.length = 0;
    }
    addLoss(this.sums, own);
    return own;
  }

  /** Adds to a loss; false, and nothing added, where the text has to be composed first. */
  private count(
    { bytes, view }: TextBytes,
    begin: number,
    end: number,
    isComposed: boolean,
    to: Mutable<CountedLoss>,
  ): boolean {
    let characters = 0;
    let lost = 0;
    let unaccented = 0;
    const { table, keepsAscii } = this;
    for (let at = begin; at < end; ) {
      const visible = keepsAscii && at + 4 <= end ? countVisible(view.getInt32(at, true)) : -1;
      if (visible >= 0) {
        characters += visible;
        at += 4;
        continue;
      }
      const point = pointAt(bytes, at);
      at += sizeOf(bytes[at]!);
      const found = table[point] || this.judge(point);
      if (found >= mayCompose && !isComposed) return false;
      const verdict = found & (mayCompose - 1);
      if (verdict === verdicts.hidden) continue;
      characters += 1;
      if (verdict === verdicts.kept) continue;
      if (verdict === verdicts.lost) {
        lost += 1;
        this.lostHere.push(point);
      } else if (verdict === verdicts.unaccented) unaccented += 1;
    }
    to.characters += characters;
    to.lost += lost;
    to.unaccented += unaccented;
    return true;
  }

  private judge(point: number): number {
    const composes = point > 0xffff || !isComposed.test(String.fromCharCode(point)) ? mayCompose : 0;
    const verdict = this.findVerdict(point) | composes;
    this.table[point] = verdict;
    return verdict;
  }

  private findVerdict(point: number): number {
    const character = String.fromCodePoint(point);
    const left = this.normalise(character);
    if (unseen.test(character)) return verdicts.hidden;
    if (![...left].some(each => !unseen.test(each))) return verdicts.lost;
    return losesMarks(character, left) ? verdicts.unaccented : verdicts.kept;
  }
}

const mark = /\p{M}/u;

function losesMarks(character: string, left: string): boolean {
  return mark.test(character.normalize("NFD")) && !mark.test(left.normalize("NFD"));
}

/**
 * What a person should be told of a loss, a sentence each; nothing where it is at most 1 %. `what` names the text, `reader` what
 * normalises it, `advice` how to keep what is lost. UserError E_TEXT_LOST where more than half is lost.
 */
export function describeLoss(loss: TextLoss, what: string, reader: string, advice: string): string[] {
  const { characters, lost, unaccented, textsMostlyLost, examples } = loss;
  const seen = `${what}: ${reader} loses ${formatShare(lost, characters)} of the characters (${examples.join(" ")})`;
  if (lost > refusedShare * characters) throw new UserError("E_TEXT_LOST", seen, advice);
  const warnings: string[] = [];
  if (lost > warnedShare * characters || textsMostlyLost > 0) {
    const texts = textsMostlyLost === 0 ? "" : `, more than half of ${countOf(textsMostlyLost, "text")}`;
    warnings.push(`${seen}${texts}. ${advice}`);
  }
  if (unaccented > warnedShare * characters) {
    const share = formatShare(unaccented, characters);
    warnings.push(`${what}: ${reader} takes the accents from ${share} of the characters. ${advice}`);
  }
  return warnings;
}

/** "4.8 %" */
export function formatShare(part: number, whole: number): string {
  const share = (100 * part) / Math.max(whole, 1);
  return `${share.toFixed(share < 10 ? 1 : 0)} %`;
}
