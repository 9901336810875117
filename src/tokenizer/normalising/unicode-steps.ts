// The steps of normalisers that know Unicode, character by character as Hugging Face's do. Where Node's own tables are
// younger or older than theirs, theirs count.

import { characterClass, characterClasses, whiteSpaceSet } from "./character-classes.ts";

/** Canonical composition (NFC) or decomposition (NFD), or compatibility composition (NFKC) or decomposition (NFKD), of a text. */
export function normaliseForm(text: string, form: "NFC" | "NFD" | "NFKC" | "NFKD"): string {
  return replaceCharacters(
    text,
    characterClass.inert,
    character => character,
    part => part.normalize(form),
  );
}

const newerCapitals = /[\uA7CE\uA7D2\uA7D4\u{16EA0}-\u{16EB8}]/gu; // of Unicode 17; Node 20.19 has 16
const nodeIsOlder = "\uA7CE".toLowerCase() === "\uA7CE";

/** Lower case of each character by itself: JavaScript's own would make a final sigma of a capital one at a word's end. */
export function lowercase(text: string): string {
  const lower = (text.includes("Σ") ? text.replaceAll("Σ", "σ") : text).toLowerCase();
  if (!nodeIsOlder) return lower;
  return lower.replace(newerCapitals, capital =>
    String.fromCodePoint(capital.codePointAt(0)! + (capital < "\uD800" ? 1 : 27)),
  );
}

/** Deletes every character that has one of these bits of `characterClass`. */
export function deleteCharacters(text: string, bits: number): string {
  return replaceCharacters(text, bits, () => "");
}

/** Deletes control and format characters and U+FFFD; makes every white space a plain space. */
export function cleanText(text: string): string {
  const { dropped, space } = characterClass;
  return replaceCharacters(text, dropped | space, (_, bits) => (bits & dropped ? "" : " "));
}

const nmtDropped = new Set([..."\v\x7f\x8f\x9f", ...charactersFrom(0x01, 0x08), ...charactersFrom(0x0e, 0x1f)]);
const nmtSpaces = new Set([..."\t\n\f\r\u1680\u2028\u2029\u2581\ufeff\ufffd", ...charactersFrom(0x200b, 0x200f)]);

function charactersFrom(first: number, last: number): string {
  return String.fromCharCode(...Array.from({ length: last - first + 1 }, (_, i) => first + i));
}

/** Deletes control characters, and makes white space and what nobody sees spaces, as SentencePiece's models for translation do. */
export function cleanForTranslation(text: string): string {
  let result = "";
  let done = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (character >= " " && character <= "~") continue;
    const isSpace = nmtSpaces.has(character);
    if (!isSpace && !nmtDropped.has(character)) continue;
    result += text.slice(done, i) + (isSpace ? " " : "");
    done = i + 1;
  }
  return result + text.slice(done);
}

const leading = new RegExp(`^[${whiteSpaceSet}]+`);
const spaces = new RegExp(`[${whiteSpaceSet}]`);

/** Takes white space from the begin and the end of a text. */
export function strip(text: string, left: boolean, right: boolean): string {
  const rest = left ? text.replace(leading, "") : text;
  let end = rest.length;
  if (right) while (end > 0 && spaces.test(rest[end - 1]!)) end--;
  return rest.slice(0, end);
}

/** Sets Chinese characters between spaces. */
export function separateIdeographs(text: string): string {
  return replaceCharacters(text, characterClass.ideograph, character => ` ${character} `);
}

/**
 * Puts `by` of each character that has one of `bits` in its place, and `between` of the text between them in its. No step
 * changes a visible ASCII character or the space, so these are passed over.
 */
function replaceCharacters(
  text: string,
  bits: number,
  by: (character: string, bits: number) => string,
  between: (part: string) => string = part => part,
): string {
  const classes = characterClasses();
  let result = "";
  let done = 0;
  for (let i = 0; i < text.length; i++) {
    let point = text.charCodeAt(i);
    if (point >= 32 && point < 127) continue;
    const begin = i;
    if (point >= 0xd800 && point < 0xdc00) {
      point = text.codePointAt(i)!;
      if (point > 0xffff) i++;
    }
    const found = classes[point]!;
    if (found & bits) {
      result += between(text.slice(done, begin)) + by(text.slice(begin, i + 1), found);
      done = i + 1;
    }
  }
  return done === 0 ? between(text) : result + between(text.slice(done));
}
