// Reads a pattern of Oniguruma's (its Ruby syntax) and writes it for JavaScript's flag v. Possessive repetition and atomic groups are looked
// ahead for and then taken. Without regard to case only ASCII is read, with the two characters beyond it that fold to letters of it.

import { characterSource, propertySource, shorthandSource } from "./character-sets.ts";
import { Characters, nothing, type Reading } from "./shared-out.ts";

/** Of a pattern: what JavaScript does not say, or not surely the same. */
export class UnknownPattern extends SyntaxError {}

const starts = ["(?<=", "(?<!", "(?:", "(?=", "(?!"] as const;
const controls: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, a: 7, e: 27 };
/** Letters side by side that one character beyond ASCII folds to. */
const folded = /ss|ff|fi|fl|st/;

/** Of a pattern: how JavaScript writes it, and whether it may match nothing. */
export interface WrittenPattern {
  readonly source: string;
  readonly isEmpty: boolean;
}

interface ReadPart {
  readonly source: string;
  readonly reading: Reading;
}

export function readPattern(pattern: string): WrittenPattern {
  const reader = new PatternReader(pattern);
  const { source, reading } = reader.readAlternatives(false);
  return reader.atEnd ? { source, isEmpty: reading.empty > 0 } : reader.fail(pattern);
}

class PatternReader {
  private readonly pattern: string;
  private at = 0;
  private taken = 0;
  private readonly characters = new Characters();

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
  readAlternatives(anyCase: boolean): ReadPart {
    let source = "";
    let letters = "";
    const before: Reading[] = [];
    let reading = nothing;
    while (!this.atEnd && this.pattern[this.at] !== ")") {
      if (this.take("|")) {
        source += "|";
        letters = "";
        before.push(reading);
        reading = nothing;
        continue;
      }
      const begin = this.at;
      const beginRead = this.characters.count;
      const atom = this.readAtom(anyCase);
      const written = this.pattern.slice(begin, this.at).toLowerCase();
      letters = /^[[(]/.test(written) ? "" : letters + written;
      if (anyCase && folded.test(letters)) this.fail(`(?i:${letters})`);
      const repeated = this.repeat(atom, begin, beginRead);
      source += repeated.source;
      reading = this.characters.join(reading, repeated.reading);
    }
    for (const other of before) reading = this.characters.either(reading, other);
    return { source, reading };
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
  private repeat(part: ReadPart, begin: number, beginRead: number): ReadPart {
    const { source: atom, reading } = part;
    const often = this.match(/[*+?]|\{\d*,?\d*\}/y);
    if (often === undefined) return part;
    if (!/\d|^[*+?]$/.test(often)) this.fail(often);
    const written = often.startsWith("{,") ? often.replace("{,", "{0,") : often;
    const isCounted = often.startsWith("{");
    const mode = this.match(/[*+?{]/y);
    const [least, most] = countOften(often);
    const whole = {
      source: atom + written,
      reading:
        this.characters.repeat(reading, least, most, beginRead) ??
        this.fail(`${this.pattern.slice(begin, this.at)}: no time would suffice for some texts`),
    };
    if (mode === undefined) return whole;
    if (mode === "?" && often.includes(",") === isCounted && !this.isRepeated()) {
      return { ...whole, source: `${whole.source}?` };
    }
    if (mode === "+" && !isCounted && !this.isRepeated()) return this.takeWhole(whole, beginRead);
    return this.fail(often + mode);
  }

  private isRepeated(): boolean {
    return /[*+?{]/.test(this.pattern[this.at] ?? "");
  }

  /** What is matched once is never given back. */
  private takeWhole({ source, reading }: ReadPart, beginRead: number): ReadPart {
    const name = `taken${this.taken++}`;
    const whole = this.characters.addWhole(beginRead, reading);
    return { source: `(?=(?<${name}>${source}))\\k<${name}>`, reading: whole };
  }

  private readAtom(anyCase: boolean): ReadPart {
    if (this.take("(")) return this.readGroup(anyCase);
    const source = this.readCharacters(anyCase);
    return { source, reading: this.characters.add(source) };
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

  private readGroup(anyCase: boolean): ReadPart {
    this.at--;
    const beginRead = this.characters.count;
    const start = starts.find(each => this.take(each)) ?? (["(?i:", "(?>"] as const).find(each => this.take(each));
    if (start === undefined) {
      const special = this.match(/\(\?[^)]{0,3}/y);
      if (special !== undefined) this.fail(special);
      this.at++;
    }
    const part = this.readAlternatives(anyCase || start === "(?i:");
    if (!this.take(")")) this.fail(start ?? "(");
    if (start === "(?>") return this.takeWhole(part, beginRead);
    if (start !== undefined && /[=!]$/.test(start)) return { source: `${start}${part.source})`, reading: nothing };
    return { source: `(?:${part.source})`, reading: part.reading };
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
      if (anyCase && this.pattern[this.at] === "[") this.fail("(?i:[[");
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

  /** A character of a set, or a class, or a set in it. */
  private readMember(isStart: boolean): number | string {
    if (/^\[[^:]/.test(this.pattern.slice(this.at, this.at + 2))) {
      this.at++;
      return this.readSet(false);
    }
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

/** How often at least, and at most: of "+" and of "{2,}". */
function countOften(often: string): readonly [number, number] {
  if (!often.startsWith("{")) return [often === "+" ? 1 : 0, often === "?" ? 1 : Number.POSITIVE_INFINITY];
  const [least = "", most = least] = often.slice(1, -1).split(",");
  return [Number(least), most === "" ? Number.POSITIVE_INFINITY : Number(most)];
}

const negateIf = (isNegated: boolean, set: string): string => (isNegated ? `[^${set}]` : set);
