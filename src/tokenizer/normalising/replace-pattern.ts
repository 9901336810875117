// The regular expressions of a `replace` step: one character or one class of characters, perhaps repeated. So little means
// the same in Hugging Face's engine (Oniguruma) and in JavaScript; everything else is refused rather than guessed at.

const atom = String.raw`(?:\\x[0-7][0-9A-Fa-f]|\\u(?![dD][89A-Fa-f])[0-9A-Fa-f]{4}|[^\\[\]&^-])`;
const characters = String.raw`\[\^?-?(?:${atom}(?:-${atom})?)+-?\]`;
const portable = new RegExp(String.raw`^(${characters}|[^\\()[\]{}.*+?^$|])(\+|\{[1-9]\d*,\d*\})?$`, "u");

/** Whether a regular expression is of the kind that means the same everywhere. */
export function isPortablePattern(pattern: string): boolean {
  if (!portable.test(pattern)) return false;
  try {
    new RegExp(pattern, "u");
    return true;
  } catch {
    return false; // a range or a repeat count that runs backwards
  }
}

/** The characters of ASCII that a pattern finds. */
export function findAscii(pattern: string): string {
  const match = portable.exec(pattern);
  const once = match === null ? /[\s\S]/ : new RegExp(match[1]!, "u"); // of other patterns nobody knows
  let found = "";
  for (let unit = 0; unit < 128; unit++) {
    const character = String.fromCharCode(unit);
    if (once.test(character)) found += character;
  }
  return found;
}
