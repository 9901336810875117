import assert from "node:assert/strict";
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { buildDataset } from "../../test/build-dataset.ts";
import { useOwnCache } from "../../test/own-cache.ts";
import { UserError } from "../base/errors.ts";
import { KeptHashes } from "../base/files/kept-hashes.ts";
import { defineLearnedTokenizer } from "../tokenizer/define.ts";
import { encodeText } from "../tokenizer/encoding/encode.ts";
import { encodeDocuments } from "../tokenizer/encoding/encode-threads.ts";
import { startTextLoss } from "../tokenizer/normalising/lost-text.ts";
import { normalisers } from "../tokenizer/normalising/normaliser.ts";
import { specialTokens } from "../tokenizer/tokenizer.ts";
import { writeTokenizer } from "../tokenizer/tokenizer-json.ts";
import { Dataset } from "./dataset.ts";
import { readManifest } from "./manifest.ts";
import { plainMask } from "./mask-units.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-dataset-"));
after(() => rmSync(folder, { recursive: true }));
const cache = useOwnCache();

const words = ["the", "cat", "sat", "on", "a", "mat", "and", "dog", "ran", "far"];
const tokenizer = defineLearnedTokenizer([...specialTokens, ...words], normalisers.bert, "bert");
const documents = Array.from({ length: 200 }, (_, i) =>
  Array.from({ length: 5 + (i % 7) }, (_, j) => words[(3 * i + j * j) % words.length]).join(" "),
);
const options = {
  sequenceLength: 16,
  holdOut: 0.1,
  seed: 1,
  documentsHash: "documents",
  loss: startTextLoss(),
  originHash: "origin",
};
const hasCode = (code: string) => (error: unknown) => error instanceof UserError && error.code === code;

async function build(name: string, texts: readonly string[] = documents, overrides = {}): Promise<string> {
  const path = join(folder, name);
  await buildDataset(path, encodeDocuments(tokenizer, texts, 1), tokenizer, { ...options, ...overrides });
  return path;
}

/** Unmasks a batch of the dataset: the tokens as they stand in the shards. */
function unmask({ tokens, positions, labels }: ReturnType<Dataset["readTraining"]>): number[] {
  const original = [...tokens];
  positions.forEach((place, i) => {
    original[place] = labels[i]!;
  });
  return original;
}

test("an epoch reads every sequence once; how positions are grouped into batches changes nothing", async () => {
  const dataset = new Dataset(await build("epoch"));
  const { sequences } = dataset.manifest.training;
  const epoch = (first: number) =>
    Array.from({ length: sequences }, (_, i) => unmask(dataset.readTraining(first + i, 1, 4, 7)).join(" "));
  const first = epoch(0);
  const second = epoch(sequences);
  assert.deepEqual([...first].sort(), [...second].sort());
  assert.notDeepEqual(first, second);
  const together = dataset.readTraining(sequences - 2, 4, 4, 7);
  const apart = [0, 1, 2, 3].map(i => dataset.readTraining(sequences - 2 + i, 1, 4, 7));
  assert.deepEqual(
    [...together.tokens],
    apart.flatMap(batch => [...batch.tokens]),
  );
  assert.deepEqual(
    [...together.positions],
    apart.flatMap((batch, i) => [...batch.positions].map(place => place + 16 * i)),
  );
  // The shards hold the documents: the multiset of tokens is that of the texts, less what was held out or left over.
  const counts = (ids: Iterable<number>) => {
    const times = new Map<number, number>();
    for (const id of ids) times.set(id, (times.get(id) ?? 0) + 1);
    return times;
  };
  const all = counts(documents.flatMap(text => [...encodeText(tokenizer, text), tokenizer.specials.separator]));
  for (const [id, times] of counts(first.flatMap(row => row.split(" ").map(Number)))) {
    assert.ok(times <= all.get(id)!);
  }
  dataset.close();
});

test("an order is that of the sequences that stand in the shards", async () => {
  const dataset = new Dataset(await build("ordered"));
  const { sequences } = dataset.manifest.training;
  const read = () => Array.from({ length: sequences }, (_, i) => unmask(dataset.readTraining(i, 1, 4, 7)));
  const uniform = read().map(row => row.join(" "));
  const { separator } = dataset.tokenizer.specials;
  dataset.arrange({ name: "documents-first", buckets: 0, uniformShare: 0, laterEpochs: "uniform" });
  const ordered = read();
  const ends = ordered.map(row => row.filter(token => token === separator).length);
  assert.deepEqual(
    ends,
    [...ends].sort((a, b) => b - a),
  );
  assert.ok(ends[0]! > ends.at(-1)!);
  assert.deepEqual(ordered.map(row => row.join(" ")).sort(), uniform.sort());
  dataset.close();
});

