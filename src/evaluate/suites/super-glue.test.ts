// Tasks whose rows are more than columns, in the forms that their makers and the Hub publish.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../../base/errors.ts";
import { readTask } from "../tasks/read-task.ts";
import type { TaskData } from "../tasks/task.ts";
import { findSuite, selectTasks } from "./suites.ts";

const root = mkdtempSync(join(tmpdir(), "cramming-superglue-"));
after(() => rmSync(root, { recursive: true }));
let made = 0;

async function read(
  suite: string,
  name: string,
  files: Readonly<Record<string, readonly object[]>>,
): Promise<TaskData> {
  const folder = join(root, `${made++}`);
  for (const [file, rows] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), rows.map(row => JSON.stringify(row)).join("\n"));
  }
  const [task] = selectTasks(findSuite(suite), [name]);
  return readTask(task!, folder, { test: true });
}

const show = ({ train }: TaskData): unknown[] =>
  train.map(({ id, texts, targets, group }) => [id, ...texts, ...targets, ...(group === undefined ? [] : [group])]);

/** The same rows for training and validation. */
const both = (folder: string, rows: readonly object[]) => ({
  [`${folder}/train.jsonl`]: rows,
  [`${folder}/val.jsonl`]: rows,
});

test("labels are truth values in SuperGLUE's own files and numbers on the Hub", async () => {
  const texts = { question: "is it", passage: "It is." };
  const native = await read("superglue", "boolq", both("BoolQ", [{ ...texts, idx: 3, label: true }]));
  assert.deepEqual(show(native), [["3", "is it", "It is.", 1]]);
  const hub = await read("superglue", "boolq", both("boolq", [{ ...texts, idx: 3, label: 0 }]));
  assert.deepEqual(show(hub), [["3", "is it", "It is.", 0]]);
  const cb = await read("superglue", "cb", both("CB", [{ premise: "p", hypothesis: "h", label: "neutral", idx: 0 }]));
  assert.deepEqual(show(cb), [["0", "p", "h", 2]]);
  const copa = { premise: "It fell.", choice1: "a", choice2: "b", question: "cause", label: 1, idx: 9 };
  assert.deepEqual(show(await read("superglue", "copa", both("COPA", [copa]))), [
    ["9", "cause", "It fell.", "a", "b", 1],
  ]);
});

test("WSC: the spans lie in an object, or beside the text", async () => {
  const spans = { span1_index: 0, span1_text: "Mark", span2_index: 13, span2_text: "He" };
  const expected = [["4", "Mark told Pete", "0", "13", "Mark", "He", 0]];
  const native = { text: "Mark told Pete", target: spans, idx: 4, label: false };
  assert.deepEqual(show(await read("superglue", "wsc", both("WSC", [native]))), expected);
  const flat = { text: "Mark told Pete", ...spans, idx: 4, label: 0 };
  assert.deepEqual(show(await read("superglue", "wsc", both("wsc.fixed", [flat]))), expected);
});

test("MultiRC: a row an answer, grouped by question", async () => {
  const questions = [
    {
      idx: 7,
      question: "Who?",
      answers: [
        { text: "He", idx: 20, label: 1 },
        { text: "She", idx: 21, label: 0 },
      ],
    },
    { idx: 8, question: "When?", answers: [{ text: "Now", idx: 22, label: 0 }] },
  ];
  const native = await read("superglue", "multirc", both("MultiRC", [{ idx: 2, passage: { text: "P.", questions } }]));
  const expected = [
    ["2-7-20", "Who?", "P.", "He", 1, "2-7"],
    ["2-7-21", "Who?", "P.", "She", 0, "2-7"],
    ["2-8-22", "When?", "P.", "Now", 0, "2-8"],
  ];
  assert.deepEqual(show(native), expected);
  const flat = [
    { paragraph: "P.", question: "Who?", answer: "He", label: 1, idx: { paragraph: 2, question: 7, answer: 20 } },
    { paragraph: "P.", question: "Who?", answer: "She", label: 0, idx: { paragraph: 2, question: 7, answer: 21 } },
    { paragraph: "P.", question: "When?", answer: "Now", label: 0, idx: { paragraph: 2, question: 8, answer: 22 } },
  ];
  assert.deepEqual(show(await read("superglue", "multirc", both("multirc", flat))), expected);
});

test("the diagnostics are trained on RTE and are all validation", async () => {
  const rte = [{ premise: "p", hypothesis: "h", label: "not_entailment", idx: 0 }];
  const data = await read("superglue", "axb", {
    "RTE/train.jsonl": rte,
    "RTE/val.jsonl": rte,
    "AX-b/AX-b.jsonl": [{ sentence1: "a", sentence2: "b", label: "entailment", idx: 5, logic: "x" }],
  });
  assert.deepEqual(show(data), [["0", "p", "h", 1]]);
  assert.deepEqual(
    data.validation.map(({ name, examples }) => [name, examples.map(({ texts, targets }) => [...texts, ...targets])]),
    [["validation", [["a", "b", 0]]]],
  );
  assert.deepEqual(data.test, []);
});

test("RACE: four lettered options, of a question or of an article's questions", async () => {
  const hub = {
    article: "Art.",
    question: "Why?",
    options: ["a", "b", "c", "d"],
    answer: "C",
    example_id: "high1.txt",
  };
  const expected = [["0", "Why?", "Art.", "A:a", "B:b", "C:c", "D:d", 2]];
  assert.deepEqual(show(await read("race", "race", both("all", [hub]))), expected);
  const native = {
    article: "Art.",
    questions: ["Why?", "How?"],
    options: [
      ["a", "b", "c", "d"],
      ["e", "f", "g", "h"],
    ],
    answers: ["C", "A"],
    id: "high1.txt",
  };
  assert.deepEqual(show(await read("race", "race", both("RACE", [native]))), [
    ...expected,
    ["1", "How?", "Art.", "A:e", "B:f", "C:g", "D:h", 0],
  ]);
  const three = { ...hub, options: ["a", "b", "c"] };
  await assert.rejects(
    read("race", "race", both("RACE", [hub, three])),
    (error: unknown) =>
      error instanceof UserError &&
      error.code === "E_TASK_TEXT" &&
      /jsonl:2: no "D" or "s6" in this row/.test(error.message),
  );
});

test("SWAG: the beginning and four endings", async () => {
  const row = { startphrase: "He", ending0: "w", ending1: "x", ending2: "y", ending3: "z", label: 3, "video-id": "v" };
  assert.deepEqual(show(await read("swag", "swag", both("regular", [row]))), [["0", "He", "w", "x", "y", "z", 3]]);
});
