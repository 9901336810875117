// Counts the character trigrams of languages into src/corpus/filters/language-profiles.ts: for each language a FOLDER/CODE.json with a
// list of texts ({"train": […]}), as the catalogues (.mo) and manual pages of free software have them.
//   node scripts/make-language-profiles.mjs FOLDER
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2];
const kept = 300;
/** Options, placeholders, paths, addresses and tags are no language's. */
const clean = text => text.replace(/%[-\d.]*\w|--?[a-z][\w-]*|<[^>]*>|\S*[/_@]\S*/g, " ");

const lines = readdirSync(folder)
  .filter(name => name.endsWith(".json"))
  .sort()
  .map(name => {
    const counts = new Map();
    for (const text of JSON.parse(readFileSync(join(folder, name), "utf8")).train) {
      for (const [word] of clean(text)
        .slice(0, 20_000)
        .toLowerCase()
        .matchAll(/\p{L}+/gu)) {
        const padded = ` ${word} `;
        for (let at = 0; at + 3 <= padded.length; at++) {
          const trigram = padded.slice(at, at + 3);
          counts.set(trigram, (counts.get(trigram) ?? 0) + 1);
        }
      }
    }
    const ordered = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    return `  ${name.slice(0, -5)}: ${JSON.stringify(
      ordered
        .slice(0, kept)
        .map(([trigram]) => trigram)
        .join(""),
    )},\n`;
  });
writeFileSync(
  "src/corpus/filters/language-profiles.ts",
  `// Which character trigrams are frequent in a language: of each the ${kept} most frequent, the first first, three characters each, a space at the
// ends of words. Counted over translated messages and manual pages of free software (scripts/make-language-profiles.mjs).

export const languageProfiles = {
${lines.join("")}} as const;
`,
);
