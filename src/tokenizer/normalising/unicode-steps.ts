// The steps of normalisers that know Unicode, character by character as Hugging Face's do. Where Node's own tables are
// younger or older than theirs, theirs count.

import { characterClass, characterClasses } from "./character-classes.ts";

/** Canonical composition (NFC) or decomposition (NFD), or compatibility composition (NFKC), of a text. */
export function normaliseForm(text: string, form: "NFC" | "NFD" | "NFKC"): string {
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
