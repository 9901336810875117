// A set that was tokenized already, of a hub on this machine and of a folder: the ids that Hugging Face's tokenizer gave, as they are.

import assert from "node:assert/strict";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { int32, list, tableFromArrays, tableToIPC } from "@uwdata/flechette";
import { openSequenceRows } from "../../src/corpus/parquet-writer.ts";
import { readManifest } from "../../src/dataset/manifest.ts";
import { readTokenizer } from "../../src/tokenizer/read-tokenizer.ts";
import { mergeMachines, planPrepare, prepare, prepareOnMachine } from "../../src/verbs/prepare/prepare.ts";
import type { PrepareOptions } from "../../src/verbs/prepare/prepare-options.ts";
import type { StageProgress } from "../../src/verbs/prepare/stages/progress.ts";
import { snapshotFolder } from "../snapshot-folder.ts";
import { serveDatasets } from "./dataset-hub.ts";

const golden = JSON.parse(
  readFileSync(new URL("../../../test/golden/expected/ready-made.json", import.meta.url), "utf8"),
) as { tokenizer: object; shards: string[]; rows: number[][]; separator: number };
const files = {
  "tokenizer/tokenizer.json": JSON.stringify(golden.tokenizer),
  "data/train-00000-of-00002.parquet": Buffer.from(golden.shards[0]!, "base64"),
  "data/train-00001-of-00002.parquet": Buffer.from(golden.shards[1]!, "base64"),
};
const root = mkdtempSync(join(tmpdir(), "cramming-ready-"));
/** The same set, whose mask only tokenizer_config.json knows. */
const renamed = {
  ...files,
  "tokenizer/tokenizer.json": files["tokenizer/tokenizer.json"].replaceAll('"<mask>"', '"<hide>"'),
  "tokenizer/tokenizer_config.json": JSON.stringify({ mask_token: "<hide>" }),
};
const hub = await serveDatasets({ "JonasGeiping/small": files, "JonasGeiping/renamed": renamed });
const outside = { ...process.env };
Object.assign(process.env, { HF_ENDPOINT: hub.endpoint, CRAM_CACHE: join(root, "cache") });
after(() => {
  hub.close();
  for (const name of ["HF_ENDPOINT", "CRAM_CACHE"]) {
    if (outside[name] === undefined) delete process.env[name];
    else process.env[name] = outside[name];
  }
  rmSync(root, { recursive: true });
});

const folder = join(root, "small");
const writeAll = (folder: string, content: Readonly<Record<string, string | Uint8Array>>) => {
  for (const [path, bytes] of Object.entries(content)) {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
};
writeAll(folder, files);

/** The sequences of a part, out of the files themselves: 32 bytes, then uint16. */
function readRows(data: string, part: string): number[][] {
  const files = readdirSync(data).filter(name => name.startsWith(part) && name.endsWith(".bin"));
  return files.sort().flatMap(name => {
    const bytes = readFileSync(join(data, name)).subarray(32);
    const ids = Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readUInt16LE(2 * i));
    return Array.from({ length: ids.length / 16 }, (_, i) => ids.slice(16 * i, 16 * i + 16));
  });
}

test("its ids, its tokenizer and its order stay, and one sequence of each block is held out", async () => {
  const made: string[] = [];
  for (const [i, source] of ["hf:JonasGeiping/small", folder].entries()) {
    const out = join(root, `data-${i}`);
    const { manifest, isReadyMade } = await prepare({ texts: [source], out, holdOut: 0.1, seed: 3 });
    assert.equal(isReadyMade, true);
    assert.equal(readTokenizer(join(out, "tokenizer.json")).specials.separator, golden.separator);
    const [training, validation] = [readRows(out, "training"), readRows(out, "validation")];
    const heldOut = new Set(validation.map(row => row.join()));
    assert.deepEqual([...training, ...validation].sort(), golden.rows.toSorted());
    assert.deepEqual(
      training,
      golden.rows.filter(row => !heldOut.has(row.join())),
    );
    const blocks = golden.rows.length / 10;
    assert.ok(validation.length >= Math.floor(blocks) && validation.length <= Math.ceil(blocks));
    assert.ok(!existsSync(join(out, "documents")));
    assert.deepEqual(readManifest(out), manifest);
    const again = await prepare({ texts: [source], out, holdOut: 0.1, seed: 3 });
    assert.deepEqual([again.isReadyMade, again.manifest], [undefined, manifest]);
    made.push(manifest.hash);
  }
  assert.equal(made[0], made[1]);
});

