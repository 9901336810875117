import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../../base/errors.ts";
import { nameOwnTask, type OwnTaskOptions, readOwnTask } from "./own-task.ts";

const folder = mkdtempSync(join(tmpdir(), "cramming-own-"));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** A .csv with these labels, its texts numbered. */
const table = (name: string, labels: readonly (string | number)[]): string =>
  write(name, `t,y\n${labels.map((label, i) => `text ${i},${label}\n`).join("")}`);
const read = (path: string, options: Partial<OwnTaskOptions> = {}) =>
  readOwnTask({ path, texts: ["t"], label: "y", seed: 1, ...options });
const fails =
  (code: string, ...seen: string[]) =>
  (error: unknown) =>
    error instanceof UserError && error.code === code && seen.every(part => error.message.includes(part));

test("a table of texts and labels is a task, of whatever format", async () => {
  const rows = [
    { a: "x", b: "y", label: "yes" },
    { a: "z", b: "w", label: "no" },
  ];
  const paths = [
    write("Own data.v1.tsv", `a\tb\tlabel\n${rows.map(({ a, b, label }) => `${a}\t${b}\t${label}\n`).join("")}`),
    write("own.csv", `label,a,b\n${rows.map(({ a, b, label }) => `${label},${a},"${b}"\n`).join("")}`),
    write("own.jsonl", rows.map(row => JSON.stringify(row)).join("\n")),
  ];
  for (const path of paths) {
    const options = { texts: ["a", "b"], label: "label", validation: path, test: path };
    const { task, train, validation, test } = await read(path, options);
    assert.deepEqual([task.kind, task.labels, task.metrics[0]], ["classification", ["no", "yes"], "accuracy"]);
    assert.deepEqual(
      train.map(({ texts, targets }) => [...texts, ...targets]),
      [
        ["x", "y", 1],
        ["z", "w", 0],
      ],
    );
    assert.deepEqual([validation[0]!.examples, validation[0]!.name], [train, "validation"]);
    assert.deepEqual(
      test[0]!.examples.map(({ texts, targets }) => [texts[0], targets]),
      [
        ["x", []],
        ["z", []],
      ],
    );
  }
  assert.equal(nameOwnTask(paths[0]!), "own-data-v1");
});

test("the kind is read off the labels, and can be said", async () => {
  const kindOf = async (labels: readonly (string | number)[], kind?: "classification" | "regression") => {
    const { task } = await read(table("kind.csv", labels), kind === undefined ? {} : { kind });
    return [task.kind, ...task.labels];
  };
  assert.deepEqual(await kindOf([0.5, 1, 2]), ["regression"]);
  assert.deepEqual(await kindOf([1, 2, 10]), ["classification", "1", "2", "10"]);
  assert.deepEqual(await kindOf([1, 2, 10], "regression"), ["regression"]);
  assert.deepEqual(await kindOf([0.5, 1, 2], "classification"), ["classification", "0.5", "1", "2"]);
  assert.deepEqual(await kindOf(["b", "a", 1.5]), ["classification", "1.5", "a", "b"]);
});

test("without a file for it a tenth is held out, by the seed", async () => {
  const path = table(
    "tenth.csv",
    Array.from({ length: 50 }, (_, i) => i % 2),
  );
  const ids = (examples: readonly { id: string }[]): string[] => examples.map(({ id }) => id);
  const first = await read(path);
  const again = await read(path);
  const other = await read(path, { seed: 2 });
  assert.equal(first.validation[0]!.examples.length, 5);
  assert.deepEqual(
    [...ids(first.train), ...ids(first.validation[0]!.examples)].map(Number).sort((a, b) => a - b),
    Array.from({ length: 50 }, (_, i) => i),
  );
  assert.deepEqual(again, first);
  assert.notDeepEqual(ids(other.validation[0]!.examples), ids(first.validation[0]!.examples));
  assert.notEqual(other.hash, first.hash);
});

