// Whole evaluations of a tiny run: what comes out of tagged words, and who may write a submission.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { writeTinyRun } from "../../../test/tiny-run.ts";
import { lockFolder } from "../../base/files/folder-lock.ts";
import { evaluate } from "./evaluate.ts";

const root = mkdtempSync(join(tmpdir(), "cram-evaluate-"));
after(() => rmSync(root, { recursive: true }));
const run = join(root, "run");
writeTinyRun(run, ["anna", "bo", "went", "to", "rome", "home", "and"]);
const settings = ["maxLength=16", "learningRate=1e-2", "batchSequences=4", "precision=f32", "headWidth=16"];
const common = { backend: "reference", seeds: 1 } as const;

const sentences = [
  "anna B-PER\nbo I-PER\nwent O\nhome O",
  "bo B-PER\nwent O\nto O\nrome B-LOC",
  "anna B-PER\nand O\nbo B-PER\nwent O\nhome O",
  "rome B-LOC\nrome I-LOC\nanna I-PER",
];

/** Spans of a type: each stretch that B- begins, or an I- that no word of its type stands before. seqeval counts them so. */
function listSpans(tags: readonly string[]): string[] {
  return ["PER", "LOC"].flatMap(type => {
    const letters = tags.map(tag => (tag.endsWith(type) ? tag[0]! : ".")).join("");
    return [...letters.matchAll(/BI*|I+/g)].map(({ index, 0: span }) => `${type} ${index} ${span.length}`);
  });
}

test("of tagged words the result has the F1 of whole entities that its predictions give", async () => {
  const path = join(root, "names.conll");
  writeFileSync(path, `${sentences.join("\n\n")}\n`);
  const { out } = await evaluate(run, {
    ...{ ...common, task: path, kind: "tokens", validation: path },
    set: [...settings, "epochs=6"],
  });
  const folder = join(out, "own/names/seed-0");
  const lines = readFileSync(join(folder, "predictions.jsonl"), "utf8").trim().split("\n");
  const predictions = lines.map(line => JSON.parse(line) as { predicted: string[]; expected: string[] });
  assert.deepEqual(
    predictions.map(({ expected }) => expected.join(" ")),
    sentences.map(sentence => sentence.replace(/(^|\n)\S+ /g, " ").trim()),
  );
  const counted = predictions.map(({ predicted, expected }) => {
    const [found, there] = [listSpans(predicted), listSpans(expected)];
    return [found.length, there.length, found.filter(span => there.includes(span)).length];
  });
  const [found, there, right] = [0, 1, 2].map(i => counted.reduce((sum, each) => sum + each[i]!, 0));
  // Something is learned, and not everything: with all right or none any definition gives this.
  assert.ok(right! > 0 && (right! < found! || right! < there!), `${right} of ${found} found, ${there} there`);
  const result = JSON.parse(readFileSync(join(folder, "result.json"), "utf8"));
  const f1 = (2 * right!) / (found! + there!);
  assert.ok(Math.abs(result.splits[0].scores["entity-f1"] - f1) < 1e-9, `${f1}: ${JSON.stringify(result.splits)}`);
});

test("a submission that another process writes is refused, and not written into", async () => {
  const [suiteDir, submission] = [join(root, "glue"), join(root, "submission")];
  mkdirSync(join(suiteDir, "RTE"), { recursive: true });
  const row = (i: number) => `${i}\tanna went home\tbo went home`;
  const labelled = [0, 1, 2, 3].map(i => `${row(i)}\t${i % 2 ? "entailment" : "not_entailment"}`).join("\n");
  const head = "index\tsentence1\tsentence2";
  for (const name of ["train", "dev"])
    writeFileSync(join(suiteDir, "RTE", `${name}.tsv`), `${head}\tlabel\n${labelled}\n`);
  writeFileSync(join(suiteDir, "RTE", "test.tsv"), `${head}\n${row(0)}\n${row(1)}\n`);
  const options = { ...common, suite: "glue", suiteDir, tasks: ["rte"], submission, set: [...settings, "epochs=1"] };
  const other = lockFolder(submission, "evaluate");
  try {
    await assert.rejects(evaluate(run, options), { code: "E_FOLDER_BUSY" });
    assert.deepEqual(readdirSync(submission), [".cram-lock"]);
  } finally {
    other.release();
  }
  await evaluate(run, options);
  assert.deepEqual(readdirSync(submission), ["RTE.tsv"]);
});
