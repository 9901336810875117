import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import fs, { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { UserError } from "../base/errors.ts";
import { DocumentLines } from "./document-lines.ts";
import { readDocuments, readDocumentsManifest, writeDocuments } from "./documents.ts";
import { type Funnel, startFunnel } from "./funnel.ts";
import type { Document } from "./sources/formats/document-readers.ts";

const root = mkdtempSync(join(tmpdir(), "cramming-documents-"));
after(() => rmSync(root, { recursive: true }));

let folders = 0;
const newFolder = () => join(root, String(folders++));

async function* from(texts: Iterable<string>, source = "a.txt"): AsyncGenerator<Document> {
  for (const text of texts) yield { text, source };
}

const write = (folder: string, texts: Iterable<string>, bytesPerFile?: number) =>
  writeDocuments(folder, from(texts), startFunnel(), undefined, bytesPerFile);

async function readAll(folder: string): Promise<string[]> {
  const texts: string[] = [];
  for await (const text of readDocuments(folder)) texts.push(text);
  return texts;
}

/** The files below the test's folder that this process has open; none where the system does not say. */
function openFiles(): string[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc/self/fd").flatMap(file => {
    try {
      return [readlinkSync(`/proc/self/fd/${file}`)].filter(path => path.startsWith(root));
    } catch {
      return []; // the listing's own
    }
  });
}

const fails =
  (code: string, ...seen: string[]) =>
  (error: unknown) =>
    error instanceof UserError && error.code === code && seen.every(part => error.message.includes(part));

test("documents come back as they were, and the manifest describes them", async () => {
  const folder = newFolder();
  const documents = async function* (): AsyncGenerator<Document> {
    yield* from(["one\n", "zwei ü"], "a.txt");
    yield* from(["😀"], "b.jsonl");
  };
  const funnel: Funnel = {
    ...startFunnel(),
    passedOver: [{ reason: "binary files", count: 2, first: ["a.txt", "b.txt"] }],
  };
  const progress: number[] = [];
  const manifest = await writeDocuments(folder, documents(), funnel, count => progress.push(count));
  assert.deepEqual(await readAll(folder), ["one\n", "zwei ü", "😀"]);
  const content = '{"text":"one\\n"}\n{"text":"zwei ü"}\n{"text":"😀"}\n';
  assert.equal(readFileSync(join(folder, "documents-00000.jsonl"), "utf8"), content);
  assert.deepEqual(readdirSync(folder).sort(), ["documents-00000.jsonl", "manifest.json"]);
  const sha256 = createHash("sha256").update(content).digest("hex");
  assert.deepEqual(manifest, {
    format: "cramming-documents",
    version: 1,
    hash: createHash("sha256").update(sha256).digest("hex").slice(0, 16),
    documents: 3,
    characters: 4 + 6 + 2,
    files: [{ name: "documents-00000.jsonl", bytes: Buffer.byteLength(content), documents: 3, sha256 }],
    sources: [
      { path: "a.txt", documents: 2 },
      { path: "b.jsonl", documents: 1 },
    ],
    funnel,
  });
  assert.deepEqual(readDocumentsManifest(folder), manifest);
  assert.deepEqual(progress, [3]);
});

test("any texts come back, however many files they fill", async () => {
  const texts = fc.array(fc.string({ unit: "binary", maxLength: 30 }), { minLength: 1, maxLength: 30 });
  const folder = newFolder();
  await fc.assert(
    fc.asyncProperty(texts, fc.integer({ min: 1, max: 400 }), async (texts, bytesPerFile) => {
      const manifest = await write(folder, texts, bytesPerFile);
      assert.deepEqual(await readAll(folder), texts);
      assert.equal(
        manifest.files.reduce((sum, file) => sum + file.documents, 0),
        texts.length,
      );
    }),
    { numRuns: 30 },
  );
});

test("a file ends once it is full", async () => {
  const folder = newFolder();
  const texts = ["aaaa", "bbbb", "cccc", "dddd", "eeee"]; // lines of 16 bytes
  const manifest = await write(folder, texts, 32);
  const expected = [0, 1, 2].map(i => [`documents-0000${i}.jsonl`, i < 2 ? 32 : 16, i < 2 ? 2 : 1]);
  assert.deepEqual(
    manifest.files.map(({ name, bytes, documents }) => [name, bytes, documents]),
    expected,
  );
  assert.deepEqual(await readAll(folder), texts);
});