test("a share of the sequences that training reads, and of no others, has passages, however they are grouped", async () => {
  const dataset = new Dataset(await build("echoed"));
  const count = 8 * dataset.manifest.training.sequences;
  const read = (shares: { readonly echo?: number; readonly passages?: number }) => {
    const mask = { settings: plainMask, ...shares };
    return Array.from({ length: count }, (_, i) => unmask(dataset.readTraining(i, 1, 4, 7, mask)).join(" "));
  };
  const plain = read({});
  for (const name of ["echo", "passages"] as const) {
    // A passage alone that is as long as its sequence leaves it as it was, and sequences are short here.
    const all = read({ [name]: 1 });
    const changed = all.flatMap((row, i) => (row === plain[i] ? [] : [i]));
    assert.ok(changed.length > (name === "echo" ? 0.6 : 0.1) * count, `${name}: ${changed.length} of ${count}`);
    const half = read({ [name]: 0.5 });
    assert.ok(half.every((row, i) => row === plain[i] || row === all[i]));
    const share = changed.filter(i => half[i] === all[i]).length / changed.length;
    assert.ok(Math.abs(share - 0.5) < 4 * Math.sqrt(0.25 / changed.length), `${name}: ${share} of ${changed.length}`);
    assert.deepEqual(half, read({ [name]: 0.5 }));
    const together = dataset.readTraining(3, 4, 4, 7, { settings: plainMask, [name]: 0.5 });
    assert.deepEqual(unmask(together).join(" "), half.slice(3, 7).join(" "));
  }
  dataset.close();
});

test("passages are cut of what echoes leave, and echoes are those that stand without them", async () => {
  const dataset = new Dataset(await build("echoed and cut"));
  const count = 4 * dataset.manifest.training.sequences;
  const read = (echo?: number, passages?: number) => {
    const mask = { settings: plainMask, echo, passages };
    return Array.from({ length: count }, (_, i) => unmask(dataset.readTraining(i, 1, 4, 7, mask)).join(" "));
  };
  const [plain, echoed, both, all] = [read(), read(0.5), read(0.5, 0.5), read(0.5, 1)];
  const left = plain.flatMap((row, i) => (echoed[i] === row ? [i] : []));
  assert.ok(plain.every((_, i) => left.includes(i) || both[i] === echoed[i]));
  const cut = left.filter(i => all[i] !== plain[i]);
  const share = cut.filter(i => both[i] !== plain[i]).length / cut.length;
  assert.ok(Math.abs(share - 0.5) < 4 * Math.sqrt(0.25 / cut.length), `${share} of ${cut.length}`);
  dataset.close();
});

test("held-out batches are the same for every run, and start over when they are used up", async () => {
  const dataset = new Dataset(await build("held-out"));
  const { sequences } = dataset.manifest.validation;
  assert.deepEqual(dataset.readValidation(0, 3, 4), dataset.readValidation(sequences, 3, 4));
  assert.notDeepEqual(dataset.readValidation(0, 1, 4), dataset.readValidation(1, 1, 4));
  dataset.close();
});

test("the unigram entropy is that of the held-out tokens, in closed form", async () => {
  // Two words and the separator, equally often: ln 3.
  const path = await build("entropy", Array<string>(320).fill("cat dog"), { sequenceLength: 3 });
  const dataset = new Dataset(path);
  assert.ok(Math.abs(dataset.measureUnigramEntropy(dataset.manifest.validation.sequences) - Math.log(3)) < 1e-12);
  dataset.close();
});

test("encoding threads do not change the dataset", async () => {
  const hashes = [];
  for (const threads of [1, 3]) {
    const dataset = new Dataset(await build(`threads-${threads}`, documents, { threads }));
    hashes.push(dataset.manifest.hash);
    dataset.close();
  }
  assert.equal(hashes[0], hashes[1]);
});