test("what cannot be learned or read is named", async () => {
  const path = table("good.csv", ["a", "b", "a"]);
  await assert.rejects(read(path, { label: "z" }), fails("E_TASK_COLUMN", "good.csv:2", '"z"', "there are t, y"));
  await assert.rejects(read(path, { texts: ["u"] }), fails("E_TASK_COLUMN", "good.csv:2", '"u"'));
  const unseen = table("unseen.csv", ["a", "c"]);
  const asNumber = table("number.csv", ["0"]);
  await assert.rejects(
    read(path, { validation: unseen }),
    fails("E_TASK_LABEL", "unseen.csv:3", 'the label "c" was never seen in training (a, b)'),
  );
  await assert.rejects(read(path, { validation: asNumber }), fails("E_TASK_LABEL", "number.csv:2", '"0"'));
  await assert.rejects(read(path, { kind: "regression" }), fails("E_TASK_LABEL", "good.csv:2", '"a"'));
  await assert.rejects(read(table("blank.csv", ["a", "", "b"])), fails("E_TASK_LABEL", "blank.csv:3", "no label"));
  await assert.rejects(read(table("same.csv", ["a", "a"])), fails("E_TASK_SMALL", "same.csv", '"a"'));
  for (const [values, options] of [
    [[0.5, 0.5, "0.50"], {}],
    [["3", "3"], { kind: "regression" }],
  ] as const) {
    await assert.rejects(
      read(table("equal.csv", [...values]), options),
      fails("E_TASK_SMALL", "equal.csv", "every row"),
    );
  }
  await assert.rejects(read(table("one.csv", [0.5])), fails("E_TASK_SMALL", "one.csv", "1 example"));
  const many = table(
    "many.csv",
    Array.from({ length: 40 }, (_, i) => i),
  );
  await assert.rejects(read(many), fails("E_TASK_KIND", "many.csv", "40 different labels in 40 rows"));
});

test("a row that lacks what others have is at fault, not the file, wherever it stands and whatever the format", async () => {
  const whole = [
    { t: "x", u: "1", y: "a" },
    { t: "y", u: "2", y: "b" },
    { t: "z", u: "3", y: "a" },
  ];
  const formats = {
    "lacks.jsonl": (rows: readonly object[]) => rows.map(row => JSON.stringify(row)).join("\n"),
    "lacks.json": (rows: readonly object[]) => `[${rows.map(row => JSON.stringify(row)).join(",\n")}]`,
  };
  const good = table("whole.csv", ["a", "b"]);
  for (const [name, format] of Object.entries(formats)) {
    for (const [lacking, line] of [
      [0, 1],
      [1, 2],
      [2, 3],
    ] as const) {
      for (const [column, code] of [
        ["t", "E_TASK_TEXT"],
        ["y", "E_TASK_LABEL"],
      ] as const) {
        const path = write(
          name,
          format(
            whole.map(({ [column]: value, ...rest }, at) => (at === lacking ? rest : { ...rest, [column]: value })),
          ),
        );
        const told = fails(
          code,
          `${name}:${line}: no "${column}" in this row`,
          column === "t" ? "it has u, y" : "it has t, u",
        );
        await assert.rejects(read(path), told, `${name} ${line} ${column}`);
        await assert.rejects(read(good, { validation: path }), told, `validation ${name} ${line} ${column}`);
        if (column === "t") await assert.rejects(read(good, { test: path }), told);
      }
    }
    const without = write(name, format(whole.map(({ t, u }) => ({ t, u }))));
    await assert.rejects(read(without), fails("E_TASK_COLUMN", `${name}:1: no column "y"; there are t, u`));
  }
});

test("of few examples one is held out, of many a tenth", async () => {
  for (const [count, heldOut] of [
    [2, 1],
    [4, 1],
    [14, 1],
    [16, 2],
    [40, 4],
  ] as const) {
    const { validation } = await read(
      table(
        `few-${count}.csv`,
        Array.from({ length: count }, (_, i) => i % 2),
      ),
    );
    assert.deepEqual(
      validation.map(({ examples }) => examples.length),
      [heldOut],
    );
  }
});