test("more text than is written at once comes back", async () => {
  const folder = newFolder();
  const texts = Array.from({ length: 300 }, (_, i) => `${i} `.repeat(3000));
  await write(folder, texts);
  assert.deepEqual(await readAll(folder), texts);
});

test("the hash names the documents and their order", async () => {
  const hash = async (texts: string[]) => (await write(newFolder(), texts)).hash;
  assert.equal(await hash(["a", "b"]), await hash(["a", "b"]));
  const others = await Promise.all([hash(["a", "b"]), hash(["b", "a"]), hash(["ab"]), hash(["a", "b", "c"])]);
  assert.equal(new Set(others).size, 4);
});

test("two writers never share a file", async () => {
  const folder = newFolder();
  mkdirSync(folder);
  writeFileSync(join(folder, "documents-00000.jsonl.writing"), "another's");
  await assert.rejects(write(folder, ["a"]), fails("E_NOT_WRITABLE", folder));
  assert.equal(readFileSync(join(folder, "documents-00000.jsonl.writing"), "utf8"), "another's");
});

test("documents that end in an error leave none", async () => {
  const folder = newFolder();
  let seen: string[] = [];
  const failing = async function* (): AsyncGenerator<Document> {
    yield* from(["a".repeat(2 ** 21), "b".repeat(2 ** 20)]); // a whole file, and one begun
    seen = readdirSync(folder).sort();
    throw new Error("the source's own");
  };
  await assert.rejects(writeDocuments(folder, failing(), startFunnel(), undefined, 2 ** 21), /the source's own/);
  assert.deepEqual(seen, ["documents-00000.jsonl", "documents-00001.jsonl.writing"]);
  assert.deepEqual(readdirSync(folder), []);
  assert.deepEqual(openFiles(), []);
  assert.throws(() => readDocumentsManifest(folder), fails("E_FILE_MISSING", folder));
});

test("no documents are an error that says where they went", async () => {
  const funnel = startFunnel();
  funnel.read.documents = 6;
  funnel.dropped.empty.documents = 3;
  funnel.dropped.short.documents = 1;
  funnel.dropped.duplicate.documents = 2;
  funnel.passedOver.push({ reason: "binary files", count: 4, first: ["a.txt", "b.txt"] });
  await assert.rejects(
    writeDocuments(newFolder(), from([]), funnel),
    // Not where they would have been: that folder is nothing that a person named.
    fails("E_NO_DOCUMENTS", "no document is left of 6: 3 empty, 2 duplicate, 1 short, 4 binary files as in a.txt"),
  );
});

test("a full disk is explained, and the source is told to stop", async t => {
  const folder = newFolder();
  let stopped = false;
  const fillDisk = () => {
    t.mock.method(fs, "writeSync", () => {
      throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    });
    syncBuiltinESMExports();
  };
  const endless = async function* (): AsyncGenerator<Document> {
    yield { text: "fits", source: "a.txt" };
    fillDisk();
    try {
      for (;;) yield { text: "does not", source: "a.txt" };
    } finally {
      stopped = true;
    }
  };
  try {
    await assert.rejects(
      writeDocuments(folder, endless(), startFunnel(), undefined, 10),
      fails("E_DISK_FULL", join(folder, "documents-00001.jsonl")),
    );
  } finally {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  }
  assert.ok(stopped);
  assert.deepEqual(readdirSync(folder), []);
});

test("a file where the folder should be is named", async () => {
  const path = newFolder();
  writeFileSync(path, "");
  await assert.rejects(write(path, ["a"]), fails("E_NOT_WRITABLE", path));
  await assert.rejects(write(join(path, "deeper"), ["a"]), fails("E_NOT_WRITABLE", join(path, "deeper")));
});

test("a writer that is killed leaves documents that do not read as whole", async () => {
  const folder = newFolder();
  const child = spawn(
    process.execPath,
    [
      "--input-type=module",
      "--eval",
      `import { writeDocuments } from ${JSON.stringify(new URL("documents.js", import.meta.url).href)};
       import { startFunnel } from ${JSON.stringify(new URL("funnel.js", import.meta.url).href)};
       async function* documents() {
         for (let i = 0; i < 5; i++) yield { text: "new " + i, source: "a.txt" };
         process.stdout.write("written");
         await new Promise(() => setInterval(() => {}, 1000));
       }
       await writeDocuments(${JSON.stringify(folder)}, documents(), startFunnel(), undefined, 32);`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const exit = once(child, "exit");
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await exit;
  assert.ok(readdirSync(folder).length > 0, "the writer had begun");
  assert.throws(() => readDocumentsManifest(folder), fails("E_DOCUMENTS_UNFINISHED", folder));
  await assert.rejects(readAll(folder), fails("E_DOCUMENTS_UNFINISHED", folder));
  await write(folder, ["newer"]);
  assert.deepEqual(await readAll(folder), ["newer"]);
});

test("a manifest that is missing or not of this format is named", async () => {
  assert.throws(() => readDocumentsManifest(newFolder()), fails("E_FILE_MISSING"));
  const folder = newFolder();
  const manifest = await write(folder, ["a"]);
  const path = join(folder, "manifest.json");
  const file = manifest.files[0]!;
  const cases: readonly (readonly [changed: object, seen: string])[] = [
    [{ ...manifest, version: 2 }, "version"],
    [{ ...manifest, documents: "many" }, "documents"],
    [{ ...manifest, surprise: 1 }, "surprise"],
    [{ ...manifest, files: [{ ...file, name: "../elsewhere.jsonl" }] }, "files.0.name"],
    [[], "expected object"],
  ];
  for (const [changed, seen] of cases) {
    writeFileSync(path, JSON.stringify(changed));
    assert.throws(() => readDocumentsManifest(folder), fails("E_DOCUMENTS_MANIFEST", path, seen), seen);
  }
  writeFileSync(path, '{"format":');
  assert.throws(() => readDocumentsManifest(folder), fails("E_JSON", path));
});

test("a file that was cut, changed or removed is named", async () => {
  const folder = newFolder();
  await write(folder, ["aaaa", "bbbb", "cccc"], 32);
  const path = join(folder, "documents-00000.jsonl");
  const whole = readFileSync(path, "utf8");
  const cases: readonly (readonly [content: string, seen: string])[] = [
    [whole.slice(0, 20), "has 20 bytes instead of 32"],
    [whole.replace("bbbb", "bBbb"), "its content has the hash"],
    [whole.replace("}\n", "]\n"), "line 1 is not a document"],
    [whole.replace(/"text":"bbbb"/, '"test":"bbbb"'), "line 2 is not a document"],
    [whole.replace("{", "\n"), "line 1 is not a document"],
  ];
  for (const [content, seen] of cases) {
    writeFileSync(path, content);
    await assert.rejects(readAll(folder), fails("E_DOCUMENTS_CHANGED", path, seen), seen);
  }
  rmSync(path);
  await assert.rejects(readAll(folder), fails("E_DOCUMENTS_CHANGED", path, "not there"));
  writeFileSync(path, whole);
  assert.deepEqual(await readAll(folder), ["aaaa", "bbbb", "cccc"]);
});

test("a reader that stops leaves no file open", { skip: process.platform !== "linux" }, async () => {
  const folder = newFolder();
  await write(folder, ["a".repeat(3_000_000), "b"]);
  for await (const _ of readDocuments(folder)) {
    assert.equal(openFiles().length, 1);
    break;
  }
  assert.deepEqual(openFiles(), []);
});

test("a line is what JSON writes of its document, and units are counted as strings count them", () => {
  const all = Array.from({ length: 0x180 }, (_, point) => String.fromCharCode(point)).join("");
  for (const text of [all, "", '"', "\\\n\u2028\ufeff字😀\u{10ffff}", "plain ".repeat(20_000)]) {
    const lines = new DocumentLines();
    assert.equal(lines.add(Buffer.from("before")), 6);
    assert.equal(lines.add(Buffer.from(text)), text.length);
    assert.equal(lines.take().toString(), `{"text":"before"}\n${JSON.stringify({ text })}\n`);
  }
});