test("a shard cut short, replaced, changed or missing is named", async () => {
  const damage: readonly [string, string, (shard: string) => void][] = [
    ["cut", "E_SHARD_CUT", shard => truncateSync(shard, 100)],
    ["magic", "E_SHARD_MAGIC", shard => writeFileSync(shard, Buffer.alloc(readFileSync(shard).length, "PK"))],
    ["missing", "E_SHARD_MISSING", shard => rmSync(shard)],
  ];
  for (const [name, code, spoil] of damage) {
    const path = await build(name);
    spoil(join(path, "training-00000.bin"));
    assert.throws(
      () => new Dataset(path),
      error => hasCode(code)(error) && (error as Error).message.includes("training-00000.bin"),
    );
  }
  const path = await build("changed");
  const shard = join(path, "validation-00000.bin");
  const bytes = readFileSync(shard);
  bytes[40]! ^= 1;
  writeFileSync(shard, bytes);
  const dataset = new Dataset(path);
  assert.throws(() => dataset.verify(), hasCode("E_SHARD_CHANGED"));
  assert.throws(() => dataset.verifyChanged(), hasCode("E_SHARD_CHANGED"));
  dataset.close();
});

test("shards that are as they were when they were read are read again only on demand", async () => {
  const path = await build("kept");
  const { name, sha256 } = new Dataset(path).manifest.training.files[0]!;
  const shard = join(path, name);
  const bytes = readFileSync(shard);
  bytes[40]! ^= 1;
  writeFileSync(shard, bytes);
  // Times of a minute ago, and a hash that reading would not give.
  const written = Date.now() / 1000 - 60;
  utimesSync(shard, written, written);
  const kept = new KeptHashes(path);
  kept.keep(name, sha256);
  kept.save();
  const dataset = new Dataset(path);
  dataset.verifyChanged();
  assert.throws(() => dataset.verify(), hasCode("E_SHARD_CHANGED"));
  dataset.close();
});

test("a kept hash that is damaged condemns no shard", async () => {
  const path = await build("kept-damaged");
  const { training, validation } = new Dataset(path).manifest;
  const written = Date.now() / 1000 - 60;
  for (const { name, sha256 } of training.files) {
    utimesSync(join(path, name), written, written);
    const kept = new KeptHashes(path);
    kept.keep(name, `${sha256[0] === "0" ? "1" : "0"}${sha256.slice(1)}`);
    kept.save();
  }
  const dataset = new Dataset(path);
  const told: string[] = [];
  dataset.verifyChanged((done, total) => told.push(`${done}/${total}`));
  const count = training.files.length + validation.files.length;
  assert.deepEqual(
    told,
    Array.from({ length: count }, (_, i) => `${i + 1}/${count}`),
  );
  const [first] = training.files;
  assert.equal(new KeptHashes(path).hash(first!.name), first!.sha256);
  dataset.close();
});

test("tokens of a compared dataset are counted once, and again where what is kept was changed", async () => {
  const path = await build("counted");
  const { hash, training } = readManifest(path);
  const shard = join(path, training.files[0]!.name);
  // Ids of two bytes behind a header of 32, as docs/FORMATS.md says.
  const bytes = readFileSync(shard);
  const expected = new Array<number>(tokenizer.vocabulary.length).fill(0);
  for (let at = 32; at < bytes.length; at += 2) expected[bytes.readUInt16LE(at)]! += 1;
  const count = (compares: boolean, whileOpen = () => {}) => {
    const dataset = new Dataset(path);
    try {
      if (compares) dataset.verify();
      whileOpen();
      return [...dataset.countTokens()];
    } finally {
      dataset.close();
    }
  };
  const cut = () => truncateSync(shard, bytes.length - 2);
  assert.deepEqual(count(false), expected);
  // Not compared, nothing was kept.
  assert.throws(() => count(true, cut), hasCode("E_SHARD_CUT"));
  writeFileSync(shard, bytes);
  assert.deepEqual(count(true), expected);
  assert.deepEqual(count(true, cut), expected);
  assert.throws(() => count(false), hasCode("E_SHARD_CUT"));
  writeFileSync(shard, bytes);
  const keptPath = join(cache, "counts", `${hash}.f64`);
  const keptBytes = readFileSync(keptPath);
  for (const damaged of [keptBytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte)), keptBytes.subarray(0, 50)]) {
    writeFileSync(keptPath, damaged);
    assert.throws(() => count(true, cut), hasCode("E_SHARD_CUT"));
    writeFileSync(shard, bytes);
    assert.deepEqual(count(true), expected);
    assert.ok(readFileSync(keptPath).equals(keptBytes));
  }
});

test("another tokenizer beside the shards is refused", async () => {
  const path = await build("tokenizer");
  const other = defineLearnedTokenizer([...specialTokens, ...[...words].reverse()], normalisers.bert, "bert");
  writeTokenizer(join(path, "tokenizer.json"), other);
  assert.throws(() => new Dataset(path), hasCode("E_TOKENIZER_OTHER"));
});

