// Text that came from outside, made fit for a terminal, a log or an error: what a terminal would obey, and what the eye would
// not see, is shown as \u001b. The escapes are JSON's, so a line of JSON that goes through here keeps its meaning.

/**
 * Controls, format characters (bidi, zero width, tags), line separators, lone surrogates, what is drawn as nothing, and the
 * noncharacters that mark a colour on its way to the terminal. Variation selectors, as in ❤️, are ordinary text.
 */
const unprintable = /(?![\ufe00-\ufe0f])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\ufdd0-\ufdef]/u;
const everyUnprintable = new RegExp(unprintable, "gu");

/** One line: no character of it moves the cursor. More than `mostCharacters` are cut, and end in "…". */
export function makePrintable(text: string, mostCharacters = Number.POSITIVE_INFINITY): string {
  if (text.length <= mostCharacters && !unprintable.test(text)) return text;
  let shown = "";
  for (const character of text) {
    const piece = unprintable.test(character) ? escapeCharacter(character) : character;
    if (shown.length + piece.length >= mostCharacters) return `${shown}…`;
    shown += piece;
  }
  return shown;
}

/** Several lines: line feeds and tabs stay, and the characters of `kept`. */
export function makeLinesPrintable(text: string, kept = ""): string {
  return text.replace(everyUnprintable, character =>
    `\n\t${kept}`.includes(character) ? character : escapeCharacter(character),
  );
}

/** A value as an error quotes it: as JSON, cut, whatever it is and however deep or long. */
export function quoteValue(value: unknown, mostCharacters = 80): string {
  // JSON has none of NaN, Infinity and whole numbers without end.
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  try {
    const json = JSON.stringify(typeof value === "string" ? value.slice(0, mostCharacters) : value);
    return makePrintable(json ?? String(value), mostCharacters);
  } catch {
    return Array.isArray(value) ? "a list nested too deep" : "an object nested too deep";
  }
}

function escapeCharacter(character: string): string {
  return Array.from(
    { length: character.length },
    (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`,
  ).join("");
}

/** `noun` is one of them; more of them end in an s. `show` writes the number. */
export function countOf(
  count: number,
  noun: string,
  show: (count: number) => string = value => value.toLocaleString("en-US"),
): string {
  return `${show(count)} ${noun}${count === 1 ? "" : "s"}`;
}
