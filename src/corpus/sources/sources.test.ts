import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { after, test } from "node:test";
import type { UserError } from "../../base/errors.ts";
import { listSources } from "./sources.ts";

const root = mkdtempSync(join(tmpdir(), "cramming-sources-"));
after(() => rmSync(root, { recursive: true }));

/** A folder of files, each with its path as its content; created in the order given. */
function makeFolder(name: string, paths: readonly string[]): string {
  for (const path of paths) {
    mkdirSync(dirname(join(root, name, path)), { recursive: true });
    writeFileSync(join(root, name, path), path);
  }
  mkdirSync(join(root, name), { recursive: true });
  return join(root, name);
}

const namesIn = (folder: string, inputs: readonly string[] = [folder]) =>
  listSources(inputs).map(({ path }) => relative(folder, path));

const fails =
  (code: string, ...seen: string[]) =>
  (error: UserError) =>
    error.code === code && seen.every(part => error.message.includes(part));

test("a folder gives its texts and not what is hidden or of another kind", () => {
  const folder = makeFolder("kinds", [
    "a.txt",
    "b.MD",
    "c.markdown.gz",
    "d.jsonl",
    "deep/er/e.jsonl.gz",
    "photo.png",
    "data.json",
    "text.txt.bak",
    ".hidden.txt",
    ".git/notes.md",
  ]);
  const seen = listSources([folder]).map(({ path, format, gzip, named, bytes }) => [
    relative(folder, path),
    format,
    gzip,
    named,
    bytes,
  ]);
  assert.deepEqual(seen, [
    ["a.txt", "text", false, false, 5],
    ["b.MD", "text", false, false, 4],
    ["c.markdown.gz", "text", true, false, 13],
    ["d.jsonl", "jsonl", false, false, 7],
    ["data.json", "table", false, false, 9],
    ["deep/er/e.jsonl.gz", "jsonl", true, false, 18],
  ]);
});

test("the order is that of the names in UTF-16 units, not of the file system", () => {
  // U+1F600 is d83d de00 in UTF-16, before ff41; in UTF-8, by which systems may sort, it begins with f0, after ef.
  const expected = ["a/1.txt", "a/10.txt", "a/9.txt", "a-b.txt", "b.txt", "z.txt", "\u{1f600}.txt", "\uff41.txt"];
  for (const [i, order] of [expected, expected.toReversed()].entries()) {
    assert.deepEqual(namesIn(makeFolder(`order-${i}`, order)), expected);
  }
});

test("inputs keep their order, and a file that several of them lead to is read once", () => {
  const folder = makeFolder("twice", ["b/2.txt", "a/1.txt", "c.txt"]);
  assert.deepEqual(namesIn(folder, [join(folder, "b"), join(folder, "a")]), ["b/2.txt", "a/1.txt"]);
  const again = [folder, folder, `${folder}/./a/../a/`, join(folder, "c.txt")];
  assert.deepEqual(namesIn(folder, again), ["a/1.txt", "b/2.txt", "c.txt"]);
  const named = listSources(again).map(source => source.named);
  assert.deepEqual(named, [false, false, true], "c.txt was also named itself");
});

test("what a file named itself is, its content decides where its ending does not", () => {
  const folder = makeFolder("named", ["LICENSE", "log.csv"]);
  const [first, second] = listSources([join(folder, "LICENSE"), join(folder, "log.csv")]);
  assert.deepEqual([first!.format, first!.named, second!.format], ["unknown", true, "table"]);
});