test("a manifest that is none, and a dataset that was never finished", async () => {
  const path = await build("manifest");
  copyFileSync(join(path, "tokenizer.json"), join(path, "manifest.json"));
  assert.throws(() => new Dataset(path), hasCode("E_DATASET_MANIFEST"));
  rmSync(join(path, "manifest.json"));
  assert.throws(() => new Dataset(path), hasCode("E_FILE_MISSING"));
});

test("a manifest of another vocabulary than its tokenizer's is refused", async () => {
  const path = await build("other-vocabulary");
  const file = join(path, "manifest.json");
  const manifest = JSON.parse(readFileSync(file, "utf8")) as { vocabulary: number };
  for (const vocabulary of [0, manifest.vocabulary - 1, manifest.vocabulary + 1]) {
    writeFileSync(file, JSON.stringify({ ...manifest, vocabulary }));
    assert.throws(() => new Dataset(path), hasCode("E_DATASET_MANIFEST"));
  }
});

const ofSequences = (count: number) =>
  Array.from({ length: count * options.sequenceLength }, (_, i) => words[i % words.length]).join(" ");

test("too little text is refused with what there is", async () => {
  await assert.rejects(build("little", ["the cat"]), hasCode("E_TOO_LITTLE_TEXT"));
  const long = Array.from({ length: 12 }, (_, i) => `${words[i % 10]} ${words.join(" ")}`);
  for (const [texts, advice] of [
    [[], /No document was kept/],
    [["the cat"], /Add more text, or use a shorter/],
    [[long.join(" ")], /one document.*--document-separator/],
    [long, /--hold-out 0\.25/],
    // A second stretch that fills no sequence.
    [[ofSequences(64.5)], /one document.*not split/],
  ] as const) {
    await assert.rejects(build("little", texts, { holdOut: 0.001, seed: 2 }), { advice });
  }
  // What is advised does.
  for (const texts of [[ofSequences(228)], [ofSequences(66)], [ofSequences(40), ofSequences(50)]]) {
    await assert.rejects(build("little", texts, { holdOut: 0.01 }), {
      advice: /^Hold out more, with --hold-out 0\.5,/,
    });
    await build("advised", texts, { holdOut: 0.5 });
  }
  await assert.rejects(build("little", [ofSequences(40), "the"], { holdOut: 0.5 }), { advice: /^Add more text/ });
  await build("enough", long, { holdOut: 0.25 });
});

test("a failure in the documents leaves no dataset and no half-written shard", async () => {
  const path = await build("failing");
  const failing = (function* () {
    yield* documents;
    throw new Error("the disk went away");
  })();
  await assert.rejects(buildDataset(path, encodeDocuments(tokenizer, failing, 1), tokenizer, options), /went away/);
  assert.deepEqual(
    readdirSync(path).filter(name => name !== "tokenizer.json"),
    [],
  );
});

test("a vocabulary of 2^17 has shards of uint32, whole from the text to a batch", async () => {
  const size = 2 ** 17;
  const many = [...specialTokens, ...Array.from({ length: size - specialTokens.length }, (_, i) => `w${i}`)];
  const large = defineLearnedTokenizer(many, normalisers.bert, "bert", { kind: "wordlevel" });
  // One document with every word: its ids follow each other.
  const text = many.slice(specialTokens.length).join(" ");
  const path = join(folder, "large");
  const parts = { ...options, sequenceLength: 64, holdOut: 0.5 };
  const manifest = await buildDataset(path, encodeDocuments(large, [text], 1), large, parts);
  assert.equal(manifest.training.files[0]!.bytes, 32 + manifest.training.sequences * 64 * 4);
  const dataset = new Dataset(path);
  try {
    dataset.verify();
    const seen = new Set<number>();
    dataset.visit("training", tokens => {
      for (const token of tokens) seen.add(token);
    });
    dataset.visit("validation", tokens => {
      for (const token of tokens) seen.add(token);
    });
    assert.ok(seen.has(size - 500) && seen.size > size - 200, String(seen.size));
    const { sequences } = manifest.training;
    for (let first = 0; first < 20; first++) {
      const row = unmask(dataset.readTraining(first, 1, 16, 7));
      // Words follow each other but for a separator, where the other part goes on.
      const breaks = row.filter((token, i) => i > 0 && token !== row[i - 1]! + 1 && token !== 5 && row[i - 1] !== 5);
      assert.deepEqual(breaks, []);
    }
    const drawn = dataset.readTraining(0, Math.min(sequences, 400), 64, 7).tokens;
    assert.ok(drawn.some(token => token > 65_536) && drawn.every(token => token >= 0 && token < size));
  } finally {
    dataset.close();
  }
});
