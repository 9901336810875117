// Commands that are printed for a person to run: every word quoted so that a shell reads back what was meant, whatever the path
// or value holds, and nothing in it steers the terminal.

import { delimiter } from "node:path";

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

/** Programs of the person's that add to lists: of CRAM_EXTENSIONS, and recipes that do so while they are read. */
const paths = new Set((process.env.CRAM_EXTENSIONS ?? "").split(delimiter).filter(path => path !== ""));
/** How often a list has grown. */
let growths = 0;

export const listExtensions = (): readonly string[] => [...paths];

export const noteGrowth = (): unknown => growths++;

/** What `read` gives of the program; it is remembered where a list grew meanwhile. */
export function readExtension<T>(path: string, read: () => T): T {
  const before = growths;
  const exported = read();
  if (growths > before) paths.add(path);
  return exported;
}

/** A command of cram's, which needs what this one was extended by. */
export function quoteOwnCommand(...words: readonly (string | undefined)[]): string {
  const extensions = listExtensions();
  const needed = extensions.length === 0 ? "" : `CRAM_EXTENSIONS=${quoteWord(extensions.join(delimiter))} `;
  return `${needed}${quoteCommand("cram", ...words)}`;
}
