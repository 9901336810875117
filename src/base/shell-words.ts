// Commands that are printed for a person to run: every word quoted so that a shell reads back what was meant, whatever the path
// or value holds, and nothing in it steers the terminal.

const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** One word for a shell: as it is where that is safe, else in single quotes; with invisible characters in bash's $'…'. */
export function quoteWord(word: string): string {
  if (/^[A-Za-z0-9_./:=@%+,-]+$/.test(word)) return word;
  if (invisible.test(word)) return `$'${[...word].map(escapeCharacter).join("")}'`;
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function escapeCharacter(character: string): string {
  if (character === "'" || character === "\\") return `\\${character}`;
  return invisible.test(character) ? `\\U${character.codePointAt(0)!.toString(16).padStart(8, "0")}` : character;
}

/** A whole command; words that are undefined are left out. */
export function quoteCommand(...words: readonly (string | undefined)[]): string {
  return words.flatMap(word => (word === undefined ? [] : [quoteWord(word)])).join(" ");
}
