// What prepare says of text that its tokenizer does not know, and the tokenizers that it takes in place of a learned one.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { writeTinyRun } from "../../../test/tiny-run.ts";
import { startWarmProgram } from "../../../test/warm-program.ts";
import { exportRun } from "../export/export-run.ts";
import { prepare } from "./prepare.ts";
import type { PrepareOptions } from "./prepare-options.ts";

const root = mkdtempSync(join(tmpdir(), "cram-prepare-text-"));
const program = startWarmProgram(root);
after(() => {
  program.close();
  rmSync(root, { recursive: true });
});

const text = join(root, "text.jsonl");
const animals = ["fox", "owl", "hen", "cat", "dog", "bee"];
const lines = Array.from({ length: 80 }, (_, i) => `the ${animals[i % 6]} sleeps by the ${animals[i % 5]}, ${i}`);
writeFileSync(text, lines.map(line => JSON.stringify({ text: line })).join("\n"));
const sizes = { texts: [text], sequenceLength: 16, holdOut: 0.2, threads: 1 };
let datasets = 0;
const make = (more: Partial<PrepareOptions>) => prepare({ ...sizes, ...more, out: join(root, `data-${datasets++}`) });

test("the share of tokens that are unknown words is told above 1 %", async () => {
  const rare = join(root, "rare.jsonl");
  const withRare = lines.map((line, i) => (i % 4 === 0 ? `${line} ${"x".repeat(101)}` : line));
  writeFileSync(rare, withRare.map(line => JSON.stringify({ text: line })).join("\n"));
  const { manifest, warnings } = await make({ texts: [rare], vocabulary: 80 });
  assert.equal(manifest.text!.unknownTokens, 20);
  assert.match(warnings.join(), /of the tokens are unknown: words longer than 100 characters/);
  assert.deepEqual((await make({ vocabulary: 80 })).warnings, []);
});

test("a mixture has its shares in the account, and the dataset is made of what was mixed", async () => {
  const mix = join(root, "mix.json");
  writeFileSync(join(root, "other.jsonl"), lines.map(line => JSON.stringify({ text: `so ${line}` })).join("\n"));
  const sources = [
    { source: "text.jsonl", weight: 1, passes: 4 },
    { source: "other.jsonl", weight: 3 },
  ];
  writeFileSync(mix, JSON.stringify({ sources }));
  const { documents } = await make({ texts: [mix], vocabulary: 80 });
  const [first, second] = documents!.funnel.mixture!;
  assert.equal(second!.passes, 1);
  assert.ok(Math.abs(first!.share - 0.25) < 0.01);
  assert.equal(documents!.documents, first!.documents + 80);
  writeFileSync(mix, JSON.stringify({ sources: [sources[0], { ...sources[1], weight: 1 }] }));
  assert.equal((await make({ texts: [mix], vocabulary: 80 })).documents!.funnel.mixture![0]!.share.toFixed(2), "0.50");
});

test("an option out of its range is named as it is given, with one range whichever end it is beyond", async () => {
  const cases: Readonly<Record<string, readonly string[]>> = {
    "--near-duplicates": ["-1", "0", "0.4", "1", "2"],
    "--repeated": ["-1", "0", "19", "20.5", "10001"],
    "--hold-out": ["-1", "0", "0.6", "1"],
    "--memory": ["0", "1MiB"],
  };
  for (const [option, values] of Object.entries(cases)) {
    const advice = new Set<string>();
    for (const value of values) {
      const { status, stderr } = await program.run(
        "prepare",
        text,
        "--out",
        join(root, "beyond"),
        `${option}=${value}`,
      );
      const [first = "", second = ""] = stderr.split("\n");
      assert.equal(status, 1, stderr);
      assert.match(first, new RegExp(`^E_OPTION ${option} -?[\\d.]+: (not|less) `));
      advice.add(second);
    }
    assert.equal(advice.size, 1, [...advice].join("\n"));
  }
  const out = join(root, "data-own");
  await prepare({ ...sizes, vocabulary: 80, out });
  const decided = {
    "--tokenizer-kind": "bpe",
    "--vocabulary": "90",
    "--normaliser": "bert",
    "--pre-tokenizer": "bert",
    "--alphabet-limit": "50",
  };
  for (const [option, value] of Object.entries(decided)) {
    const words = ["prepare", text, "--out", join(root, "beyond"), "--tokenizer", join(out, "tokenizer.json")];
    const { stderr } = await program.run(...words, option, value);
    assert.match(stderr, new RegExp(`^E_OPTION ${option} beside the tokenizer of`));
  }
});

