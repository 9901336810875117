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

/** Whether a pattern finds a character of ASCII, of those that `among` matches. */
export function matchesAscii(pattern: string, among = "[^]"): boolean {
  const match = portable.exec(pattern);
  if (match === null) return true; // nobody knows
  const once = new RegExp(match[1]!, "u");
  const wanted = new RegExp(among);
  for (let unit = 0; unit < 128; unit++) {
    const character = String.fromCharCode(unit);
    if (wanted.test(character) && once.test(character)) return true;
  }
  return false;
}
