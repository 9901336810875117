// What prepare does to what stands in its folder: nothing that is not its own is changed, nothing good goes before its successor
// is whole, and what is damaged is made again.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { UserError } from "../../base/errors.ts";
import { Dataset } from "../../dataset/dataset.ts";
import { prepare } from "./prepare.ts";

const root = mkdtempSync(join(tmpdir(), "cram-prepare-"));
after(() => rmSync(root, { recursive: true }));

const animals = ["fox", "owl", "hen", "cat", "dog", "bee"];
const textOf = (verb: string) =>
  Array.from({ length: 60 }, (_, i) =>
    JSON.stringify({ text: `the ${animals[i % 6]} ${verb} by the ${animals[i % 5]}, ${i}` }),
  ).join("\n");
const text = join(root, "text.jsonl");
const other = join(root, "other.jsonl");
writeFileSync(text, textOf("sleeps"));
writeFileSync(other, textOf("hunts"));
const sizes = { vocabulary: 80, sequenceLength: 16, holdOut: 0.2, threads: 1 };
const make = (out: string, texts: readonly string[] = [text], more: object = {}) =>
  prepare({ ...sizes, texts, out, ...more });

const whole = join(root, "whole");
await make(whole);
let folders = 0;
const copyWhole = () => {
  const folder = join(root, `copy-${folders++}`);
  cpSync(whole, folder, { recursive: true });
  return folder;
};

/** Every file below, with its content. */
function snapshot(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .sort()
    .filter(name => statSync(join(folder, name)).isFile());
  return new Map(files.map(name => [name, readFileSync(join(folder, name), "latin1")]));
}
const expected = snapshot(whole);

const fails = (code: string) => (error: unknown) => error instanceof UserError && error.code === code;

test("a prepare that is refused or fails leaves the dataset as it was", async () => {
  writeFileSync(join(root, "blank.txt"), "\n");
  writeFileSync(join(root, "broken.jsonl"), `${textOf("runs")}\n{`);
  const cases: readonly [string, readonly string[], object][] = [
    ["E_TOO_LITTLE_TEXT", [text], { sequenceLength: 100_000 }],
    ["E_NO_DOCUMENTS", [join(root, "blank.txt")], {}],
    ["E_JSON_LINE", [join(root, "broken.jsonl")], {}],
    ["E_VOCABULARY_SIZE", [other], { vocabulary: 8 }],
    ["E_FILE_MISSING", [join(root, "none.txt")], {}],
    ["E_OPTION", [text], { holdOut: 2 }],
    ["E_OUTPUT_OVERLAP", [join(whole, "documents")], { vocabulary: 70 }],
    ["E_OUTPUT_OVERLAP", [text, join(whole, "documents")], { vocabulary: 70 }],
    ["E_OUTPUT_OVERLAP", [join(whole, "documents/documents-00000.jsonl")], { vocabulary: 70 }],
    ["E_OUTPUT_OVERLAP", [whole], { vocabulary: 70 }],
  ];
  for (const [code, texts, more] of cases) {
    await assert.rejects(make(whole, texts, more), fails(code), code);
    assert.deepEqual(snapshot(whole), expected, code);
  }
  const linked = join(root, "linked");
  symlinkSync(whole, linked);
  await assert.rejects(make(linked, [join(whole, "documents")], { vocabulary: 70 }), fails("E_OUTPUT_OVERLAP"));
  await assert.rejects(make(whole, [join(linked, "documents")], { vocabulary: 70 }), fails("E_OUTPUT_OVERLAP"));
  assert.deepEqual(snapshot(whole), expected);
  await assert.rejects(make(join(root, "new"), [join(root, "blank.txt")]), fails("E_NO_DOCUMENTS"));
  assert.ok(!existsSync(join(root, "new")));
});