test("a set is seen as one in every layout and format, whichever part of it is named, and without a tokenizer is told as one", async () => {
  const columns = { input_ids: golden.rows, attention_mask: golden.rows.map(row => row.map(() => 1)) };
  const ofIds = { types: { input_ids: list(int32()), attention_mask: list(int32()) } };
  const arrow = (format: "file" | "stream") => tableToIPC(tableFromArrays(columns, ofIds), { format })!;
  const tokenizer = files["tokenizer/tokenizer.json"];
  const parquet = files["data/train-00000-of-00002.parquet"];
  const layouts = [
    { below: "data/", name: "train.parquet", beside: "tokenizer.json", content: parquet },
    { below: "", name: "data-00000-of-00001.arrow", beside: "tokenizer/tokenizer.json", content: arrow("stream") },
    { below: "default/train/", name: "train.feather", beside: "tokenizer.json", content: arrow("file") },
  ];
  for (const { below, name, beside, content } of layouts) {
    const set = join(root, `layout-${name}`);
    writeAll(set, { "dataset_info.json": "{}", "state.json": "{}", [beside]: tokenizer, [below + name]: content });
    for (const named of new Set([set, join(set, below), join(set, below, name)])) {
      const options = { texts: [named], out: join(root, `of-${named.replaceAll("/", "-")}`), holdOut: 0.1 };
      const plan = await planPrepare(options);
      assert.equal(plan.isReadyMade, true, named);
      const made = await prepare(options);
      assert.equal(made.isReadyMade, true, named);
      // Of a file the folder that it is in is the set's.
      const isAbove = below !== "" && named !== set;
      const told = `The ids are read by ${join(set, beside)}, which stands above ${named}.`;
      assert.deepEqual(made.warnings, isAbove ? [told] : [], named);
      assert.deepEqual(plan.warnings, made.warnings, named);
      const rows = [...readRows(options.out, "training"), ...readRows(options.out, "validation")].sort();
      if (content !== parquet) assert.deepEqual(rows, golden.rows.toSorted(), named);
    }
    rmSync(join(set, beside));
    const out = join(root, "of-alone");
    await assert.rejects(prepare({ texts: [join(set, below, name)], out }), {
      code: "E_READY_MADE",
      message: /:1: ids of a tokenizer \(input_ids\), and no text/,
      advice: /tokenizer\.json/,
    });
    await assert.rejects(prepare({ texts: [join(set, below)], out }), {
      code: "E_NO_DOCUMENTS",
      message: /1 of ids \(input_ids\) without a text/,
    });
  }
});

test("a tokenizer above texts leaves them what they are, broken ones too", async () => {
  const model = join(root, "model");
  const read = (name: string, more: Partial<PrepareOptions> = {}) => {
    const shape = { vocabulary: 84, sequenceLength: 16, holdOut: 0.2 };
    return prepare({ texts: [join(model, name)], out: join(root, `read-${name}`), ...shape, ...more });
  };
  const lines = Array.from({ length: 60 }, (_, i) => `${i} old boats sleep near the river wall and a green frog sings`);
  const jsonl = (field: string) => lines.map(text => `${JSON.stringify({ [field]: text })}\n`).join("");
  writeAll(model, {
    "tokenizer.json": files["tokenizer/tokenizer.json"],
    "linked/a.jsonl": jsonl("text"),
    "damaged/a.parquet": "PAR1 and nothing more",
    "damaged/b.jsonl": jsonl("text"),
    "both/train.parquet": files["data/train-00000-of-00002.parquet"],
    "both/said.jsonl": jsonl("content"),
  });
  symlinkSync(join(model, "gone.txt"), join(model, "linked", "b.txt"));
  const linked = await read("linked");
  assert.equal(linked.isReadyMade, undefined);
  assert.match(JSON.stringify(linked.documents), /leading nowhere/);
  await assert.rejects(read("damaged"), { code: "E_PARQUET" });
  assert.equal((await read("damaged", { skipBroken: true })).isReadyMade, undefined);
  // Who names the field of a text means the text.
  assert.equal((await read("both", { textField: "content" })).isReadyMade, undefined);
  const planned = await planPrepare({ texts: [join(model, "both")], out: join(root, "planned both") });
  assert.equal(planned.isReadyMade, true);
});

