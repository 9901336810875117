// Token classification from CoNLL files: a word and its tags on a line, columns parted by spaces or tabs, the word first and
// the tag that counts last; an empty line ends a sentence. Lines of -DOCSTART- only part documents and are passed over.

import { UserError } from "../base/errors.ts";
import { contentHash } from "../base/files.ts";
import { holdOutExamples } from "./hold-out.ts";
import { nameOwnTask } from "./own-task.ts";
import { decodeTable, emptyTable, readTableBytes } from "./table-bytes.ts";
import type { Example, Task, TaskData } from "./task.ts";

export interface ConllTaskOptions {
  /** The file to train on; may be .gz. */
  readonly path: string;
  /** Absent: a tenth of the sentences of `path` is held out by `seed`. */
  readonly validation?: string;
  readonly seed: number;
}

interface Sentence {
  readonly words: readonly string[];
  readonly tags: readonly string[];
  /** Line of each word, from 1. */
  readonly lines: readonly number[];
}

/**
 * Reads a task of tagging words. Its tags are those of the training file, "O" first.
 * UserErrors: E_TABLE_ROW for a line of one column, E_TASK_LABEL for a tag never seen in training, E_TASK_SMALL, those of
 * `readTableBytes`.
 */
export function readConllTask({ path, validation, seed }: ConllTaskOptions): TaskData {
  const training = readSentences(path);
  const name = nameOwnTask(path);
  const task: Task = {
    name,
    title: name,
    kind: "tokens",
    texts: ["word"],
    label: "tag",
    labels: sortTags(training.sentences.flatMap(({ tags }) => tags)),
    metrics: ["accuracy", "macro-f1"],
  };
  const examples = toExamples(task, path, training.sentences);
  const apart = validation === undefined ? undefined : readSentences(validation);
  const split =
    validation === undefined || apart === undefined
      ? holdOutExamples(examples, seed, path)
      : { train: examples, validation: toExamples(task, validation, apart.sentences) };
  return {
    task,
    train: split.train,
    validation: [{ name: "validation", examples: split.validation }],
    test: [],
    subsets: [],
    hash: contentHash(JSON.stringify([task, training.hash, apart?.hash ?? seed])),
  };
}

function readSentences(path: string): { sentences: Sentence[]; hash: string } {
  const { bytes, hash } = readTableBytes(path);
  const sentences: Sentence[] = [];
  let words: string[] = [];
  let tags: string[] = [];
  let lines: number[] = [];
  const endSentence = (): void => {
    if (words.length > 0) sentences.push({ words, tags, lines });
    [words, tags, lines] = [[], [], []];
  };
  for (const [i, line] of decodeTable(bytes, path).split("\n").entries()) {
    const columns = line.trim().split(/[ \t]+/);
    if (columns[0] === "") endSentence();
    else if (columns[0] !== "-DOCSTART-") {
      if (columns.length < 2) throw missingTag(`${path}:${i + 1}`, columns[0]!);
      words.push(columns[0]!);
      tags.push(columns.at(-1)!);
      lines.push(i + 1);
    }
  }
  endSentence();
  if (sentences.length === 0) throw emptyTable(path, "no word with a tag");
  return { sentences, hash };
}

function toExamples({ labels }: Task, path: string, sentences: readonly Sentence[]): Example[] {
  const classOf = new Map(labels.map((label, i) => [label, i] as const));
  return sentences.map(({ words, tags, lines }, i) => ({
    id: String(i),
    texts: words,
    targets: tags.map((tag, j) => {
      const found = classOf.get(tag);
      if (found !== undefined) return found;
      throw new UserError(
        "E_TASK_LABEL",
        `${path}:${lines[j]}: the tag "${tag}" was never seen in training (${labels.join(", ")})`,
        "Correct the line, or add sentences with this tag to the training file.",
      );
    }),
    origin: `${path}:${lines[0]}`,
  }));
}

function missingTag(origin: string, word: string): UserError {
  return new UserError(
    "E_TABLE_ROW",
    `${origin}: one column ("${word}"), where a word and its tag are two`,
    "A line of a CoNLL file is a word, then its tags, parted by spaces or tabs; an empty line ends a sentence.",
  );
}

/** "O", no entity, first; the others by code units. */
function sortTags(tags: readonly string[]): string[] {
  return [...new Set(tags)].sort((a, b) => Number(b === "O") - Number(a === "O") || (a < b ? -1 : 1));
}
