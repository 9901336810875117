import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../../base/errors.ts";
import { startFunnel } from "../funnel.ts";
import type { Document } from "../sources/formats/document-readers.ts";
import { readShard } from "../sources/read-shard.ts";
import { identifyShards, listShards } from "../sources/sources.ts";
import { mixCorpus } from "./mix-corpus.ts";
import { type MixturePart, mixDocuments, planMixture } from "./mix-documents.ts";

const root = mkdtempSync(join(tmpdir(), "cramming-mixture-"));
after(() => rmSync(root, { recursive: true }));

const partOf = (source: string, weight: number, mostPasses: number, lengths: readonly number[]) => ({
  texts: lengths.map((length, i) => `${source}${i}`.padEnd(length, ".")),
  part: {
    ...{ source, weight, mostPasses, documents: lengths.length },
    characters: lengths.reduce((sum, length) => sum + length, 0),
  } satisfies MixturePart,
});

async function mix(parts: readonly ReturnType<typeof partOf>[], seed = 1) {
  const mixed = mixDocuments(
    parts.map(({ part }) => part),
    async function* (part) {
      for (const text of parts[part]!.texts) yield { text };
    },
    seed,
  );
  const texts: string[] = [];
  for (;;) {
    const { value, done } = await mixed.next();
    if (done === true) return { texts, shares: value };
    texts.push(value.text);
  }
}

test("a mixture is as large as its weights and its parts allow", () => {
  // By hand: the second gives out first, at 2 × 300 / 1; the third would give 4 × 900.
  const parts = [partOf("a", 3, 1, [5000]), partOf("b", 1, 2, [300]), partOf("c", 0.5, 4, [900])].map(
    ({ part }) => part,
  );
  assert.deepEqual(planMixture(parts), [1800, 600, 300]);
});

test("shares are exact to within a document, passes are told, and parts stand side by side", async () => {
  const long = partOf(
    "long",
    1,
    1,
    Array.from({ length: 100 }, (_, i) => 50 + (i % 7)),
  );
  const short = partOf(
    "short",
    3,
    2,
    Array.from({ length: 400 }, () => 10),
  );
  const { texts, shares } = await mix([long, short]);
  const [first, second] = shares as [(typeof shares)[0], (typeof shares)[0]];
  // The short part is read twice, 8000 characters; the long one gives a third of that.
  assert.equal(second.characters, 8000);
  assert.equal(second.passes, 2);
  assert.ok(Math.abs(first.characters - 8000 / 3) <= 56, `${first.characters}`);
  assert.ok(Math.abs(first.share - 0.25) < 56 / 10_000);
  assert.equal(first.documents + second.documents, texts.length);
  assert.deepEqual(
    texts.filter(text => text.startsWith("short")),
    [...short.texts, ...short.texts],
  );
  const chosen = texts.filter(text => text.startsWith("long"));
  assert.equal(new Set(chosen).size, chosen.length, "no document twice in one pass");
  assert.ok(
    chosen.some(text => long.texts.indexOf(text) > 80),
    "drawn from all of it",
  );
  // At any place what was given is in proportion, to within the longest document.
  const seen = { long: 0, short: 0 };
  for (const text of texts.slice(0, -5)) {
    seen[text.startsWith("long") ? "long" : "short"] += text.length;
    assert.ok(Math.abs(seen.long - seen.short / 3) <= 60);
  }
});

