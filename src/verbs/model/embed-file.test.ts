// Files of texts as files of vectors: each line or row has its own vector, the one that it has alone, and NumPy reads the bytes.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { writeTinyRun } from "../../../test/tiny-run.ts";
import { embed } from "./embed.ts";
import { embedFile } from "./embed-file.ts";
import { fill } from "./fill.ts";
import { openModel } from "./open-model.ts";
import { search } from "./search-texts.ts";
import { openVectorFile } from "./vector-files.ts";

const root = mkdtempSync(join(tmpdir(), "cram-embed-file-"));
after(() => rmSync(root, { recursive: true }));
const at = (name: string) => join(root, name);
await writeTinyRun(at("run"), ["the", "red", "fox", "owl", "sleeps"], ["train.precision=f32"]);
const choice = { backend: "reference" } as const;

test("a .npy is byte for byte what numpy.save writes of the same matrix", () => {
  const file = openVectorFile(at("golden.npy"), 3, { hasSources: false });
  file.append([{ text: "" }, { text: "" }], [Float32Array.of(0, 1, 2), Float32Array.of(3, 4, 5)]);
  file.append([{ text: "" }], [Float32Array.of(-0.5, 1e-30, 3.4e38)]);
  file.commit();
  // numpy 2: numpy.save(…, numpy.array([[0, 1, 2], [3, 4, 5], [-0.5, 1e-30, 3.4e38]], numpy.float32)), in base64.
  const expected =
    "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDMsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAACAPwAAAEAAAEBAAACAQAAAoEAAAAC/YEKiDZ7Jf38=";
  assert.equal(readFileSync(at("golden.npy")).toString("base64"), expected);
});

test("lines and rows, empty ones too, in their order", async () => {
  const texts = ["the red fox", "", "owl sleeps", "the"];
  writeFileSync(at("texts.txt"), texts.join("\r\n"));
  writeFileSync(at("texts.csv"), ["id,review", ...texts.map((text, i) => `${i},${text}`)].join("\n"));
  const expected = await embed(at("run"), texts, choice);
  for (const [file, textField] of [
    ["texts.txt", undefined],
    ["texts.csv", "review"],
  ] as const) {
    const { texts: count, width } = await embedFile(at("run"), at(file), { ...choice, textField, out: at("v.jsonl") });
    assert.deepEqual([count, width], [4, 16]);
    const lines = readFileSync(at("v.jsonl"), "utf8")
      .trimEnd()
      .split("\n")
      .map(line => JSON.parse(line));
    assert.deepEqual(
      lines.map(({ text, vector }) => ({ text, vector: Float32Array.from(vector) })),
      texts.map((text, i) => ({ text, vector: expected[i]! })),
    );
    // The numbers are f32's, in the digits that these need.
    const numbers = readFileSync(at("v.jsonl"), "utf8").match(/-?[\d.]+e?-?\d*(?=[,\]])/g)!;
    assert.ok(numbers.every(number => number.replace(/e.*|^-?[0.]*|\./g, "").length <= 9));
  }
  const told: string[] = [];
  const onProgress = (text: string) => void told.push(text);
  await embedFile(at("run"), at("texts.txt"), { ...choice, out: at("v.npy"), onProgress });
  assert.deepEqual(told, ["reading: 24 characters", "embedding: 100 %"]);
  const stored = new Float32Array(new Uint8Array(readFileSync(at("v.npy")).subarray(128)).buffer);
  assert.deepEqual(stored, Float32Array.from(expected.flatMap(vector => [...vector])));
});

test("what cannot be written or read leaves no file", async () => {
  writeFileSync(at("long.txt"), "the ".repeat(40));
  writeFileSync(at("other.csv"), "a\nb\n");
  const out = at("none.npy");
  await assert.rejects(embedFile(at("run"), at("long.txt"), { ...choice, out }), { code: "E_TEXT_LENGTH" });
  await assert.rejects(embedFile(at("run"), at("other.csv"), { ...choice, out }), { code: "E_TEXT_FIELD" });
  await assert.rejects(embedFile(at("run"), at("long.txt"), { ...choice, out: at("x.csv") }), { code: "E_OPTION" });
  assert.equal(existsSync(out), false);
  assert.equal((await embedFile(at("run"), at("long.txt"), { ...choice, out, truncate: true })).texts, 1);
});

