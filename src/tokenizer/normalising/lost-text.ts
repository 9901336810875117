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
  /** The first characters that were lost, at most eight. */
  readonly examples: string[];
}

export function startTextLoss(): TextLoss {
  return { characters: 0, lost: 0, unaccented: 0, textsMostlyLost: 0, examples: [] };
}

const warnedShare = 0.01;
const refusedShare = 0.5;

const unseen = /^[\p{Z}\p{Cc}\p{Cf}\p{Cs}\s]$/u;
/** Without any other character a text is composed already: of these none joins another, and what stands before U+0300 is composed. */
const mayDecompose = /[^\0-\u02ff\u0400-\u0482\u2010-\u2027\u2030-\u205e\u3400-\u9fff]/;
const visibleAscii = Array.from({ length: 0x7f - 0x21 }, (_, i) => 0x21 + i);
const verdicts = { hidden: 1, kept: 2, unaccented: 3, lost: 4 } as const;

/** Adds what one text lost. */
export function addLoss(
  to: TextLoss,
  { characters, lost, unaccented }: Pick<TextLoss, "characters" | "lost" | "unaccented">,
): void {
  to.characters += characters;
  to.lost += lost;
  to.unaccented += unaccented;
  if (lost > refusedShare * characters) to.textsMostlyLost += 1;
}

/** Counts what a normaliser takes from texts; owns a table of the characters met. */
export class LossCounter {
  readonly loss: TextLoss = startTextLoss();
  private readonly normalise: (text: string) => string;
  private readonly table = new Uint8Array(0x110000); // verdicts; 0 where nobody has asked
  private readonly keepsAscii: boolean;
  private readonly text = new TextBytes();

  constructor(normaliser: Normaliser) {
    this.normalise = compileNormaliser(normaliser);
    this.keepsAscii = visibleAscii.every(point => this.findVerdict(point) === verdicts.kept);
  }

  /** Counts one more text; returns what of it. */
  addText(text: string): Pick<TextLoss, "characters" | "lost" | "unaccented"> {
    let characters = 0;
    let lost = 0;
    let unaccented = 0;
    this.text.read(mayDecompose.test(text) ? text.normalize("NFC") : text);
    const { table, keepsAscii } = this;
    const { bytes, view, length } = this.text;
    for (let at = 0; at < length; ) {
      // Behind the text stand spaces.
      const visible = keepsAscii ? countVisible(view.getInt32(at, true)) : -1;
      if (visible >= 0) {
        characters += visible;
        at += 4;
        continue;
      }
      const point = pointAt(bytes, at);
      at += sizeOf(bytes[at]!);
      const verdict = table[point] || this.judge(point);
      if (verdict === verdicts.hidden) continue;
      characters += 1;
      if (verdict === verdicts.kept) continue;
      if (verdict === verdicts.lost) lost += 1;
      else if (verdict === verdicts.unaccented) unaccented += 1;
    }
    const own = { characters, lost, unaccented };
    addLoss(this.loss, own);
    return own;
  }

  private judge(point: number): number {
    const verdict = this.findVerdict(point);
    this.table[point] = verdict;
    if (verdict === verdicts.lost && this.loss.examples.length < 8) {
      this.loss.examples.push(String.fromCodePoint(point));
    }
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
