import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { after, test } from "node:test";
import type { UserError } from "../../base/errors.ts";
import { listShards } from "./sources.ts";

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

const namesIn = async (folder: string, inputs: readonly string[] = [folder]) =>
  (await listShards(inputs)).map(({ path }) => relative(folder, path));

const fails =
  (code: string, ...seen: string[]) =>
  (error: UserError) =>
    error.code === code && seen.every(part => error.message.includes(part));

test("a folder gives its texts and not what is hidden or of another kind", async () => {
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
  const seen = (await listShards([folder])).map(({ path, format, named, bytes }) => [
    relative(folder, path),
    format,
    named,
    bytes,
  ]);
  assert.deepEqual(seen, [
    ["a.txt", "text", false, 5],
    ["b.MD", "text", false, 4],
    ["c.markdown.gz", "text", false, 13],
    ["d.jsonl", "jsonl", false, 7],
    ["data.json", "table", false, 9],
    ["deep/er/e.jsonl.gz", "jsonl", false, 18],
  ]);
});

test("the order is that of the names in UTF-16 units, not of the file system", async () => {
  // U+1F600 is d83d de00 in UTF-16, before ff41; in UTF-8, by which systems may sort, it begins with f0, after ef.
  const expected = ["a/1.txt", "a/10.txt", "a/9.txt", "a-b.txt", "b.txt", "z.txt", "\u{1f600}.txt", "\uff41.txt"];
  for (const [i, order] of [expected, expected.toReversed()].entries()) {
    assert.deepEqual(await namesIn(makeFolder(`order-${i}`, order)), expected);
  }
});

test("inputs keep their order, and a file that several of them lead to is read once", async () => {
  const folder = makeFolder("twice", ["b/2.txt", "a/1.txt", "c.txt"]);
  assert.deepEqual(await namesIn(folder, [join(folder, "b"), join(folder, "a")]), ["b/2.txt", "a/1.txt"]);
  const again = [folder, folder, `${folder}/./a/../a/`, join(folder, "c.txt")];
  assert.deepEqual(await namesIn(folder, again), ["a/1.txt", "b/2.txt", "c.txt"]);
  const named = (await listShards(again)).map(source => source.named);
  assert.deepEqual(named, [false, false, true], "c.txt was also named itself");
});

test("what a file named itself is, its content decides where its ending does not", async () => {
  const folder = makeFolder("named", ["LICENSE", "log.csv"]);
  const [first, second] = await listShards([join(folder, "LICENSE"), join(folder, "log.csv")]);
  assert.deepEqual([first!.format, first!.named, second!.format], ["unknown", true, "table"]);
});

test("links are followed, each file once, and circles end", async () => {
  const elsewhere = makeFolder("elsewhere", ["big.txt", "more/x.txt"]);
  const folder = makeFolder("links", ["own.txt", "sub/y.txt"]);
  symlinkSync(join(elsewhere, "big.txt"), join(folder, "linked.txt"));
  symlinkSync(join(elsewhere, "big.txt"), join(folder, "linked-again.txt"));
  symlinkSync(join(elsewhere, "more"), join(folder, "linked-folder"));
  symlinkSync(folder, join(folder, "sub", "circle"));
  symlinkSync(join(root, "nowhere"), join(folder, "leads-nowhere"));
  assert.deepEqual(await namesIn(folder), ["linked-again.txt", "linked-folder/x.txt", "own.txt", "sub/y.txt"]);
});

test("a link to a text that is not there names the link", async () => {
  const folder = makeFolder("dangling", ["a.txt"]);
  symlinkSync(join(root, "nowhere.txt"), join(folder, "b.txt"));
  await assert.rejects(listShards([folder]), fails("E_FILE_MISSING", join(folder, "b.txt")));
  const link = join(folder, "b.txt");
  symlinkSync("gone", join(root, "to-gone"));
  // Named itself, or on the way to what is named.
  for (const [path, seen] of [
    [link, `${link}: a symbolic link to ${join(root, "nowhere.txt")}, where nothing is`],
    [join(root, "to-gone", "in", "a.txt"), `${join(root, "to-gone")}: a symbolic link to gone, where nothing is`],
  ] as const)
    await assert.rejects(listShards([path]), { code: "E_FILE_MISSING", message: seen });
  const circle = makeFolder("self", ["a.txt"]);
  symlinkSync("b.txt", join(circle, "b.txt"));
  await assert.rejects(listShards([circle]), fails("E_FILE_UNREADABLE", join(circle, "b.txt"), "ELOOP"));
});

