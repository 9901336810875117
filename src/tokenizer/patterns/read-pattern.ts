// Reads a pattern of Oniguruma's (its Ruby syntax) and writes it for JavaScript's flag v. Possessive repetition and atomic groups are looked
// ahead for and then taken. Without regard to case only ASCII is read, with the two characters beyond it that fold to letters of it.

import { characterSource, propertySource, shorthandSource } from "./character-sets.ts";

/** Of a pattern: what JavaScript does not say, or not surely the same. */
export class UnknownPattern extends SyntaxError {}

const starts = ["(?<=", "(?<!", "(?:", "(?=", "(?!"] as const;
const controls: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, a: 7, e: 27 };
/** Letters side by side that one character beyond ASCII folds to. */
const folded = /ss|ff|fi|fl|st/;

/** Of a part of a pattern: how JavaScript writes it, whether it may match nothing, and whether it repeats something that it gives back. */
export interface WrittenPattern {
  readonly source: string;
  readonly isEmpty: boolean;
  readonly repeats: boolean;
}

export function readPattern(pattern: string): WrittenPattern {
  const reader = new PatternReader(pattern);
  const written = reader.readAlternatives(false);
  return reader.atEnd ? written : reader.fail(pattern);
}

class PatternReader {
  private readonly pattern: string;
  private at = 0;
  private taken = 0;

  constructor(pattern: string) {
    this.pattern = pattern;
  }

  get atEnd(): boolean {
    return this.at >= this.pattern.length;
  }

  fail(what: string): never {
    throw new UnknownPattern(what);
  }

