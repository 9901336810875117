import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { readCorpus } from "../../../test/corpus-texts.ts";
import { RandomSequence, streams } from "../../base/random.ts";
import { makeEvaluationTexts, occursIn } from "../deduplication/evaluation-texts.ts";
import { listShards } from "../sources/sources.ts";
import type { AssembleOptions } from "./assemble-documents.ts";

const root = mkdtempSync(join(tmpdir(), "cram-deduplicate-"));
after(() => rmSync(root, { recursive: true }));

type Options = Partial<Pick<AssembleOptions, "nearDuplicates" | "repeatedBytes" | "memoryBytes">>;
let corpora = 0;

/** Each text in a file of its own, two files a portion. */
async function deduplicate(texts: readonly string[], options: Options) {
  const folder = join(root, `corpus-${corpora++}`);
  mkdirSync(folder);
  for (const [i, text] of texts.entries()) writeFileSync(join(folder, `${i}.jsonl`), JSON.stringify({ text }));
  const shards = (await listShards([folder])).map(shard => ({ ...shard, bytes: 10 }));
  const { documents, funnel } = await readCorpus(shards, join(folder, "work"), options, 20);
  const left = documents.map(({ text, source }) => ({ text, source: basename(source) }));
  // In = kept + dropped + cut, and kept is what came out.
  const dropped = Object.values(funnel.dropped).reduce((sum, { characters }) => sum + characters, 0);
  assert.equal(funnel.read.characters, funnel.kept.characters + dropped + funnel.cut.characters);
  assert.deepEqual(funnel.kept, {
    documents: left.length,
    characters: left.reduce((sum, { text }) => sum + text.length, 0),
  });
  return { left, funnel };
}

const random = new RandomSequence(5, streams.sampling, 0);
const drawWords = (count: number) => Array.from({ length: count }, () => `wörd${random.below(5000)}`).join(" ");

test("near duplicates go, repeated stretches are cut, a document with nothing new is dropped", async () => {
  const [first, second, shared] = [drawWords(60), drawWords(60), drawWords(20)];
  const near = first.replace("wörd", "other");
  const { left, funnel } = await deduplicate(
    [first, near, `${second} ${shared}`, `${drawWords(5)} ${shared}`, shared, "\ufeffshort"],
    { nearDuplicates: 0.8, repeatedBytes: 100 },
  );
  assert.deepEqual(
    left.map(({ source }) => source),
    ["0.jsonl", "2.jsonl", "3.jsonl", "5.jsonl"],
  );
  assert.equal(left[0]!.text, first);
  assert.ok(!left[2]!.text.includes(shared) && left[2]!.text.length < 60);
  assert.equal(left[3]!.text, "\ufeffshort");
  assert.equal(funnel.dropped["near-duplicate"].documents, 1);
  assert.equal(funnel.dropped.repeated.documents, 1);
  assert.equal(funnel.cut.documents, 1);
  assert.deepEqual(funnel.examples.map(({ reason, source }) => [reason, basename(source)]).sort(), [
    ["cut", "3.jsonl"],
    ["near-duplicate", "1.jsonl"],
    ["repeated", "4.jsonl"],
  ]);
});

test("documents that are equal go, with examples, in a portion or in several, whatever the memory", async () => {
  const [first, second, third] = [drawWords(60), drawWords(60), drawWords(60)];
  for (const memoryBytes of [2 ** 28, 200]) {
    // In one portion, in another, and both.
    const texts = [first, first, second, third, first, second];
    const { left, funnel } = await deduplicate(texts, { memoryBytes });
    assert.deepEqual(
      left.map(({ source }) => source),
      ["0.jsonl", "2.jsonl", "3.jsonl"],
    );
    assert.equal(funnel.dropped.duplicate.documents, 3);
    const shown = funnel.examples.map(({ reason, source, text }) => [reason, basename(source), text]);
    const expected = [first, second].map((text, i) => [
      "duplicate",
      ["1.jsonl", "5.jsonl"][i],
      `${text.slice(0, 300)}…`,
    ]);
    assert.deepEqual(shown.sort(), expected.sort());
  }
  // Of more than are shown, the same ones, wherever the portions begin.
  const texts = Array.from({ length: 12 }, () => drawWords(60));
  const twice = [...texts, ...texts];
  const [across, within] = [twice, twice.toSorted()].map(async texts => (await deduplicate(texts, {})).funnel.examples);
  const listTexts = (examples: readonly { text: string }[]) => examples.map(({ text }) => text);
  assert.equal((await across!).length, 5);
  assert.deepEqual(listTexts(await across!), listTexts(await within!));
});

test("each is off by itself", async () => {
  const text = drawWords(60);
  const texts = [text, text.replace("wörd", "other")];
  assert.equal((await deduplicate(texts, { nearDuplicates: 0.8 })).funnel.cut.documents, 0);
  const cut = await deduplicate(texts, { repeatedBytes: 100 });
  assert.equal(cut.funnel.dropped["near-duplicate"].documents, 0);
  assert.equal(cut.funnel.cut.documents, 1);
  assert.equal((await deduplicate(texts, {})).left.length, 2);
});

test("a document with thirteen words in a row of an evaluation text is contaminated, whatever the case and the signs", () => {
  const words = Array.from({ length: 40 }, (_, i) => `w${i}`);
  const texts = makeEvaluationTexts([
    words.join(" "),
    "seven words are not enough to tell",
    "the eight words of this one count whole",
  ]);
  assert.equal(texts.count, 2);
  assert.ok(occursIn(texts, `before, ${words.slice(10, 23).join("; ").toUpperCase()}! after`));
  assert.ok(!occursIn(texts, `${words.slice(10, 22).join(" ")} and ${words.slice(23).reverse().join(" ")}`));
  assert.ok(occursIn(texts, "It said: the eight words of THIS one count whole."));
  assert.ok(!occursIn(texts, "seven words are not enough to tell"));
  assert.equal(makeEvaluationTexts([words.join(" ")]).hash, makeEvaluationTexts([words.join(" "), "short"]).hash);
});