test("ids are told how they could be copied, and a text beside them by which field it is read", async () => {
  const alone = JSON.stringify({ input_ids: [5, 6], id: "x-7", hash: "0f3a" });
  const beside = JSON.stringify({ input_ids: [5, 6], content: "the red fox" });
  writeAll(root, { "ids.jsonl": `${alone}\n`, "beside.jsonl": `${beside}\n` });
  const of = (text: string) => prepare({ texts: [text], out: join(root, "of-ids") });
  await assert.rejects(of(join(root, "ids.jsonl")), {
    code: "E_READY_MADE",
    advice: /that end in \.parquet or \.arrow/,
  });
  await assert.rejects(of(join(root, "beside.jsonl")), {
    code: "E_TEXT_FIELD",
    message: /this line has input_ids \(list\), content \(string\)/,
    advice: /--text-field/,
  });
  await assert.rejects(of("hf:JonasGeiping/small/data"), {
    code: "E_READY_MADE",
    advice: /named whole, as hf:owner\/name, and has tokenizer\/tokenizer\.json/,
  });
});

test("special tokens that only tokenizer_config.json names are known of the hub as of a folder", async () => {
  const own = join(root, "renamed");
  writeAll(own, renamed);
  const hashes: string[] = [];
  for (const [name, source] of [
    ["renamed of a folder", own],
    ["renamed of the hub", "hf:JonasGeiping/renamed"],
  ] as const) {
    const out = join(root, name);
    hashes.push((await prepare({ texts: [source], out, holdOut: 0.1 })).manifest.hash);
    const { specials, vocabulary } = readTokenizer(join(out, "tokenizer.json"));
    assert.equal(vocabulary[specials.mask], "<hide>", name);
  }
  assert.equal(hashes[0], hashes[1]);
});

test("a share that leaves one part empty is told with one that does not", async () => {
  const out = join(root, "little");
  await assert.rejects(prepare({ texts: [folder], out, holdOut: 1e-5 }), {
    code: "E_TOO_LITTLE_TEXT",
    advice: /^Hold out more, as with --hold-out 0\.5,/,
  });
  await prepare({ texts: [folder], out, holdOut: 0.5 });
});

test("a plan writes nothing, and expects the sequences and the disk of what is made then", async () => {
  for (const [name, source] of [
    ["of a folder", folder],
    ["of the hub", "hf:JonasGeiping/small"],
  ] as const) {
    const out = join(root, `planned ${name}`);
    const plan = await planPrepare({ texts: [source], out });
    assert.ok(!existsSync(out));
    const { manifest } = await prepare({ texts: [source], out, holdOut: 0.2 });
    const made = [manifest.training, manifest.validation];
    const sequences = made.reduce((sum, part) => sum + part.sequences, 0);
    assert.ok(plan.isReadyMade);
    assert.ok(Math.abs(plan.sequences / sequences - 1) < 0.1, `${plan.sequences} of ${sequences}`);
    assert.equal(plan.tokens, 16 * plan.sequences);
    assert.equal(plan.disk.datasetBytes, 2 * plan.tokens);
    const bytes = made.flatMap(({ files }) => files).reduce((sum, { bytes }) => sum + bytes - 32, 0);
    assert.ok(Math.abs(plan.disk.peakBytes / bytes - 1.01) < 0.1, `${plan.disk.peakBytes} for ${bytes}`);
    await assert.rejects(planPrepare({ texts: [source], out, vocabulary: 100 }), { code: "E_OPTION" });
  }
});

test("what chooses text is refused by name, and ids of another tokenizer are", async () => {
  const refused = prepare({ texts: [folder], out: join(root, "no"), vocabulary: 100, filters: ["prose"] });
  await assert.rejects(refused, { code: "E_OPTION", message: /--vocabulary, --filter / });
  const { vocab } = (golden.tokenizer as { model: { vocab: Record<string, number> } }).model;
  const largest = Math.max(...golden.rows.flat());
  const fewer = Object.fromEntries(Object.entries(vocab).filter(([, id]) => id < largest));
  const { model } = golden.tokenizer as { model: object };
  const cut = { ...golden.tokenizer, model: { ...model, vocab: fewer } };
  writeFileSync(join(folder, "tokenizer", "tokenizer.json"), JSON.stringify(cut));
  await assert.rejects(prepare({ texts: [folder], out: join(root, "no") }), {
    code: "E_READY_MADE",
    message: new RegExp(`parquet:\\d+: the id ${largest}, and .*tokenizer\\.json has ${largest} tokens`),
  });
});

/** A parquet file with room between its pages and what describes them, so that it is a portion by itself. */
function pad(parquet: Buffer): Buffer {
  const description = parquet.length - 8 - parquet.readUInt32LE(parquet.length - 8);
  return Buffer.concat([parquet.subarray(0, description), Buffer.alloc(4.5 * 2 ** 20), parquet.subarray(description)]);
}