test("which documents of a part are taken depends on the seed and on nothing else", async () => {
  const parts = [partOf("a", 1, 1, Array(200).fill(10)), partOf("b", 1, 1, Array(20).fill(10))];
  const [first, again, other] = [await mix(parts, 1), await mix(parts, 1), await mix(parts, 2)];
  assert.deepEqual(first, again);
  assert.notDeepEqual(first.texts, other.texts);
  // Each is as likely: 400 seeds, 20 of 200 each, so that one is taken 40 times, with a standard deviation of 6.
  const counts = new Map<string, number>();
  for (let seed = 0; seed < 400; seed++) {
    for (const text of (await mix(parts, seed)).texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  for (const text of parts[0]!.texts) assert.ok(Math.abs((counts.get(text) ?? 0) - 40) < 6 * 6, text);
});

function write(name: string, content: string): string {
  mkdirSync(join(root, name, ".."), { recursive: true });
  writeFileSync(join(root, name), content);
  return join(root, name);
}
const fails =
  (code: string, ...seen: string[]) =>
  (error: unknown) =>
    error instanceof UserError && error.code === code && seen.every(part => error.message.includes(part));

test("a mix.json names sources from where it lies, and chooses rows by a field", async () => {
  const row = (text: string, set: string) => `${JSON.stringify({ content: text, meta: { set } })}\n`;
  write("corpus/rows.jsonl", row("one", "Books") + row("no", "Code") + row("two", "Books"));
  write("corpus/books/a.txt", "threes");
  const sources = [
    { source: "corpus/books", weight: 1 },
    { source: "corpus/rows.jsonl", weight: 2, passes: 3, textField: "content", where: { "meta.set": ["Books"] } },
  ];
  const path = write("mix.json", JSON.stringify({ sources }));
  const shards = await listShards([path]);
  const funnel = startFunnel();
  const read = async function* (): AsyncGenerator<Document> {
    for (const shard of shards) {
      for await (const { documents } of readShard(shard, { textField: "text" }, funnel)) yield* documents;
    }
  };
  const workFolder = join(root, "work");
  const texts: string[] = [];
  for await (const { text } of mixCorpus(read(), { shards, workFolder, seed: 0 }, funnel)) texts.push(text);
  assert.deepEqual(texts, ["threes", "one", "two", "one", "two"]);
  assert.deepEqual(
    funnel.mixture!.map(({ source, documents, passes }) => [source, documents, passes]),
    [
      ["corpus/books", 1, 1],
      ["corpus/rows.jsonl", 4, 2],
    ],
  );
  assert.deepEqual(
    funnel.passedOver.map(({ count, first }) => [count, first]),
    [[1, [`${shards[1]!.path}:2`]]],
  );
  assert.ok(!existsSync(workFolder));
  // Another weight is another corpus.
  const other = shards.map(shard => ({
    ...shard,
    choice: { ...shard.choice!, part: { ...shard.choice!.part!, weight: 9 } },
  }));
  assert.notDeepEqual(
    identifyShards(shards, {}).map(({ hash }) => hash),
    identifyShards(other, {}).map(({ hash }) => hash),
  );
});

test("successive documents of a source are joined, and a limit of bytes leaves files out that are told", async () => {
  const rows = Array.from({ length: 7 }, (_, i) => `${JSON.stringify({ text: `s${i}. ` })}\n`).join("");
  for (const name of ["a", "b", "c"]) write(`joined/${name}.jsonl`, rows);
  const path = write(
    "joined-mix.json",
    JSON.stringify({ sources: [{ source: "joined", weight: 1, join: 3, bytes: rows.length + 1 }] }),
  );
  const left: string[] = [];
  const shards = await listShards([path], { passOver: (reason, at) => void left.push(`${basename(at)} ${reason}`) });
  assert.deepEqual(left, ["c.jsonl beyond the limit of bytes"]);
  const read = async (from: number) => {
    const texts: string[] = [];
    const options = { textField: "text", removeWhitespace: true };
    for await (const { documents } of readShard(shards[1]!, options, startFunnel(), from)) {
      texts.push(...documents.map(({ text }) => text));
    }
    return texts;
  };
  assert.deepEqual(await read(0), ["s0.s1.s2.", "s3.s4.s5.", "s6."]);
  assert.deepEqual(await read(2), ["s6."]);
});

test("a mixture under a name of no mixture is told to be one, and how it is to be called", async () => {
  const mixture = { sources: [{ source: "a.jsonl", weight: 2 }] };
  const forms = [JSON.stringify(mixture), JSON.stringify(mixture, undefined, 2), JSON.stringify([mixture])];
  for (const name of ["m1.json", "remix.json", "mixture.json"]) {
    for (const form of forms) {
      const path = write(`misnamed/${name}`, form);
      const [shard] = await listShards([path]);
      await assert.rejects(readShard(shard!, { textField: "text" }, startFunnel()).next(), {
        code: "E_TEXT_FIELD",
        message: /m1|remix|mixture/,
        advice: /call it mix\.json/,
      });
    }
  }
});

test("a mixture that is none is refused", async () => {
  const text = write("refused/a.txt", "a");
  write("refused/b.txt", "b");
  const file = (value: unknown) => write("refused/mix.json", JSON.stringify(value));
  const entry = (source: string, more = {}) => ({ source, weight: 1, ...more });
  const list = (...sources: unknown[]) => listShards([file({ sources })]);
  await assert.rejects(list(), fails("E_MIX", "mix.json"));
  await assert.rejects(list(entry("a.txt"), entry("b.txt", { weight: 0 })), fails("E_MIX", "sources.1.weight"));
  await assert.rejects(list(entry("a.txt"), entry("b.txt", { wieght: 2 })), fails("E_MIX", "wieght"));
  await assert.rejects(list(entry("a.txt"), entry("*.txt")), fails("E_MIX", "a.txt in two"));
  const whole = file({ sources: [entry("a.txt"), entry("b.txt")] });
  await assert.rejects(listShards([whole, text]), fails("E_MIX", "beside other"));
  const [shard] = await listShards([file({ sources: [entry("a.txt", { where: { x: ["1"] } }), entry("b.txt")] })]);
  await assert.rejects(
    readShard(shard!, { textField: "text" }, startFunnel()).next(),
    fails("E_MIX", "a.txt", "no fields"),
  );
});