test("of too little text it is said what went of it, and why", async () => {
  const long = Array.from({ length: 30 }, (_, i) => `word${i * i}`).join(" ");
  const texts = [long, long, `${long} again`, "", "few", "few", `other ${long.slice(8)} words`];
  writeFileSync(join(root, "little.jsonl"), texts.map(text => JSON.stringify({ text })).join("\n"));
  const filtered = { filters: ["length:least=2"], nearDuplicates: 0.8, sequenceLength: 1000 };
  await assert.rejects(make(join(root, "new"), [join(root, "little.jsonl")], filtered), {
    code: "E_TOO_LITTLE_TEXT",
    message: /^1 document \(1 empty, 2 duplicate, 1 short, 2 near-duplicate left out\) gives 0 sequences/,
  });
  const cut = { repeatedBytes: 60, sequenceLength: 1000 };
  await assert.rejects(make(join(root, "new"), [join(root, "little.jsonl")], cut), {
    code: "E_TOO_LITTLE_TEXT",
    message: /\(1 empty, 2 duplicate, parts of 2 left out\)/,
  });
});

test("what is damaged is never up to date, and is made again", async () => {
  const flip = (path: string) => {
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1]! ^= 4;
    writeFileSync(path, bytes);
  };
  const cut = (path: string) => writeFileSync(path, readFileSync(path).subarray(0, statSync(path).size >> 1));
  const zero = (path: string) => writeFileSync(path, Buffer.alloc(statSync(path).size));
  const edit = (from: RegExp, to: string) => (path: string) =>
    writeFileSync(path, readFileSync(path, "utf8").replace(from, to));
  const inManifest = [
    edit(/"version": 1/, '"version": 7'),
    edit(/"hash": "./, '"hash": "x'),
    edit(/"sequences": /, '"sequences": 1'),
  ];
  const outside = [
    edit(/"training-00000.bin"/, '"../../training-00000.bin"'),
    edit(/"format": "[^"]*"/, '"format": 1'),
  ];
  for (const name of expected.keys()) {
    const damages = [cut, zero, rmSync, ...(name === "manifest.json" ? [...inManifest, ...outside] : [flip])];
    for (const damage of damages) {
      const folder = copyWhole();
      damage(join(folder, name));
      // Without the dataset's manifest whose these files are is told by the shards alone.
      const { documents } = await make(folder);
      assert.ok(documents, `${name} after ${damage.name}`);
      assert.deepEqual(snapshot(folder), expected, name);
      assert.equal((await make(folder)).documents, undefined);
    }
  }
});

test("a text of the same size and time, but another content, makes the dataset anew", async () => {
  const folder = join(root, "same-time");
  const own = join(root, "own.txt.jsonl");
  const time = new Date(1e12);
  writeFileSync(own, textOf("naps"));
  utimesSync(own, time, time);
  const before = await make(folder, [own]);
  writeFileSync(own, textOf("eats"));
  utimesSync(own, time, time);
  const after = await make(folder, [own]);
  assert.ok(after.documents);
  assert.notEqual(after.manifest.hash, before.manifest.hash);
  utimesSync(own, new Date(2e12), new Date(2e12));
  assert.equal((await make(folder, [own])).documents, undefined);
});

test("an output below the input is left out of what is read", async () => {
  const texts = join(root, "texts");
  mkdirSync(texts);
  cpSync(text, join(texts, "a.jsonl"));
  const data = join(texts, "data");
  const first = await make(data, [texts]);
  assert.equal((await make(data, [texts])).documents, undefined);
  for (const vocabulary of [70, 75]) assert.ok((await make(data, [texts], { vocabulary })).documents);
  const again = await make(data, [texts]);
  assert.equal(again.manifest.hash, first.manifest.hash);
  // Nor is it told as text that was overlooked; what is nobody's is.
  assert.deepEqual(again.documents?.funnel.passedOver, []);
  writeFileSync(join(texts, ".hidden.csv"), "x");
  const { documents } = await make(data, [texts], { vocabulary: 70 });
  assert.deepEqual(documents?.funnel.passedOver, [{ reason: "hidden", count: 1, first: [join(texts, ".hidden.csv")] }]);
  // And where both are one folder.
  const both = await make(texts, [join(texts, "a.jsonl")]);
  assert.equal((await make(texts, [join(texts, "a.jsonl")])).manifest.hash, both.manifest.hash);
  assert.equal(readFileSync(join(texts, "a.jsonl"), "utf8"), textOf("sleeps"));
});

