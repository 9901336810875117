// A look inside a corpus: the account adds up, samples are of the corpus, and what is asked wrongly is refused.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startWarmProgram } from "../../../test/warm-program.ts";
import { UserError } from "../../base/errors.ts";
import { showExample } from "../../corpus/examples.ts";
import type { Example } from "../../corpus/funnel.ts";
import { SizeCounter } from "../../corpus/histogram.ts";
import { readManifest } from "../../dataset/manifest.ts";
import { readRun } from "../../report/runs/run-record.ts";
import { tabulateData } from "../../report/tables/run-tables.ts";
import { prepare } from "../prepare/prepare.ts";
import { writeCorpusPage } from "./corpus-page.ts";
import { exportCorpus } from "./export-corpus.ts";
import { describeLengths, showCorpus } from "./show-corpus.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-corpus-"));
const program = startWarmProgram(folder);
after(() => {
  program.close();
  rmSync(folder, { recursive: true });
});
const hostile = "<script>alert(1)</script> ";
const texts = [
  ...Array.from(
    { length: 60 },
    (_, i) => `${hostile}the fox number ${i} sleeps in the den of ${i * i} and dreams of geese.`,
  ),
  "the fox number 7 sleeps",
  "",
];
writeFileSync(join(folder, "texts.jsonl"), [...texts, texts[0]!].map(text => `${JSON.stringify({ text })}\n`).join(""));
const data = join(folder, "data");
const prepared = await prepare({
  texts: [join(folder, "texts.jsonl")],
  out: data,
  vocabulary: 80,
  sequenceLength: 16,
  holdOut: 0.1,
  filters: ["length:least=8"],
  threads: 1,
});
const view = await showCorpus(data, { samples: 4 });

test("the funnel goes from what was read to what was kept, stage by stage", () => {
  assert.deepEqual(
    view.funnel.map(({ stage, left }) => [stage, left.documents]),
    [
      ["read", 63],
      ["empty", 62],
      ["duplicate", 61],
      ["short", 60],
      ["kept", 60],
    ],
  );
  const { text } = prepared.manifest;
  assert.equal(view.funnel.at(-1)!.tokens, text!.tokens);
  const characters = texts.slice(0, 60).reduce((sum, { length }) => sum + length, 0);
  assert.equal(view.funnel.at(-1)!.left.characters, characters);
  assert.equal(view.characters.sum, characters);
  assert.equal(view.characters.count, 60);
});

test("samples are of the corpus, dropped ones with their reason, and another seed draws others", async () => {
  assert.equal(view.kept.length, 4);
  assert.ok(view.kept.every(text => texts.includes(text)));
  assert.deepEqual(view.dropped.map(({ reason, text }) => [reason, text]).sort(), [
    ["duplicate", texts[0]],
    ["short", texts[60]],
  ]);
  assert.equal(view.dataset!.sequences.length, 4);
  assert.ok(view.dataset!.sequences.every(text => /fox|number|sleeps|dreams|geese|alert/.test(text)));
  assert.notDeepEqual((await showCorpus(data, { samples: 4, seed: 1 })).kept, view.kept);
});

test("tokens of documents and uses of entries are all of the training part", () => {
  const { training, tokens, uses, sequenceLength, vocabulary } = view.dataset!;
  assert.equal(uses.count, vocabulary);
  assert.equal(uses.sum, training * sequenceLength);
  // Every document that ends there, and its separator.
  assert.ok(uses.sum - tokens.sum - tokens.count < 60 && tokens.count > 40);
});

test("sizes are counted by powers of two", () => {
  const counter = new SizeCounter();
  for (const size of [0, 1, 2, 3, 4, 7, 8, 1024]) counter.add(size);
  const { bins, ...rest } = counter.summarise();
  assert.deepEqual(rest, { count: 8, sum: 1049, least: 0, most: 1024 });
  assert.deepEqual(
    bins.filter(({ count }) => count > 0),
    [
      { from: 0, count: 1 },
      { from: 1, count: 1 },
      { from: 2, count: 2 },
      { from: 4, count: 2 },
      { from: 8, count: 1 },
      { from: 1024, count: 1 },
    ],
  );
  assert.deepEqual(new SizeCounter().summarise(), { count: 0, sum: 0, least: 0, most: 0, bins: [] });
});

test("examples are the same in any order, and bounded", () => {
  const draw = (order: readonly number[]) => {
    const examples: Example[] = [];
    for (const i of order) showExample(examples, "short", "a.txt", `text ${i}`);
    return examples;
  };
  const forth = Array.from({ length: 100 }, (_, i) => i);
  assert.deepEqual(draw(forth), draw(forth.toReversed()));
  assert.equal(draw(forth).length, 5);
});