test("what is not there, and a folder without text, are named", async () => {
  const missing = join(root, "misspelt");
  await assert.rejects(listShards([missing]), fails("E_FILE_MISSING", missing));
  await assert.rejects(listShards([join(makeFolder("file", ["a.txt"]), "a.txt", "b")]), fails("E_FILE_UNREADABLE"));
  const empty = makeFolder("empty", []);
  await assert.rejects(listShards([empty]), fails("E_NO_TEXT", empty));
  const pictures = makeFolder("pictures", ["a.png", ".b.txt"]);
  await assert.rejects(listShards([pictures]), fails("E_NO_TEXT", pictures));
});

test("a pipe named itself is refused, one in a folder passed over", {
  skip: process.platform === "win32",
}, async () => {
  const folder = makeFolder("pipes", ["a.txt"]);
  const pipe = join(folder, "pipe.txt");
  execFileSync("mkfifo", [pipe]);
  await assert.rejects(listShards([pipe]), fails("E_FILE_UNREADABLE", pipe));
  assert.deepEqual(await namesIn(folder), ["a.txt"]);
});

test("a folder without anything that may be read is not one without text", {
  skip: process.platform === "win32",
}, async () => {
  const within = makeFolder("within", ["closed/b.txt"]);
  const file = makeFolder("closed-file", ["c.txt"]);
  const closed = [join(within, "closed"), join(file, "c.txt")];
  chmodSync(root, 0o755);
  for (const path of closed) chmodSync(path, 0);
  const isRoot = process.getuid!() === 0;
  if (isRoot) process.seteuid!(65534); // root may read everything
  try {
    for (const [i, input] of [within, file].entries()) {
      await assert.rejects(listShards([input], { tolerant: true }), fails("E_FILE_UNREADABLE", closed[i]!));
    }
    await assert.rejects(listShards([join(within, "**/*.txt")]), fails("E_FILE_UNREADABLE", closed[0]!));
  } finally {
    if (isRoot) process.seteuid!(0);
    for (const path of closed) chmodSync(path, 0o755);
  }
});

test("a folder that may not be read is named", { skip: process.platform === "win32" }, async () => {
  const folder = makeFolder("open", ["a.txt", "closed/b.txt"]);
  chmodSync(root, 0o755);
  chmodSync(join(folder, "closed"), 0);
  const isRoot = process.getuid!() === 0;
  if (isRoot) process.seteuid!(65534); // root may read everything
  try {
    await assert.rejects(
      listShards([folder]),
      fails("E_FILE_UNREADABLE", join(folder, "closed"), "may not be read", "EACCES"),
    );
  } finally {
    if (isRoot) process.seteuid!(0);
    chmodSync(join(folder, "closed"), 0o755);
  }
});

test("a file that may not be read is told once, when it is listed", {
  skip: process.platform === "win32",
}, async () => {
  const folder = makeFolder("readable", ["a.txt", "b.jsonl"]);
  chmodSync(root, 0o755);
  chmodSync(join(folder, "b.jsonl"), 0);
  const isRoot = process.getuid!() === 0;
  if (isRoot) process.seteuid!(65534);
  try {
    const told: string[] = [];
    const passOver = (reason: string, path: string) => told.push(`${relative(folder, path)} ${reason}`);
    const shards = await listShards([folder], { passOver, tolerant: true });
    assert.deepEqual([shards.map(({ path }) => relative(folder, path)), told], [["a.txt"], ["b.jsonl not readable"]]);
    await assert.rejects(listShards([folder]), fails("E_FILE_UNREADABLE", "b.jsonl", "EACCES"));
  } finally {
    if (isRoot) process.seteuid!(0);
  }
});

test("what a folder holds that is not read is told, by ending or reason", async () => {
  const folder = makeFolder("passed", ["a.txt", "b.pdf", "c.PDF", "d.png", "Makefile"]);
  symlinkSync("nowhere", join(folder, "dangling.md"));
  symlinkSync("nowhere", join(folder, "dangling"));
  for (const name of [".DS_Store", "._a.txt"]) writeFileSync(join(folder, name), "x");
  mkdirSync(join(folder, ".git"));
  const told: string[] = [];
  const passOver = (reason: string, path: string) => told.push(`${relative(folder, path)} ${reason}`);
  assert.equal((await listShards([folder], { passOver, tolerant: true })).length, 1);
  assert.deepEqual(told, [
    ...[".DS_Store hidden", "._a.txt hidden", ".git hidden"],
    "Makefile without an ending",
    "b.pdf .pdf",
    "c.PDF .pdf",
    "d.png .png",
    "dangling leading nowhere",
    "dangling.md leading nowhere",
  ]);
  await assert.rejects(listShards([folder], { passOver }), fails("E_FILE_MISSING", "dangling.md"));
});
