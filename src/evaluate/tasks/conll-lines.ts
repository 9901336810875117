// The lines of a CoNLL file as sentences of words with tags: the word is the first column, the tag the last, parted by tabs or,
// where a line has none, by spaces; an empty line ends a sentence. Every word has as many columns as the first, or is refused: a
// tag read out of the wrong column shows nowhere. Of CoNLL-U the words are column 2, their tags column 4 (UPOS).

import { UserError } from "../../base/errors.ts";
import { countOf, makePrintable } from "../../base/printable.ts";

export interface Sentence {
  readonly words: readonly string[];
  readonly tags: readonly string[];
  /** Line of each word, from 1. */
  readonly lines: readonly number[];
}

interface WordLine {
  readonly columns: readonly string[];
  readonly line: number;
}

/** Sentences of lines without their ends. UserError E_TABLE_ROW, naming the line, for one that is not read as the others. */
export function readSentences(lines: readonly string[], path: string): Sentence[] {
  const groups = groupLines(lines);
  const words = groups.flat();
  const first = words[0];
  if (first === undefined) return [];
  const width = first.columns.length;
  for (const { columns, line } of words) {
    if (columns.length !== width || width < 2) throw explainWidth(columns, `${path}:${line}`, width, first.line);
    const empty = columns.findIndex((column, i) => column === "" && (i === 0 || i === width - 1));
    if (empty >= 0) throw explainEmpty(`${path}:${line}`, empty === 0 ? "word" : "tag");
  }
  return groups.every(isCounted) && groups.some(group => group.length > 1)
    ? readUniversal(groups, path, width)
    : groups.map(group => makeSentence(group, 0, width - 1));
}

/** Lines of words, sentence by sentence, without comments and -DOCSTART-. */
function groupLines(lines: readonly string[]): WordLine[][] {
  const isWord = (text: string) => !isBlank(text) && !text.startsWith("-DOCSTART-");
  const example = lines.find(text => isWord(text) && !text.startsWith("#")) ?? lines.find(isWord) ?? "";
  // A comment may have tabs where words are parted by spaces.
  const byTabs =
    example.includes("\t") && lines.every(text => !isWord(text) || text.startsWith("#") || text.includes("\t"));
  const split = (text: string) =>
    byTabs ? text.replace(/[ \t]+$/, "").split("\t") : text.replace(/^[ \t]+|[ \t]+$/g, "").split(/[ \t]+/);
  const width = split(example).length;
  const mixes = example.includes("\t");
  const groups: WordLine[][] = [];
  let group: WordLine[] = [];
  for (const [i, text] of lines.entries()) {
    if (isBlank(text)) {
      if (group.length > 0) groups.push(group);
      group = [];
      continue;
    }
    const columns = split(text);
    const comments = group.length === 0 && text.startsWith("#") && isComment(text, columns, width, mixes);
    if (columns[0] !== "-DOCSTART-" && !comments) group.push({ columns, line: i + 1 });
  }
  if (group.length > 0) groups.push(group);
  return groups;
}

/** Whether a line that begins a sentence with "#" is about it: "# text = …", "# id 0-1\tdomain=en"; "# NN O" is a word. */
function isComment(text: string, columns: readonly string[], width: number, mixes: boolean): boolean {
  return columns.length !== width || /^# ?[\w.:]+ = /.test(text) || (text.includes("\t") && !mixes);
}

const isBlank = (text: string) => /^[ \t]*$/.test(text);

/** Whether the first column counts the words of the sentence from 1, as in CoNLL-U; "1-2" and "1.1" stand between. */
function isCounted(group: readonly WordLine[]): boolean {
  const ids = group.map(({ columns }) => columns[0]!).filter(id => !/^\d+[-.]\d+$/.test(id));
  return ids.length > 0 && ids.every((id, i) => id === String(i + 1));
}

function readUniversal(groups: readonly WordLine[][], path: string, width: number): Sentence[] {
  if (width !== 10) {
    throw new UserError(
      "E_TABLE_ROW",
      `${path}:${groups[0]![0]!.line}: the first column counts the words of a sentence, and CoNLL-U, which has it so, has 10 columns, not ${width}`,
      "Write the word first and its tag last on a line.",
    );
  }
  return groups.map(group =>
    makeSentence(
      group.filter(({ columns }) => /^\d+$/.test(columns[0]!)),
      1,
      3,
    ),
  );
}

function makeSentence(group: readonly WordLine[], word: number, tag: number): Sentence {
  return {
    words: group.map(({ columns }) => columns[word]!),
    tags: group.map(({ columns }) => columns[tag]!),
    lines: group.map(({ line }) => line),
  };
}

function explainWidth(columns: readonly string[], origin: string, width: number, firstLine: number): UserError {
  const seen = `("${makePrintable(columns.join(" "), 60)}")`;
  return new UserError(
    "E_TABLE_ROW",
    columns.length < 2
      ? `${origin}: one column ${seen}, where a word and its tag are two`
      : `${origin}: ${countOf(columns.length, "column")} ${seen}, where line ${firstLine} has ${width}`,
    "A line of a CoNLL file is a word, then its tags, parted by tabs or by spaces; an empty line ends a sentence.",
  );
}

function explainEmpty(origin: string, what: string): UserError {
  return new UserError(
    "E_TABLE_ROW",
    `${origin}: no ${what}: its column is empty`,
    `Write the ${what}, or leave the line out.`,
  );
}