const wide = join(root, "wide");
mkdirSync(join(wide, "tokenizer"), { recursive: true });
mkdirSync(join(wide, "data"));
writeFileSync(join(wide, "tokenizer", "tokenizer.json"), files["tokenizer/tokenizer.json"]);
const halves = golden.shards.map(shard => pad(Buffer.from(shard, "base64")));
for (let i = 0; i < 4; i++) writeFileSync(join(wide, "data", `train-0000${i}-of-00004.parquet`), halves[i % 2]!);
const optionsOf = (out: string, more: Partial<PrepareOptions> = {}): PrepareOptions => ({
  ...{ texts: [wide], out: join(root, out), holdOut: 0.1, seed: 3 },
  ...more,
});
test("machines that copy a share each give together what one gives, and none may be missing", async () => {
  const copied = new Set<number>();
  const work = join(root, "whole", ".cram-work");
  const look = ({ stage }: StageProgress) => {
    if (stage !== "joining sequences") return;
    for (const name of readdirSync(work, { recursive: true, encoding: "utf8" })) {
      if (/training-\d+-\d+\.bin$/.test(name)) copied.add(statSync(join(work, name)).ino);
    }
  };
  const whole = await prepare(optionsOf("whole", { onStage: look }));
  // What was copied is the dataset's file under another name, and stands on the disk once.
  const names = whole.manifest.training.files.map(({ name }) => name);
  assert.equal(names.length, 4);
  assert.deepEqual(new Set(names.map(name => statSync(join(whole.folder, name)).ino)), copied);
  const twice = [...golden.rows, ...golden.rows];
  assert.deepEqual(
    ["training", "validation"].flatMap(part => readRows(whole.folder, part)).sort(),
    twice.map(row => [...row]).sort(),
  );
  await assert.rejects(mergeMachines(optionsOf("machines")), { code: "E_PORTIONS_MISSING" });
  let sequences = 0;
  for (const number of [3, 1, 2]) {
    const read = await prepareOnMachine(optionsOf(`machine-${number}`), { number, of: 3 });
    assert.deepEqual([read.portions, read.documents], [number === 1 ? 2 : 1, undefined]);
    sequences += read.sequences!;
    cpSync(read.folder, join(root, "machines"), { recursive: true });
    if (number === 1) await assert.rejects(mergeMachines(optionsOf("machines")), { code: "E_PORTIONS_MISSING" });
  }
  assert.equal(sequences, twice.length);
  const first = optionsOf("machines", { limitBytes: 1 });
  await assert.rejects(mergeMachines(first), { code: "E_PORTIONS_MISSING" });
  await assert.rejects(prepareOnMachine(first, { number: 1, of: 3 }), { code: "E_OUTPUT_OTHER" });
  const { folder } = await mergeMachines(optionsOf("machines"));
  assert.deepEqual(snapshotFolder(folder), snapshotFolder(whole.folder));
});

test("interrupted it goes on with what is copied, and copies again what was damaged meanwhile", async () => {
  const options = optionsOf("interrupted");
  let reports = 0;
  const stop = () => {
    if (++reports === 3) throw new Error("stopped");
  };
  await assert.rejects(prepare({ ...options, onStage: stop }), /stopped/);
  const copied = readdirSync(join(options.out, ".cram-work"), { recursive: true, encoding: "utf8" })
    .filter(name => /training-\d+-\d+\.bin$/.test(name))
    .map(name => join(options.out, ".cram-work", name))
    .sort();
  const bytes = readFileSync(copied[0]!);
  bytes[40]! ^= 1;
  writeFileSync(copied[0]!, bytes);
  const inodes = () => copied.slice(0, 2).map(path => statSync(path).ino);
  const before = inodes();
  let after: number[] = [];
  const look = ({ stage }: StageProgress) => {
    if (stage === "joining sequences" && after.length === 0) after = inodes();
  };
  await prepare({ ...options, onStage: look });
  assert.notEqual(after[0], before[0]);
  assert.equal(after[1], before[1]);
  assert.deepEqual(snapshotFolder(options.out), snapshotFolder(join(root, "whole")));
});

test("sequences of another length in a later file are refused with its name", async () => {
  const other = join(root, "other");
  cpSync(wide, other, { recursive: true });
  const path = join(other, "data", "train-00003-of-00004.parquet");
  const rows = openSequenceRows(path);
  for (const row of golden.rows) rows.add(row.slice(8));
  rows.commit();
  writeFileSync(path, pad(readFileSync(path)));
  await assert.rejects(prepare(optionsOf("no", { texts: [other] })), {
    code: "E_READY_MADE",
    message: /train-00003-of-00004\.parquet: 8 ids, and 16 in those before/,
  });
});
