import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { UserError } from "../../base/errors.ts";
import { readConllTask } from "./conll.ts";

const folder = mkdtempSync(join(tmpdir(), "cramming-conll-"));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const fails =
  (code: string, ...seen: string[]) =>
  (error: unknown) =>
    error instanceof UserError && error.code === code && seen.every(part => error.message.includes(part));

/** As the shared task of 2003 has it: word, part of speech, chunk, entity. */
const english = `-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
German JJ B-NP B-MISC

-DOCSTART- -X- -X- O

Peter NNP B-NP B-PER
sleeps VBZ B-VP O
`;

test("sentences of words and tags, the tags in one order with O first", async () => {
  const path = write("eng.train", english);
  for (const file of [path, write("eng.train.gz", gzipSync(english.replaceAll("\n", "\r\n")))]) {
    const { task, train, validation } = await readConllTask({ path: file, validation: path, seed: 0 });
    assert.deepEqual([task.kind, task.labels], ["tokens", ["O", "B-MISC", "B-ORG", "B-PER"]]);
    assert.deepEqual(
      train.map(({ texts, targets, origin }) => [texts, targets, origin]),
      [
        [["EU", "rejects", "German"], [2, 0, 1], `${file}:3`],
        [["Peter", "sleeps"], [3, 0], `${file}:9`],
      ],
    );
    assert.equal(validation[0]!.examples.length, 2);
  }
});

test("two columns parted by tabs; without a file for it sentences are held out", async () => {
  const text = Array.from({ length: 20 }, (_, i) => `w${i}\tNOUN\n.\tPUNCT\n\n`).join("");
  const { train, validation } = await readConllTask({ path: write("pos.conll", text), seed: 3 });
  assert.equal(train.length, 18);
  assert.equal(validation[0]!.examples.length, 2);
  assert.ok(!train.some(({ id }) => validation[0]!.examples.some(example => example.id === id)));
});

test("what is wrong is named with file and line", async () => {
  const path = write("good.conll", english);
  const read = (content: string, validation?: string) =>
    readConllTask({ path: write("bad.conll", content), seed: 0, ...(validation === undefined ? {} : { validation }) });
  await assert.rejects(read("EU B-ORG\nrejects\n"), fails("E_TABLE_ROW", "bad.conll:2", '"rejects"'));
  const unseen = write("unseen.conll", "EU B-ORG\nParis B-LOC\n");
  await assert.rejects(
    readConllTask({ path, validation: unseen, seed: 0 }),
    fails("E_TASK_LABEL", "unseen.conll:2", '"B-LOC"', "O, B-MISC, B-ORG, B-PER"),
  );
  await assert.rejects(read("\n\n"), fails("E_TABLE_EMPTY", "bad.conll"));
  await assert.rejects(read(""), fails("E_TABLE_EMPTY", "bad.conll"));
  await assert.rejects(read("EU B-ORG\n"), fails("E_TASK_SMALL", "bad.conll"));
});

test("words tagged with entities are scored by whole entities, too", async () => {
  const entities = join(folder, "entities.conll");
  writeFileSync(entities, "Ada B-PER\nLovelace I-PER\nsleeps O\n\n".repeat(20));
  const { task } = await readConllTask({ path: entities, seed: 0 });
  assert.deepEqual(task.metrics, ["accuracy", "macro-f1", "entity-f1"]);
  const parts = join(folder, "parts.conll");
  writeFileSync(parts, "Ada NN\nsleeps VB\n\n".repeat(20));
  const { task: other } = await readConllTask({ path: parts, seed: 0 });
  assert.deepEqual(other.metrics, ["accuracy", "macro-f1"]);
});