test("a vocabulary that no shard holds is refused before the text is looked for", async () => {
  const refused = prepare({ ...sizes, texts: ["not there"], vocabulary: 2 ** 20 + 1, out: join(root, "refused") });
  await assert.rejects(refused, { code: "E_VOCABULARY_LARGE" });
  assert.equal(existsSync(join(root, "refused")), false);
});

test("a tokenizer is taken from a run, its export, its file, a dataset and a vocab.txt, and gives the same ids", async () => {
  const run = join(root, "run");
  const words = ["the", "sleeps", "by", ",", ...animals, ..."0123456789", ..."0123456789".split("").map(i => `##${i}`)];
  await writeTinyRun(run, [...new Set(words)]);
  const exported = join(root, "exported");
  await exportRun(run, { out: exported, formats: ["huggingface"] });
  const bare = join(root, "bare");
  mkdirSync(bare);
  const { vocab } = (
    JSON.parse(readFileSync(join(run, "tokenizer.json"), "utf8")) as { model: { vocab: Record<string, number> } }
  ).model;
  const tokens = Object.entries(vocab).sort(([, a], [, b]) => a - b);
  writeFileSync(join(bare, "vocab.txt"), tokens.map(([token]) => `${token}\n`).join(""));
  const first = await make({ tokenizer: run });
  const shard = (folder: string) => readFileSync(join(folder, "training-00000.bin")).toString("hex");
  for (const tokenizer of [exported, join(run, "tokenizer.json"), first.folder, bare, join(bare, "vocab.txt")]) {
    const { manifest, folder } = await make({ tokenizer });
    assert.equal(shard(folder), shard(first.folder), tokenizer);
    assert.equal(manifest.vocabulary, first.manifest.vocabulary);
  }
  await assert.rejects(make({ tokenizer: run, vocabulary: 80 }), { code: "E_OPTION" });
  await assert.rejects(make({ tokenizer: join(root, "nowhere") }), { code: "E_FILE_MISSING" });
});

test("a tokenizer that is no WordPiece is refused, and it is said what is taken", async () => {
  const folder = join(root, "bytes");
  mkdirSync(folder);
  const json = { version: "1.0", model: { type: "BPE", vocab: { "<s>": 0, a: 1 }, merges: [] }, added_tokens: [] };
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(json));
  for (const tokenizer of [folder, join(folder, "tokenizer.json")]) {
    await assert.rejects(make({ tokenizer }), { code: "E_TOKENIZER_UNSUPPORTED" });
  }
});

test("a file larger than the limit of bytes is read whole, and it is said; so of a mixture's source", async () => {
  const bytes = readFileSync(text).length;
  const { warnings, documents } = await make({ vocabulary: 80, limitBytes: 100 });
  assert.equal(documents!.funnel.read.documents, lines.length);
  assert.match(
    warnings.join("\n"),
    new RegExp(`^${bytes.toLocaleString("en-US")} bytes are read where 100 were the limit.*text\\.jsonl`),
  );
  assert.deepEqual((await make({ vocabulary: 80, limitBytes: bytes })).warnings, []);
  mkdirSync(join(root, "limited"));
  const mix = join(root, "limited", "mix.json");
  writeFileSync(mix, JSON.stringify({ sources: [{ source: "../text.jsonl", weight: 1, bytes: 200 }] }));
  assert.match((await make({ texts: [mix], vocabulary: 80 })).warnings.join("\n"), /where 200 were the limit/);
});

test("a document of which stretches are held out is named, by one thread and by two; a short one is not split, and it is said", async () => {
  const one = join(root, "one.txt");
  const words = Array.from({ length: 64 * 16 * 12 }, (_, i) => animals[(i * i + (i >> 3)) % 6]!);
  writeFileSync(one, words.join(" "));
  const tokenizer = join((await make({ vocabulary: 80 })).folder, "tokenizer.json");
  for (const more of [{ vocabulary: 80 }, { tokenizer, threads: 2 }]) {
    const { splitDocuments, manifest } = await make({ texts: [one, text], ...more });
    assert.ok(manifest.validation.sequences >= 64);
    assert.equal(splitDocuments, 1);
  }
  assert.equal((await make({ vocabulary: 80 })).splitDocuments, 0);
  const { stdout } = await program.run(
    "prepare",
    one,
    text,
    "--tokenizer",
    tokenizer,
    "--sequence-length",
    "16",
    "--out",
    join(root, "printed"),
    "--hold-out",
    "0.2",
  );
  assert.match(
    stdout,
    /^ {2}held out: stretches of 1 document longer than 1,024 tokens, too, the rest of which is trained on$/m,
  );
  writeFileSync(one, words.slice(0, 200).join(" "));
  await assert.rejects(make({ texts: [one], vocabulary: 80 }), {
    code: "E_TOO_LITTLE_TEXT",
    advice: /stretches of 64 sequences are held out; a shorter one is not split: --document-separator/,
  });
});