test("the page shows it all, and text of the corpus is no markup", () => {
  const path = join(folder, "corpus.html");
  writeCorpusPage(view, path);
  const page = readFileSync(path, "utf8");
  assert.ok(!page.includes("<script"));
  assert.ok(page.includes("&lt;script&gt;alert(1)"));
  for (const title of ["What was kept", "Documents by their tokens", "What was taken away", "Sequences"]) {
    assert.ok(page.includes(title), title);
  }
  assert.ok(page.includes("What was kept of the text"));
  // Nothing constant gets a chart.
  const nothing = { documents: 0, characters: 0 };
  const [read] = view.funnel;
  const sizes = { count: 3, sum: 30, least: 9, most: 11, bins: [{ from: 8, count: 3 }] };
  writeCorpusPage({ ...view, funnel: [{ ...read!, taken: nothing }], characters: sizes }, path);
  const flat = readFileSync(path, "utf8");
  assert.ok(page.includes("documents taken") && !flat.includes("documents taken"));
  assert.ok(!flat.includes("What was kept of the text"));
  assert.ok(flat.includes("<p>Documents by their characters: 3 in all, from 9 to 11, 10 on average.</p>"));
});

test("an option of the other action is refused by its name, and so is what has no ids or is no corpus", async () => {
  for (const words of [
    ["show", data, "--out", "x"],
    ["export", data, "--page", "x.html", "--to", "npy", "--out", "x"],
    ["export", data, "--to", "npy"],
  ]) {
    const { status, stderr } = await program.run("corpus", ...words);
    assert.equal(status, 1);
    assert.match(stderr, /^E_OPTION .*(--out|--page)/);
  }
  const refuses = (code: string) => (error: unknown) => error instanceof UserError && error.code === code;
  await assert.rejects(
    exportCorpus(join(data, "documents"), { to: "npy", out: join(folder, "x") }),
    refuses("E_OPTION"),
  );
  await assert.rejects(exportCorpus(data, { to: "npy", out: data }), refuses("E_OUTPUT_OTHER"));
  await assert.rejects(showCorpus(folder), refuses("E_FILE_MISSING"));
});

test("every account of a corpus ends with what lies in its documents, whatever a mixture has of its parts", async () => {
  for (const name of ["one", "two"]) {
    const lines = texts.slice(0, 60).map(text => `${JSON.stringify({ text: `${name} ${text}` })}\n`);
    writeFileSync(join(folder, `${name}.jsonl`), lines.join(""));
  }
  for (const [weight, passes] of [
    [1, 1],
    [3, 1],
    [1, 3],
    [1, 0.5],
  ] as const) {
    const sources = [
      { source: "one.jsonl", weight },
      { source: "two.jsonl", weight: 1, passes },
    ];
    const file = join(folder, `${weight}-${passes}.mix.json`);
    writeFileSync(file, JSON.stringify({ sources }));
    const out = join(folder, `mixed-${weight}-${passes}`);
    const words = ["--out", out, "--vocabulary", "80", "--sequence-length", "16", "--hold-out", "0.1"];
    const { stdout } = await program.run("prepare", file, ...words);
    const lines = readFileSync(join(out, "documents/documents-00000.jsonl"), "utf8").trimEnd().split("\n");
    const written = lines.map(line => (JSON.parse(line) as { text: string }).text);
    const left = { documents: lines.length, characters: written.reduce((sum, { length }) => sum + length, 0) };
    const { funnel } = await showCorpus(out);
    const { stage, left: last, tokens } = funnel.at(-1)!;
    assert.deepEqual([stage, last], ["mixed", left]);
    assert.equal(tokens, readManifest(out).text!.tokens);
    const said = `mixed: ${left.documents} documents, ${left.characters.toLocaleString("en-US")} characters`;
    assert.ok(stdout.includes(said), `${said}\n${stdout}`);
    const run = join(folder, `run-${weight}-${passes}`);
    mkdirSync(run);
    for (const [name, content] of Object.entries({ "recipe.json": {}, "data.json": { data: out } })) {
      writeFileSync(join(run, name), JSON.stringify(content));
    }
    writeFileSync(join(run, "events.jsonl"), "");
    const { rows } = tabulateData([readRun(run, "run", {})]);
    const row = ["run", "mixed", left.documents, left.characters];
    assert.deepEqual(rows.find(cells => cells[1] === "mixed")?.slice(0, 4), row);
  }
});

test("the tokens of a document that is split are said to be those of its stretches", async () => {
  const file = join(folder, "long.txt");
  writeFileSync(file, Array.from({ length: 64 * 16 * 10 }, (_, i) => `w${i % 40}`).join(" "));
  const options = {
    texts: [file],
    out: join(folder, "long"),
    vocabulary: 80,
    sequenceLength: 16,
    holdOut: 0.2,
    threads: 1,
  };
  const { manifest } = await prepare(options);
  const long = await showCorpus(options.out);
  const { dataset, characters } = long;
  assert.equal(characters.count, 1);
  assert.ok(dataset!.tokens.count > 1 && dataset!.tokens.most < manifest.text!.tokens);
  assert.match(describeLengths(dataset!, characters), /one of more than 1,024 is counted in stretches/);
  assert.equal(describeLengths(view.dataset!, view.characters), "tokens of a document, in the training part");
  const page = join(folder, "long.html");
  writeCorpusPage(long, page);
  assert.ok(readFileSync(page, "utf8").includes("is counted in stretches"));
});