  /** Up to a closing bracket or the end. */
  readAlternatives(anyCase: boolean): WrittenPattern {
    let source = "";
    let letters = "";
    let isEmpty = false;
    let isEmptyYet = true;
    let repeats = false;
    while (!this.atEnd && this.pattern[this.at] !== ")") {
      if (this.take("|")) {
        source += "|";
        letters = "";
        isEmpty ||= isEmptyYet;
        isEmptyYet = true;
        continue;
      }
      const begin = this.at;
      const atom = this.readAtom(anyCase);
      const written = this.pattern.slice(begin, this.at).toLowerCase();
      letters = /^[[(]/.test(written) ? "" : letters + written;
      if (anyCase && folded.test(letters)) this.fail(`(?i:${letters})`);
      const repeated = this.repeat(atom);
      source += repeated.source;
      isEmptyYet &&= repeated.isEmpty;
      repeats ||= repeated.repeats;
    }
    return { source, isEmpty: isEmpty || isEmptyYet, repeats };
  }

  private take(text: string): boolean {
    if (!this.pattern.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.pattern)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  /** An atom as often as the pattern says behind it. */
  private repeat(part: WrittenPattern): WrittenPattern {
    const { source: atom, isEmpty } = part;
    const often = this.match(/[*+?]|\{\d*,?\d*\}/y);
    if (often === undefined) return part;
    if (!/\d|^[*+?]$/.test(often)) this.fail(often);
    const written = often.startsWith("{,") ? often.replace("{,", "{0,") : often;
    const isCounted = often.startsWith("{");
    const mode = this.match(/[*+?{]/y);
    const isOnce = /^(?:\?|\{(?:0*,)?0*[01]?\})$/.test(often);
    // What is repeated in what is repeated may be shared out in more ways than any time suffices for: (a+)+.
    if (part.repeats && !isOnce) this.fail(`a repetition of what repeats, ${often}`);
    const isEmptyNow = isEmpty || /^(?:[*?]|\{0*[,}])/.test(often);
    const whole = {
      source: atom + written,
      isEmpty: isEmptyNow,
      repeats: part.repeats || /^(?:[*+]|\{\d*,\})$/.test(often),
    };
    if (mode === undefined) return whole;
    if (mode === "?" && often.includes(",") === isCounted && !this.isRepeated()) {
      return { ...whole, source: `${whole.source}?` };
    }
    if (mode === "+" && !isCounted && !this.isRepeated()) return this.takeWhole(whole);
    return this.fail(often + mode);
  }

  private isRepeated(): boolean {
    return /[*+?{]/.test(this.pattern[this.at] ?? "");
  }

  /** What is matched once is never given back. */
  private takeWhole({ source, isEmpty }: Omit<WrittenPattern, "repeats">): WrittenPattern {
    const name = `taken${this.taken++}`;
    return { source: `(?=(?<${name}>${source}))\\k<${name}>`, isEmpty, repeats: false };
  }

  private readAtom(anyCase: boolean): WrittenPattern {
    return this.take("(")
      ? this.readGroup(anyCase)
      : { source: this.readCharacters(anyCase), isEmpty: false, repeats: false };
  }

  /** What matches one character. */
  private readCharacters(anyCase: boolean): string {
    if (this.take("[")) return this.readSet(anyCase);
    if (this.take(".")) return "[^\\n]";
    if (this.take("\\")) {
      const set = this.readClass(false);
      return set ?? this.writeCharacter(this.readEscape(), anyCase);
    }
    const point = this.pattern.codePointAt(this.at)!;
    const character = String.fromCodePoint(point);
    if (/[*+?{^$]/.test(character)) this.fail(character);
    this.at += character.length;
    return this.writeCharacter(point, anyCase);
  }

  private readGroup(anyCase: boolean): WrittenPattern {
    this.at--;
    const start = starts.find(each => this.take(each)) ?? (["(?i:", "(?>"] as const).find(each => this.take(each));
    if (start === undefined) {
      const special = this.match(/\(\?[^)]{0,3}/y);
      if (special !== undefined) this.fail(special);
      this.at++;
    }
    const { source, isEmpty, repeats } = this.readAlternatives(anyCase || start === "(?i:");
    if (!this.take(")")) this.fail(start ?? "(");
    if (start === "(?>") return this.takeWhole({ source, isEmpty });
    const isAround = start !== undefined && /[=!]$/.test(start);
    return {
      source: `${isAround ? start : "(?:"}${source})`,
      isEmpty: isAround || isEmpty,
      repeats: !isAround && repeats,
    };
  }

  /** A class behind a backslash, in a set or not; undefined where none is. */
  private readClass(isMember: boolean): string | undefined {
    const letter = this.match(/[sSdDwW]/y);
    if (letter !== undefined)
      return negateIf(letter < "a", shorthandSource(letter.toLowerCase() as "s" | "d" | "w", isMember));
    const property = this.match(/[pP]\{\^?\w+\}/y);
    if (property === undefined) return undefined;
    const isNegated = (property[0] === "P") !== property.includes("^");
    const set = propertySource(property.replace(/^.\{\^?|\}$/g, ""));
    return set === undefined ? this.fail(`\\${property}`) : negateIf(isNegated, set);
  }

  /** A character behind a backslash. */
  private readEscape(): number {
    const hexadecimal = this.match(/x[0-7][0-9A-Fa-f]|x\{[0-9A-Fa-f]{1,6}\}|u[0-9A-Fa-f]{4}/y);
    if (hexadecimal !== undefined) return Number.parseInt(hexadecimal.replace(/[xu{}]/g, ""), 16);
    const character = String.fromCodePoint(this.pattern.codePointAt(this.at) ?? 0x5c);
    const control = controls[character];
    if (control === undefined && !/[!-/:-@[-`{-~ ]/.test(character)) this.fail(`\\${character}`);
    this.at += character.length;
    return control ?? character.codePointAt(0)!;
  }

  private writeCharacter(point: number, anyCase: boolean): string {
    return anyCase ? `[${this.foldCharacter(point)}]` : characterSource(point);
  }

  private foldCharacter(point: number): string {
    if (point > 0x7f) this.fail(`(?i:${String.fromCodePoint(point)})`);
    const character = String.fromCharCode(point).toLowerCase();
    const beyond = character === "s" ? "\\u{17f}" : character === "k" ? "\\u{212a}" : "";
    const both = new Set([character, character.toUpperCase()]);
    return [...both].map(each => characterSource(each.charCodeAt(0))).join("") + beyond;
  }

  private readSet(anyCase: boolean): string {
    const isNegated = this.take("^");
    if (isNegated && anyCase) this.fail("(?i:[^");
    let items = "";
    for (let isStart = true; isStart || !this.take("]"); isStart = false) {
      if (this.atEnd) this.fail("[");
      const first = this.readMember(isStart);
      const isRange = typeof first === "number" && /^-[^\]]/.test(this.pattern.slice(this.at, this.at + 2));
      if (typeof first === "string") items += first;
      else if (!isRange) items += anyCase ? this.foldCharacter(first) : characterSource(first);
      else {
        this.at++;
        const last = this.readMember(false);
        if (anyCase || typeof last === "string") return this.fail(`[${this.pattern.slice(this.at - 3, this.at)}`);
        items += `${characterSource(first)}-${characterSource(last)}`;
      }
    }
    return `[${isNegated ? "^" : ""}${items}]`;
  }

  /** A character of a set, or a class. */
  private readMember(isStart: boolean): number | string {
    if (this.take("\\")) return this.readClass(true) ?? this.readEscape();
    const point = this.pattern.codePointAt(this.at)!;
    const character = String.fromCodePoint(point);
    if (character === "[" || (character === "]" && isStart) || this.pattern.startsWith("&&", this.at)) {
      this.fail(`[${character}`);
    }
    this.at += character.length;
    return point;
  }
}

const negateIf = (isNegated: boolean, set: string): string => (isNegated ? `[^${set}]` : set);
