// Token classification from CoNLL files: their sentences (conll-lines.ts) as examples, their tags as classes.

import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { UserError } from "../../base/errors.ts";
import { contentHash } from "../../base/files/files.ts";
import { hashPieces, readFile as readStored, unpackBytes } from "../../tables/bytes.ts";
import { emptyTable } from "../../tables/table.ts";
import { readTextPieces } from "../../tables/text.ts";
import { areEntityTags } from "../scores/entities.ts";
import { readSentences, type Sentence } from "./conll-lines.ts";
import { holdOutExamples } from "./hold-out.ts";
import { nameOwnTask } from "./own-task.ts";
import type { Example, Task, TaskData } from "./task.ts";

const longestText = 2 ** 27;

export interface ConllTaskOptions {
  /** The file to train on; may be .gz. */
  readonly path: string;
  /** Absent: a tenth of the sentences of `path` is held out by `seed`. */
  readonly validation?: string;
  /** What the task is called; absent: as its file. */
  readonly name?: string;
  readonly seed: number;
}

/**
 * Reads a task of tagging words. Its tags are those of the training file, "O" first.
 * UserErrors: E_TABLE_ROW for a line that is not read as the others, E_TASK_LABEL for a tag never seen in training, E_TASK_SMALL, those of
 * `readTextPieces`.
 */
export async function readConllTask({ path, validation, seed, name: given }: ConllTaskOptions): Promise<TaskData> {
  const training = await readFile(path);
  const name = nameOwnTask(given ?? path);
  const labels = sortTags(training.sentences.flatMap(({ tags }) => tags));
  const task: Task = {
    name,
    title: name,
    kind: "tokens",
    texts: ["word"],
    label: "tag",
    labels,
    metrics: areEntityTags(labels) ? ["accuracy", "macro-f1", "entity-f1"] : ["accuracy", "macro-f1"],
  };
  const examples = toExamples(task, path, training.sentences);
  const apart = validation === undefined ? undefined : await readFile(validation);
  const split =
    validation === undefined || apart === undefined
      ? holdOutExamples(examples, seed, path)
      : { train: examples, validation: toExamples(task, validation, apart.sentences) };
  return {
    task,
    source: resolve(path),
    train: split.train,
    validation: [{ name: "validation", examples: split.validation }],
    test: [],
    subsets: [],
    hash: contentHash(JSON.stringify([task, training.hash, apart?.hash ?? seed])),
  };
}

async function readFile(path: string): Promise<{ sentences: Sentence[]; hash: string }> {
  const hash = createHash("sha256");
  const hashed = hashPieces(readStored(path), hash);
  let text = "";
  for await (const piece of readTextPieces(unpackBytes(hashed, path), path)) {
    text += piece;
    if (text.length > longestText) {
      throw new UserError(
        "E_TEXT_TOO_LONG",
        `${path}: more than ${longestText / 2 ** 20} million characters, more than one file of words may have`,
        "Keep fewer sentences.",
      );
    }
  }
  const sentences = readSentences(text.split(/\r\n|\n|\r/), path);
  if (sentences.length === 0) throw emptyTable(path, "no word with a tag");
  return { sentences, hash: hash.digest("hex").slice(0, 16) };
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

/** "O", no entity, first; the others by code units. */
function sortTags(tags: readonly string[]): string[] {
  return [...new Set(tags)].sort((a, b) => Number(b === "O") - Number(a === "O") || (a < b ? -1 : 1));
}
