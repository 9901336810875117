// Readers of tasks: own tables, words with tags, suites, minimal pairs.

import { readParadigms } from "../../../src/evaluate/pairs/blimp.ts";
import { findSuite } from "../../../src/evaluate/suites/suites.ts";
import { readConllTask } from "../../../src/evaluate/tasks/conll.ts";
import { readOwnTask } from "../../../src/evaluate/tasks/own-task.ts";
import { readTask } from "../../../src/evaluate/tasks/read-task.ts";
import type { TaskData } from "../../../src/evaluate/tasks/task.ts";
import type { Form } from "../mutations/mutators.ts";
import type { Reader } from "./reader.ts";

/** What is learnt from; origins name lines and the hash the bytes, which may change alone. */
function describeData({ task, train, validation }: TaskData): unknown {
  const examples = [train, ...validation.map(split => split.examples)];
  return [task, examples.map(each => each.map(({ texts, targets }) => [texts, targets]))];
}

const readOwn = async (path: string) =>
  describeData(await readOwnTask({ path, texts: ["text"], label: "label", seed: 0 }));
const readTagged = async (path: string) => describeData(await readConllTask({ path, seed: 0 }));

const own: readonly (readonly [file: string, form: Form, read: Reader["read"], sealed?: boolean])[] = [
  ["own.csv", "text", readOwn],
  ["own.tsv", "text", readOwn],
  ["own.jsonl", "lines", readOwn],
  ["own.csv.gz", "binary", readOwn, true],
  ["snappy.parquet", "binary", readOwn],
  ["v2.parquet", "binary", readOwn],
  ["delta.parquet", "binary", readOwn],
  ["own.conll", "text", readTagged],
  ["own.conllu", "text", readTagged],
];

const readSuite = (suite: string, name: string) => async (folder: string) =>
  describeData(await readTask(findSuite(suite).tasks.find(task => task.name === name)!, folder));

export const tableReaders: readonly Reader[] = [
  ...own.map(
    ([file, form, read, sealed = false]): Reader => ({
      ...{ name: `task ${file}`, from: `tasks/${file}`, form, sealed, read },
    }),
  ),
  {
    ...{ name: "GLUE CoLA/train.tsv", from: "tasks/glue", damaged: "CoLA/train.tsv", form: "text" },
    read: readSuite("glue", "cola"),
  },
  {
    ...{ name: "SuperGLUE BoolQ/val.jsonl", from: "tasks/superglue", damaged: "BoolQ/val.jsonl", form: "lines" },
    read: readSuite("superglue", "boolq"),
  },
  {
    ...{ name: "BLiMP agreement.jsonl", from: "tasks/blimp", damaged: "agreement.jsonl", form: "lines" },
    read: async folder =>
      (await readParadigms(folder)).paradigms.map(({ name, pairs }) => [
        name,
        pairs.map(({ good, bad }) => [good, bad]),
      ]),
  },
];
