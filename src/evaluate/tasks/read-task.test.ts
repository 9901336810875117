import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { UserError } from "../../base/errors.ts";
import { findSuite } from "../suites/suites.ts";
import { readTask } from "./read-task.ts";
import type { Example, Task } from "./task.ts";

const root = mkdtempSync(join(tmpdir(), "cramming-task-"));
after(() => rmSync(root, { recursive: true }));
let made = 0;

/** A suite's folder with these files. */
function lay(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = join(root, `suite-${made++}`);
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

const taskOf = (suite: string, name: string): Task => findSuite(suite).tasks.find(task => task.name === name)!;
const show = (examples: readonly Example[]): unknown[] =>
  examples.map(({ id, texts, targets }) => [id, ...texts, ...targets]);
const fails =
  (code: string, ...seen: string[]) =>
  (error: unknown) =>
    error instanceof UserError && error.code === code && seen.every(part => error.message.includes(part));

test("what a task's folder holds besides is counted and named", async () => {
  const cola = "gj04\t1\t\tThe cat sat.\n";
  const folder = lay({
    ...{ "CoLA/train.tsv": cola, "CoLA/dev.tsv": cola, "CoLA/test.tsv": "index\tsentence\n0\tDid it?\n" },
    ...{ "CoLA/._train.tsv": "x", "CoLA/.DS_Store": "x", "CoLA/train_v2.tsv": cola, "CoLA/README": "x" },
  });
  const { passedOver } = await readTask(taskOf("glue", "cola"), folder);
  const at = (...names: string[]) => names.map(name => join(folder, "CoLA", name));
  assert.deepEqual(passedOver, [
    { reason: "hidden", count: 2, first: at(".DS_Store", "._train.tsv") },
    { reason: "tables whose names say no split", count: 1, first: at("train_v2.tsv") },
  ]);
});

/** A task's rows in each of the forms that GLUE's own .tsv files have, and what they say. */
const published: readonly {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly train: unknown[];
  readonly test?: unknown[];
}[] = [
  {
    name: "cola",
    files: {
      "CoLA/train.tsv": "gj04\t1\t\tThe cat sat.\ngj04\t0\t*\tCat the sat.\n",
      "CoLA/dev.tsv": "gj04\t1\t\tIt did.\n",
      "CoLA/test.tsv": "index\tsentence\n0\tDid it?\n",
      "CoLA/original/raw/in_domain_train.tsv": "gj04\t1\t\tnot a file of the task\n",
    },
    train: [
      ["0", "The cat sat.", 1],
      ["1", "Cat the sat.", 0],
    ],
    test: [["0", "Did it?"]],
  },
  {
    name: "mrpc",
    files: {
      "MRPC/train.tsv": '\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t7\t8\tHe said "a .\tHe said b .\n',
      "MRPC/dev.tsv": "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n0\t7\t8\ta\tb\n",
      "MRPC/test.tsv": "index\t#1 ID\t#2 ID\t#1 String\t#2 String\n5\t7\t8\tc\td\n",
      "MRPC/msr_paraphrase_train.txt": "whatever",
      "MRPC/dev_ids.tsv": "7\t8\n",
    },
    train: [["0", 'He said "a .', "He said b .", 1]],
    test: [["5", "c", "d"]],
  },
  {
    name: "stsb",
    files: {
      "STS-B/train.tsv":
        "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n" +
        "0\tmain\tMSR\t2012\t1\tnone\tnone\tA plane.\tA jet.\t4.750\n",
      "STS-B/dev.tsv": "sentence1\tsentence2\tscore\na\tb\t0\n",
    },
    train: [["0", "A plane.", "A jet.", 4.75]],
  },
  {
    name: "qqp",
    files: {
      "QQP/train.tsv":
        "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n9\t1\t2\ta?\tb?\t1\n10\t1\t2\tbroken\nin two?\t0\n11\t1\t2\tc?\td?\t0\n",
      "QQP/dev.tsv": "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t1\t2\ta?\tb?\t0\n",
    },
    train: [
      ["9", "a?", "b?", 1],
      ["11", "c?", "d?", 0],
    ],
  },
  {
    name: "qnli",
    files: {
      "QNLI/train.tsv": "index\tquestion\tsentence\tlabel\n0\tWho?\tHe.\tnot_entailment\n",
      "QNLI/dev.tsv": "index\tquestion\tsentence\tlabel\n0\tWho?\tHe.\tentailment\n",
    },
    train: [["0", "Who?", "He.", 1]],
  },
  {
    name: "sst2",
    files: { "SST-2/train.tsv": "sentence\tlabel\ndull \t0\n", "SST-2/dev.tsv": "sentence\tlabel\nfine \t1\n" },
    train: [["0", "dull ", 0]],
  },
  {
    name: "wnli",
    files: {
      "WNLI/train.tsv": "index\tsentence1\tsentence2\tlabel\n0\ta\tb\t1\n",
      "WNLI/dev.tsv": "index\tsentence1\tsentence2\tlabel\n0\ta\tb\t0\n",
    },
    train: [["0", "a", "b", 1]],
  },
];

for (const { name, files, train, test: expected } of published) {
  test(`${name} as GLUE publishes it`, async () => {
    const data = await readTask(taskOf("glue", name), lay(files), { test: true });
    assert.deepEqual(show(data.train), train);
    assert.deepEqual(
      data.test.flatMap(({ examples }) => show(examples)),
      expected ?? [],
    );
    assert.deepEqual(data.subsets, []);
  });
}

test("MNLI has two validation sets, whose parse trees and votes are passed over", async () => {
  const columns = "index\tpairID\tsentence1_parse\tsentence1\tsentence2\tlabel1\tlabel2\tgold_label\n";
  const row = (label: string): string => `0\t1n\t(ROOT (S))\tIt rains.\tIt is wet.\tneutral\tneutral\t${label}\n`;
  const folder = lay({
    "MNLI/train.tsv": columns + row("contradiction"),
    "MNLI/dev_matched.tsv": columns + row("entailment"),
    "MNLI/dev_mismatched.tsv": columns + row("neutral") + row("neutral"),
  });
  const { train, validation } = await readTask(taskOf("glue", "mnli"), folder);
  assert.deepEqual(show(train), [["0", "It rains.", "It is wet.", 2]]);
  assert.deepEqual(
    validation.map(({ name, examples }) => [name, examples.map(({ targets }) => targets[0])]),
    [
      ["matched", [0]],
      ["mismatched", [1, 1]],
    ],
  );
  assert.equal(train[0]!.origin, join(folder, "MNLI", "train.tsv:2"));
});

test("JSON lines of s1, s2 and a label's number; a part of a task is marked, unless the whole is there", async () => {
  const rows = (label: number): Buffer => gzipSync(`{"s1":"a","s2":"b","label":${label}}\n`);
  const files = { "MNLI/train-subset.jsonl.gz": rows(2), "MNLI/dev-matched.jsonl.gz": rows(1) };
  const part = await readTask(taskOf("glue", "mnli"), lay(files));
  assert.deepEqual(show(part.train), [["0", "a", "b", 2]]);
  assert.deepEqual(part.subsets, [join("MNLI", "train-subset.jsonl.gz")]);
  const whole = await readTask(taskOf("glue", "mnli"), lay({ ...files, "MNLI/train.jsonl.gz": rows(0) }));
  assert.deepEqual(show(whole.train), [["0", "a", "b", 0]]);
  assert.deepEqual(whole.subsets, []);
  assert.notEqual(part.hash, whole.hash);
  const half = lay({ "QQP/train-subset.jsonl": '{"s1":"a","s2":"b","label":1}', "QQP/dev-half.jsonl.gz": rows(1) });
  assert.equal((await readTask(taskOf("glue", "qqp"), half)).subsets.length, 2);
});

test("the folder may be the task's own, in any spelling", async () => {
  const files = { "train.tsv": "sentence\tlabel\na\t0\n", "dev.tsv": "sentence\tlabel\nb\t1\n" };
  const folder = lay({ "SST-2/train.tsv": files["train.tsv"], "SST-2/dev.tsv": files["dev.tsv"] });
  const own = await readTask(taskOf("glue", "sst2"), join(folder, "SST-2"));
  const within = await readTask(
    taskOf("glue", "sst2"),
    lay({ "sst_2/train.tsv": files["train.tsv"], "sst_2/dev.tsv": files["dev.tsv"] }),
  );
  assert.deepEqual(show(own.train), [["0", "a", 0]]);
  assert.equal(own.hash, within.hash);
  // The same columns and labels, and yet another task.
  await assert.rejects(
    readTask(taskOf("glue", "cola"), join(folder, "SST-2")),
    fails("E_TASK_FOLDER", "no folder CoLA"),
  );
});

test("what is wrong is named with file and row", async () => {
  const dev = "sentence\tlabel\nb\t1\n";
  const sst2 = (train: string): Promise<unknown> =>
    readTask(taskOf("glue", "sst2"), lay({ "SST-2/train.tsv": train, "SST-2/dev.tsv": dev }));
  await assert.rejects(
    sst2("text\tlabel\na\t0\n"),
    fails("E_TASK_COLUMN", "train.tsv:2", 'no column "sentence" or "s1"', "there are text, label"),
  );
  await assert.rejects(sst2("sentence\tstars\na\t0\n"), fails("E_TASK_COLUMN", "train.tsv:2", '"label"'));
  for (const label of ["2", "-1", "", "neutral", "1.5", "0x1"]) {
    await assert.rejects(
      sst2(`sentence\tlabel\na\t0\nb\t${label}\n`),
      fails("E_TASK_LABEL", "train.tsv:3", `"${label}"`, "negative, positive"),
    );
  }
  await assert.rejects(sst2(""), fails("E_TABLE_EMPTY", "train.tsv"));
  const list = { "SST-2/train.jsonl": '{"sentence":["a"],"label":0}', "SST-2/dev.tsv": dev };
  await assert.rejects(readTask(taskOf("glue", "sst2"), lay(list)), fails("E_TASK_TEXT", "train.jsonl:1", "a list"));
  const stsb = lay({ "STS-B/train.tsv": "sentence1\tsentence2\tscore\na\tb\t\n", "STS-B/dev.tsv": "x" });
  await assert.rejects(
    readTask(taskOf("glue", "stsb"), stsb),
    fails("E_TASK_LABEL", "train.tsv:2", 'in the column "score" is not a number'),
  );
});

test("files that are missing or too many are named", async () => {
  const sst2 = taskOf("glue", "sst2");
  const rows = "sentence\tlabel\nb\t1\n";
  await assert.rejects(readTask(sst2, lay({ "CoLA/train.tsv": rows })), fails("E_TASK_FOLDER", "no folder SST-2"));
  await assert.rejects(readTask(sst2, join(root, "absent")), fails("E_TASK_FOLDER", "absent", "no folder here"));
  await assert.rejects(
    readTask(sst2, lay({ "SST-2/dev.tsv": rows })),
    fails("E_TASK_FILES", "no file for train of SST-2"),
  );
  await assert.rejects(readTask(sst2, lay({ "SST-2/train.tsv": rows })), fails("E_TASK_FILES", "validation"));
  const two = lay({ "SST-2/train.tsv": rows, "SST-2/train.jsonl": "{}", "SST-2/dev.tsv": rows });
  await assert.rejects(readTask(sst2, two), fails("E_TASK_FILES", "train.jsonl and train.tsv", '"train"'));
});
