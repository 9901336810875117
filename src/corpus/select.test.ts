import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { readCorpus } from "../../test/corpus-texts.ts";
import { UserError } from "../base/errors.ts";
import { isCompressible } from "./compressibility.ts";
import { SeenTexts } from "./deduplication/equal-texts.ts";
import { type SelectOptions, selectDocuments } from "./select.ts";
import { listShards } from "./sources/sources.ts";

const root = mkdtempSync(join(tmpdir(), "cramming-select-"));
after(() => rmSync(root, { recursive: true }));

let folders = 0;
function makeFolder(files: Readonly<Record<string, string>>): string {
  const folder = join(root, String(folders++));
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

const jsonl = (...texts: readonly string[]) => texts.map(text => `${JSON.stringify({ text })}\n`).join("");

async function select(inputs: readonly string[], options: Partial<SelectOptions> = {}) {
  const work = join(root, `work-${folders++}`);
  const { documents, funnel } = await readCorpus(await listShards(inputs), work, options, 0);
  return { texts: documents.map(({ text }) => text), funnel };
}

test("empty documents and duplicates are dropped, also across files, and counted", async () => {
  const folder = makeFolder({
    "a.jsonl": jsonl("one", "", "two", "one", " \t\n\u00a0"),
    "b.txt": "two",
    "c.jsonl": jsonl("three 😀", "one "),
    "d.txt": "",
  });
  const { texts, funnel } = await select([folder]);
  assert.deepEqual(texts, ["one", "two", "three 😀", "one "]);
  const examples = funnel.examples.map(({ reason, text }) => [reason, text]);
  assert.deepEqual(
    { ...funnel, examples },
    {
      read: { documents: 9, characters: 3 + 0 + 3 + 3 + 4 + 3 + 8 + 4 + 0 },
      kept: { documents: 4, characters: 3 + 3 + 8 + 4 },
      dropped: {
        empty: { documents: 3, characters: 4 },
        duplicate: { documents: 2, characters: 6 },
        short: { documents: 0, characters: 0 },
        long: { documents: 0, characters: 0 },
        "other-language": { documents: 0, characters: 0 },
        "not-prose": { documents: 0, characters: 0 },
        repetitive: { documents: 0, characters: 0 },
        incompressible: { documents: 0, characters: 0 },
        contaminated: { documents: 0, characters: 0 },
        "near-duplicate": { documents: 0, characters: 0 },
        repeated: { documents: 0, characters: 0 },
      },
      cut: { documents: 0, characters: 0 },
      examples: [
        ["duplicate", "two"],
        ["duplicate", "one"],
      ],
      passedOver: [],
    },
  );
});

test("a document says which file and line it came from", async () => {
  const folder = makeFolder({ "a.jsonl": `\n${jsonl("one")}`, "b.txt": "two" });
  const documents = [];
  for await (const document of selectDocuments(await listShards([folder]), { textField: "text" })) {
    documents.push(document);
  }
  assert.deepEqual(documents, [
    { text: "one", source: join(folder, "a.jsonl") },
    { text: "two", source: join(folder, "b.txt") },
  ]);
});

test("binary files in a folder are counted and the rest is read", async () => {
  const folder = makeFolder({ "a.txt": "one", "b.txt": "\u0001\u0000\u0002", "c.txt": "two" });
  const { texts, funnel } = await select([folder]);
  assert.deepEqual(texts, ["one", "two"]);
  assert.deepEqual(funnel.passedOver, [{ reason: "binary files", count: 1, first: [join(folder, "b.txt")] }]);
  assert.equal(funnel.read.documents, 2);
});

test("compressible means fewer tokens than t times the characters, in code points", () => {
  const tokens = (count: number) => () => count;
  assert.equal(isCompressible("0123456789", 0.25, tokens(2)), true); // 2 < 2.5
  assert.equal(isCompressible("0123456789", 0.25, tokens(3)), false); // 3 > 2.5
  assert.equal(isCompressible("01234567", 0.25, tokens(2)), false); // 2 = 2: not fewer
  assert.equal(isCompressible("01234567", 0.25, tokens(1)), true);
  assert.equal(isCompressible("", 0.25, tokens(0)), false); // 0 = 0
  // Four characters of two UTF-16 units each: the limit is 0.5 × 4 = 2, not 0.5 × 8 = 4.
  assert.equal(isCompressible("😀😀😀😀", 0.5, tokens(1)), true);
  assert.equal(isCompressible("😀😀😀😀", 0.5, tokens(2)), false);
  // An accent of its own counts, as it does in Python's len: 0.5 × 2 = 1.
  assert.equal(isCompressible("e\u0301", 0.5, tokens(1)), false);
});

test("the filter drops what the tokenizer does not compress", async () => {
  const folder = makeFolder({ "a.jsonl": jsonl("one two three", "a b c d", "a b c d", "longer words here") });
  const countTokens = (text: string) => text.split(" ").length;
  const { texts, funnel } = await select([folder], { compressibility: { maxTokensPerCharacter: 0.25, countTokens } });
  assert.deepEqual(texts, ["one two three", "longer words here"]); // 3 < 3.25, 4 > 1.75, 3 < 4.25
  assert.deepEqual(funnel.dropped.incompressible, { documents: 1, characters: 7 });
  assert.deepEqual(funnel.dropped.duplicate, { documents: 1, characters: 7 });
});

test("what is read is what is kept and dropped", async () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", " ", "😀", "\n"), maxLength: 4 });
  const files = fc.array(fc.array(text, { maxLength: 12 }), { minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(files, fc.boolean(), async (corpus, filter) => {
      const folder = makeFolder(Object.fromEntries(corpus.map((texts, i) => [`${i}.jsonl`, jsonl(...texts)])));
      const countTokens = (text: string) => text.split("a").length;
      const compressibility = { maxTokensPerCharacter: 0.75, countTokens };
      const { texts, funnel } = await select([folder], filter ? { compressibility } : {});
      const all = corpus.flat();
      const { empty, duplicate, incompressible } = funnel.dropped;
      for (const unit of ["documents", "characters"] as const) {
        const out = [funnel.kept, empty, duplicate, incompressible].reduce((sum, amount) => sum + amount[unit], 0);
        assert.equal(out, funnel.read[unit]);
      }
      assert.equal(funnel.read.documents, all.length);
      assert.equal(funnel.read.characters, all.join("").length);
      assert.equal(funnel.kept.documents, texts.length);
      assert.equal(funnel.kept.characters, texts.join("").length);
      // The same by sets: every text that is not blank, once, in order of its first appearance.
      const distinct = [...new Set(all)].filter(text => text.trim() !== "");
      const expected = distinct.filter(text => !filter || countTokens(text) < 0.75 * [...text].length);
      assert.deepEqual(texts, expected);
    }),
    { numRuns: 50 },
  );
});

test("an error of a file passes through", async () => {
  const folder = makeFolder({ "a.jsonl": jsonl("one"), "b.jsonl": "{" });
  await assert.rejects(select([folder]), error => error instanceof UserError && error.code === "E_JSON_LINE");
});

test("texts are told apart beyond the first size of the table", () => {
  // Seven of these fall behind the table's last slot, at one of its sizes, and go round to the first.
  const seen = new SeenTexts();
  for (let i = 0; i < 100_000; i++) assert.ok(seen.take(`page ${i}`));
  for (let i = 0; i < 100_000; i++) assert.equal(seen.take(`page ${i}`), undefined);
});