test("files of somebody else's are neither removed nor replaced", async () => {
  const folder = copyWhole();
  for (const name of [
    "notes.txt",
    "documents/documents-00007.jsonl",
    "documents/notes.md",
    "training-00009.bin",
    "x/y",
  ]) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), name);
  }
  const foreign = [...snapshot(folder)].filter(([name]) => !expected.has(name));
  await make(folder, [other]);
  const now = snapshot(folder);
  for (const [name, content] of foreign) assert.equal(now.get(name), content, name);
  assert.notEqual(now.get("tokenizer.json"), expected.get("tokenizer.json"));
  for (const name of expected.keys()) {
    const taken = join(root, `taken-${name.replace("/", "-")}`);
    mkdirSync(dirname(join(taken, name)), { recursive: true });
    writeFileSync(join(taken, name), "{}");
    const before = snapshot(taken);
    await assert.rejects(make(taken), fails("E_OUTPUT_OTHER"), name);
    assert.deepEqual(snapshot(taken), before);
  }
});

test("a writer that is killed leaves the old dataset or the new one, at whatever moment", {
  skip: process.platform === "win32",
}, async () => {
  const folder = copyWhole();
  const renewed = join(root, "renewed");
  await make(renewed, [other]);
  const states = [expected, snapshot(renewed)].map(files => files.get("manifest.json"));
  const options = [
    { ...sizes, texts: [text], out: folder },
    { ...sizes, texts: [other], out: folder },
  ];
  const script = `
    const { prepare } = await import(${JSON.stringify(new URL("./prepare.js", import.meta.url).href)});
    console.log();
    for (;;) for (const options of ${JSON.stringify(options)}) await prepare(options);
  `;
  for (const milliseconds of [3, 31, 62, 97]) {
    const child = spawn(process.execPath, ["--input-type=module", "-e", script]);
    await once(child.stdout, "data");
    await setTimeout(milliseconds);
    child.kill("SIGKILL");
    await once(child, "exit");
    const dataset = new Dataset(folder);
    dataset.verify();
    dataset.close();
    assert.ok(states.includes(readFileSync(join(folder, "manifest.json"), "latin1")));
  }
  await make(folder);
  assert.deepEqual(snapshot(folder), expected);
});

test("moves that were cut short at any place are finished by whoever opens the dataset", async () => {
  const renewed = join(root, "moved");
  await make(renewed, [other]);
  const files = [...snapshot(renewed).keys()].sort(
    (a, b) => Number(a === "manifest.json") - Number(b === "manifest.json"),
  );
  for (let moved = 0; moved <= files.length; moved++) {
    const folder = copyWhole();
    const final = join(folder, ".cram-final");
    cpSync(renewed, join(final, "files"), { recursive: true });
    writeFileSync(join(folder, "training-00001.bin"), "an old shard");
    writeFileSync(
      join(final, "moves.json"),
      JSON.stringify({ removes: ["training-00001.bin"], last: "manifest.json" }),
    );
    if (moved > 0) rmSync(join(folder, "manifest.json"));
    for (const name of files.slice(0, moved)) renameSync(join(final, "files", name), join(folder, name));
    const dataset = new Dataset(folder);
    dataset.verify();
    dataset.close();
    assert.deepEqual(snapshot(folder), snapshot(renewed));
  }
});

test("a text that is changed while it is read is told, and what stood there stands", async () => {
  const folder = copyWhole();
  const growing = join(root, "growing.jsonl");
  writeFileSync(growing, textOf("runs"));
  const changed = make(folder, [growing], {
    onProgress: (what: string) => {
      if (what.startsWith("tokenizing")) writeFileSync(growing, textOf("swims far"));
    },
  });
  await assert.rejects(changed, { code: "E_TEXT_CHANGED", message: /growing\.jsonl: was changed while it was read/ });
  assert.deepEqual(readFileSync(join(folder, "manifest.json")), readFileSync(join(whole, "manifest.json")));
});
