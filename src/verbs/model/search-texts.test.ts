// The nearest texts of a file, whether it holds vectors or texts, and what cram fill reads line by line.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, test } from "node:test";
import { writeTinyRun } from "../../../test/tiny-run.ts";
import { UserError } from "../../base/errors.ts";
import { fillLines } from "../../cli/verbs/model/fill.ts";
import { openTable } from "../../tables/table.ts";
import { embed } from "./embed.ts";
import { embedFile } from "./embed-file.ts";
import { search } from "./search-texts.ts";

const root = mkdtempSync(join(tmpdir(), "cram-search-"));
after(() => rmSync(root, { recursive: true }));
const at = (name: string) => join(root, name);
const choice = { backend: "reference" } as const;
const settings = ["train.precision=f32"];
await writeTinyRun(at("run"), ["the", "red", "fox", "owl", "sleeps"], settings);
const texts = ["owl sleeps", "the red fox", "fox fox the", "red owl", "the red fox"];
writeFileSync(at("texts.txt"), texts.join("\n"));

test("the nearest by cosine, of texts and of the vectors that were made of them", async () => {
  const vectors = await embed(at("run"), texts, choice);
  const cosine = (a: Float32Array, b: Float32Array) =>
    a.reduce((sum, value, i) => sum + value * b[i]!, 0) / Math.hypot(...a) / Math.hypot(...b);
  const expected = texts
    .map((text, i) => ({ text, place: i + 1, similarity: cosine(vectors[1]!, vectors[i]!) }))
    .sort((a, b) => b.similarity - a.similarity || a.place - b.place)
    .slice(0, 3);
  // Two of them are the query itself.
  assert.deepEqual(
    expected
      .slice(0, 2)
      .map(({ place }) => place)
      .sort(),
    [2, 5],
  );
  for (const out of ["vectors.jsonl", "vectors.parquet"])
    await embedFile(at("run"), at("texts.txt"), { ...choice, out: at(out) });
  for (const file of ["texts.txt", "vectors.jsonl", "vectors.parquet"]) {
    const [found] = await search(at("run"), at(file), ["the red fox"], { ...choice, top: 3 });
    assert.deepEqual(
      found!.map(({ place }) => place),
      [2, 5, expected[2]!.place],
      file,
    );
    found!.forEach(({ text, similarity }, i) => {
      assert.equal(text, expected[i]!.text);
      assert.ok(Math.abs(similarity - expected[i]!.similarity) < 1e-6, `${file} ${similarity}`);
    });
  }
});

test("a .parquet holds the texts and the same f32 numbers", async () => {
  const vectors = await embed(at("run"), texts, choice);
  const read: unknown[] = [];
  for await (const rows of openTable(at("vectors.parquet")).rows) read.push(...rows.map(({ values }) => values));
  assert.deepEqual(
    read,
    texts.map((text, i) => ({ text, vector: Array.from(vectors[i]!) })),
  );
});

test("vectors of another model are refused", async () => {
  await writeTinyRun(at("narrow"), ["the", "red", "fox"], ["model.width=8", ...settings]);
  await assert.rejects(search(at("narrow"), at("vectors.jsonl"), ["fox"], choice), {
    code: "E_VECTORS",
    message: /vectors\.jsonl:1: a vector of 16 numbers, and this model's have 8/,
  });
});

test("vectors of another model that is as wide are refused, and of the same one in another precision are not", async () => {
  await writeTinyRun(at("other"), ["owl", "sleeps", "fox", "the", "red"], settings);
  for (const file of ["vectors.jsonl", "vectors.parquet"]) {
    await assert.rejects(search(at("other"), at(file), ["fox"], choice), {
      code: "E_VECTORS",
      message: /another model's: this model makes another one of the first text \(cosine -?0\.\d+\)/,
    });
  }
  const [found] = await search(at("run"), at("vectors.jsonl"), ["the red fox"], {
    backend: "cpu",
    threads: 1,
    precision: "bf16",
    top: 1,
  });
  assert.equal(found![0]!.place, 2);
});

test("what would change nothing, and a query without a word, are refused", async () => {
  const refused = (file: string, queries: string[], options: object, message: RegExp) =>
    assert.rejects(search(at("run"), at(file), queries, { ...choice, ...options }), { code: "E_OPTION", message });
  for (const file of ["vectors.jsonl", "vectors.parquet"]) {
    await refused(file, ["fox"], { textField: "text" }, /^--text-field changes nothing of .*vectors/);
    await refused(file, ["fox"], { truncate: true }, /^--truncate changes nothing/);
    await refused(file, ["fox"], { split: true }, /^--split changes nothing/);
    await refused(file, ["fox"], { skipBroken: true }, /^--skip-broken changes nothing/);
  }
  await refused("texts.txt", ["fox"], { textField: "text" }, /texts\.txt: --text-field, and it is no table/);
  for (const file of ["texts.txt", "vectors.jsonl"]) await refused(file, ["fox", " \t"], {}, /^query 2 is empty/);
});

test("vectors without texts are refused by what they lack", async () => {
  await embedFile(at("run"), at("texts.txt"), { ...choice, out: at("vectors.npy") });
  await assert.rejects(search(at("run"), at("vectors.npy"), ["fox"], choice), {
    code: "E_VECTORS",
    message: /vectors\.npy: an \.npy has vectors without their texts/,
  });
});

test("a line that cannot be filled is said with its number, and the next one is filled", async () => {
  const shown: string[] = [];
  const refused: string[] = [];
  const fill = async (text: string) => {
    if (!text.includes("[MASK]")) throw new UserError("E_NO_MASK", "none", "Write one.");
    return [{ text, masks: [] }];
  };
  const lines = Readable.from(["a [MASK]\n", "\nnone\n", "b [MASK]"]);
  await fillLines(
    lines,
    fill,
    ({ text }) => void shown.push(text),
    ({ code }, line) => void refused.push(`${code} ${line}`),
  );
  assert.deepEqual(shown, ["a [MASK]", "b [MASK]"]);
  assert.deepEqual(refused, ["E_NO_MASK 3"]);
  await assert.rejects(
    fillLines(
      Readable.from(["x"]),
      () => Promise.reject(new TypeError("bug")),
      () => {},
      () => {},
    ),
    TypeError,
  );
});