test("links are followed, each file once, and circles end", () => {
  const elsewhere = makeFolder("elsewhere", ["big.txt", "more/x.txt"]);
  const folder = makeFolder("links", ["own.txt", "sub/y.txt"]);
  symlinkSync(join(elsewhere, "big.txt"), join(folder, "linked.txt"));
  symlinkSync(join(elsewhere, "big.txt"), join(folder, "linked-again.txt"));
  symlinkSync(join(elsewhere, "more"), join(folder, "linked-folder"));
  symlinkSync(folder, join(folder, "sub", "circle"));
  symlinkSync(join(root, "nowhere"), join(folder, "leads-nowhere"));
  assert.deepEqual(namesIn(folder), ["linked-again.txt", "linked-folder/x.txt", "own.txt", "sub/y.txt"]);
});

test("a link to a text that is not there names the link", () => {
  const folder = makeFolder("dangling", ["a.txt"]);
  symlinkSync(join(root, "nowhere.txt"), join(folder, "b.txt"));
  assert.throws(() => listSources([folder]), fails("E_FILE_MISSING", join(folder, "b.txt")));
  const circle = makeFolder("self", ["a.txt"]);
  symlinkSync("b.txt", join(circle, "b.txt"));
  assert.throws(() => listSources([circle]), fails("E_FILE_UNREADABLE", join(circle, "b.txt"), "ELOOP"));
});

test("what is not there, and a folder without text, are named", () => {
  const missing = join(root, "misspelt");
  assert.throws(() => listSources([missing]), fails("E_FILE_MISSING", missing));
  assert.throws(() => listSources([join(makeFolder("file", ["a.txt"]), "a.txt", "b")]), fails("E_FILE_UNREADABLE"));
  const empty = makeFolder("empty", []);
  assert.throws(() => listSources([empty]), fails("E_NO_TEXT", empty));
  const pictures = makeFolder("pictures", ["a.png", ".b.txt"]);
  assert.throws(() => listSources([pictures]), fails("E_NO_TEXT", pictures));
});

test("a pipe named itself is refused, one in a folder passed over", { skip: process.platform === "win32" }, () => {
  const folder = makeFolder("pipes", ["a.txt"]);
  const pipe = join(folder, "pipe.txt");
  execFileSync("mkfifo", [pipe]);
  assert.throws(() => listSources([pipe]), fails("E_FILE_UNREADABLE", pipe));
  assert.deepEqual(namesIn(folder), ["a.txt"]);
});

test("a folder that may not be read is named", { skip: process.platform === "win32" }, () => {
  const folder = makeFolder("open", ["a.txt", "closed/b.txt"]);
  chmodSync(root, 0o755);
  chmodSync(join(folder, "closed"), 0);
  const isRoot = process.getuid!() === 0;
  if (isRoot) process.seteuid!(65534); // root may read everything
  try {
    assert.throws(
      () => listSources([folder]),
      fails("E_FILE_UNREADABLE", join(folder, "closed"), "may not be read", "EACCES"),
    );
  } finally {
    if (isRoot) process.seteuid!(0);
    chmodSync(join(folder, "closed"), 0o755);
  }
});

test("what a folder holds that is not read is told, by ending or reason", () => {
  const folder = makeFolder("passed", ["a.txt", "b.pdf", "c.PDF", "d.png", "Makefile"]);
  symlinkSync("nowhere", join(folder, "dangling.md"));
  symlinkSync("nowhere", join(folder, "dangling"));
  for (const name of [".DS_Store", "._a.txt"]) writeFileSync(join(folder, name), "x");
  mkdirSync(join(folder, ".git"));
  const told: string[] = [];
  const passOver = (reason: string, path: string) => told.push(`${relative(folder, path)} ${reason}`);
  assert.equal(listSources([folder], { passOver, tolerant: true }).length, 1);
  assert.deepEqual(told, [
    ...[".DS_Store hidden", "._a.txt hidden", ".git hidden"],
    "Makefile without an ending",
    "b.pdf .pdf",
    "c.PDF .pdf",
    "d.png .png",
    "dangling leads nowhere",
    "dangling.md leads nowhere",
  ]);
  assert.throws(() => listSources([folder], { passOver }), fails("E_FILE_MISSING", "dangling.md"));
});