test("a text that cannot be read is named with its place, whatever it came in, and an own text has no place", async () => {
  const long = "the ".repeat(40).trim();
  const lost = "\u0436".repeat(20);
  const out = at("none.jsonl");
  mkdirSync(at("places"));
  const files = {
    "places/t.txt": ["the", long],
    "places/t.csv": ["text", "the", long],
    "places/t.tsv": ["text", "the", "fox", long],
    "places/t.jsonl": ["", JSON.stringify({ text: "the" }), JSON.stringify({ text: long })],
  };
  for (const [name, lines] of Object.entries(files)) {
    writeFileSync(at(name), lines.join("\n"));
    const told = { code: "E_TEXT_LENGTH", message: new RegExp(`/${name}:${lines.length}: "the the.*has 41 tokens`) };
    await assert.rejects(embedFile(at("run"), at(name), { ...choice, out }), told, name);
    await assert.rejects(search(at("run"), at(name), ["the fox"], choice), told, name);
    rmSync(at(name));
  }
  writeFileSync(at("places/t.jsonl"), files["places/t.jsonl"].join("\n"));
  const met = { code: "E_TEXT_LENGTH", message: /places\/t\.jsonl, document 2: "the/ };
  await assert.rejects(embedFile(at("run"), at("places"), { ...choice, out }), met);
  writeFileSync(at("lost.txt"), `${lost}\n${lost}`);
  const lossy = { code: "E_TEXT_LOST", message: /lost\.txt:1 to .*lost\.txt:2: the model's tokenizer loses 100 %/ };
  await assert.rejects(embedFile(at("run"), at("lost.txt"), { ...choice, out }), lossy);
  await assert.rejects(search(at("run"), at("lost.txt"), ["the", long], choice), {
    code: "E_TEXT_LENGTH",
    message: /^query 2: /,
  });
  await assert.rejects(embed(at("run"), ["the", long], choice), { code: "E_TEXT_LENGTH", message: /^text 2: "the/ });
  await assert.rejects(embed(at("run"), [long], choice), { code: "E_TEXT_LENGTH", message: /^"the/ });
  const masked = `[MASK] ${long}`;
  await assert.rejects(fill(at("run"), ["[MASK] fox", masked], choice), { message: /^text 2: "\[MASK\] the.* tokens/ });
  await assert.rejects(fill(at("run"), ["[MASK] fox", "fox"], choice), { message: /^text 2: "fox" has no \[MASK\]/ });
  await assert.rejects(fill(at("run"), ["fox"], choice), { message: /^"fox" has no \[MASK\]/ });
  const model = await openModel(at("run"), choice);
  await assert.rejects(model.score(["the fox", long]), { message: /^text 2: "the.*a sentence has 42 tokens/ });
  await assert.rejects(model.score([long]), { message: /^"the.*…": a sentence has 42 tokens/ });
  await model.close();
});

test("a path that leads to no text is told", async () => {
  writeFileSync(at("file.txt"), "the red fox\n");
  symlinkSync("circle.txt", at("circle.txt"));
  for (const name of ["none.txt", "file.txt/below.txt", "circle.txt", `${"x".repeat(300)}.txt`]) {
    const told = { code: /^E_FILE_(MISSING|UNREADABLE)$/ };
    await assert.rejects(embedFile(at("run"), at(name), { ...choice, out: at("v.jsonl") }), told, name);
    await assert.rejects(search(at("run"), at(name), ["fox"], choice), told, name);
  }
});

test("documents of a folder, the long ones in passages, each with the vector that it has alone", async () => {
  const folder = at("documents");
  mkdirSync(join(folder, "deeper"), { recursive: true });
  writeFileSync(join(folder, "a.txt"), `${"the red fox ".repeat(4)}\n\n${"owl sleeps ".repeat(5)}`);
  writeFileSync(join(folder, "deeper/b.jsonl"), '{"text":"the owl"}\n{"text":" "}\n');
  writeFileSync(join(folder, "picture.png"), "");
  const out = at("passages.jsonl");
  await assert.rejects(embedFile(at("run"), folder, { ...choice, out }), { code: "E_TEXT_LENGTH", advice: /--split/ });
  const both = { truncate: true, split: true };
  await assert.rejects(embedFile(at("run"), folder, { ...choice, out, ...both }), { code: "E_OPTION" });
  await embedFile(at("run"), folder, { ...choice, out, split: true });
  const lines = readFileSync(out, "utf8")
    .trimEnd()
    .split("\n")
    .map(line => JSON.parse(line) as { text: string; source: string; vector: number[] });
  const texts = ["the red fox ".repeat(4).trim(), "owl sleeps ".repeat(5).trim(), "the owl"];
  assert.deepEqual(
    lines.map(({ text }) => text),
    texts,
  );
  const expected = await embed(at("run"), texts, choice);
  assert.deepEqual(
    lines.map(({ vector }) => Float32Array.from(vector)),
    expected,
  );
  const sources = ["a.txt", "a.txt", join("deeper", "b.jsonl")];
  assert.deepEqual(
    lines.map(({ source }) => source),
    sources,
  );
  const parquet = at("passages.parquet");
  await embedFile(at("run"), folder, { ...choice, out: parquet, split: true });
  for (const file of [folder, out, parquet]) {
    const split = file === folder;
    const [found] = await search(at("run"), file, ["the owl"], { ...choice, split, top: 1 });
    const { text, source, place } = found![0]!;
    assert.deepEqual([text, source, place], ["the owl", sources[2], 3], file);
  }
});

test("nothing of a folder is left out without a word, and a broken file of it only where that was asked for", async () => {
  const folder = at("mixed");
  mkdirSync(folder);
  writeFileSync(join(folder, "a.txt"), "the owl");
  writeFileSync(join(folder, "b.jsonl"), '{"text":"the fox"}\n{"text": oops\n{"text":"red"}\n');
  writeFileSync(join(folder, "picture.png"), "");
  writeFileSync(join(folder, "binary.txt"), Buffer.from([0, 1, 2, 3]));
  symlinkSync("nowhere", join(folder, "lost.txt"));
  // In the folder itself, and twice: what was written at first is no text of the second.
  const out = join(folder, "vectors.jsonl");
  const warned: string[] = [];
  const options = { ...choice, out, onWarning: (text: string) => void warned.push(text) };
  await assert.rejects(embedFile(at("run"), folder, options), { code: "E_JSON_LINE", advice: /--skip-broken/ });
  const counts = [];
  for (let i = 0; i < 2; i++) counts.push((await embedFile(at("run"), folder, { ...options, skipBroken: true })).texts);
  assert.deepEqual(counts, [3, 3]);
  for (const seen of [/picture\.png/, /lost\.txt/, /b\.jsonl:2/, /1 binary file: .*binary\.txt/, /vectors\.jsonl/]) {
    assert.ok(
      warned.some(text => seen.test(text)),
      `${seen} in ${warned.join("\n")}`,
    );
  }
  const one = { ...options, skipBroken: true };
  await assert.rejects(embedFile(at("run"), join(folder, "a.txt"), one), { code: "E_OPTION" });
});

test("a line that is not UTF-8 is refused with its place, never embedded as other characters", async () => {
  writeFileSync(at("latin.txt"), Buffer.from("the owl\nthe caf\xe9\n", "latin1"));
  const rejected = { code: "E_UTF8", message: /latin\.txt:2/ };
  await assert.rejects(embedFile(at("run"), at("latin.txt"), { ...choice, out: at("latin.npy") }), rejected);
  assert.equal(existsSync(at("latin.npy")), false);
});
