// Moves that were cut short at any place end the same; moves of somebody else's lead nowhere.

import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { snapshotFolder } from "../../../test/snapshot-folder.ts";
import { UserError } from "../errors.ts";
import { recoverFolder, replaceFiles } from "./folder-draft.ts";

const root = mkdtempSync(join(tmpdir(), "cram-draft-"));
after(() => rmSync(root, { recursive: true }));
let folders = 0;

function writeFolder(files: Readonly<Record<string, string>>): string {
  const folder = join(root, `folder-${folders++}`);
  mkdirSync(folder);
  writeFiles(folder, files);
  return folder;
}

function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

const old = { "a.txt": "1", "b/c.txt": "1", "gone/d.txt": "1", "last.json": "1", "notes.md": "mine" };
const renewed = { "a.txt": "2", "b/c.txt": "2", "b/e.txt": "2", "last.json": "2" };
const own = ["a.txt", "b/c.txt", "gone/d.txt", "last.json"];
const replacement = { own, last: "last.json" };

test("a build that fails leaves everything; one that succeeds leaves nothing of the earlier but what is not its own", async () => {
  const folder = writeFolder(old);
  const fails = replaceFiles(folder, replacement, async draft => {
    writeFiles(draft, renewed);
    throw new UserError("E_DISK_FULL", `${join(draft, "b/e.txt")}: the disk is full`, "Free some.");
  });
  await assert.rejects(fails, { message: `${join(folder, "b/e.txt")}: the disk is full` });
  assert.deepEqual(snapshotFolder(folder), old);
  await replaceFiles(folder, replacement, async draft => writeFiles(draft, renewed));
  assert.deepEqual(snapshotFolder(folder), { ...renewed, "notes.md": "mine" });
  assert.ok(!existsSync(join(folder, "gone")));
});

test("cut short at any move, the folder does not read as whole before it is", () => {
  const moves = ["a.txt", "b/c.txt", "b/e.txt", "last.json"];
  for (let moved = 0; moved <= moves.length; moved++) {
    const folder = writeFolder(old);
    const final = join(folder, ".cram-final");
    writeFiles(join(final, "files"), renewed);
    writeFiles(final, { "moves.json": JSON.stringify({ removes: ["gone/d.txt"], last: "last.json" }) });
    if (moved > 0) rmSync(join(folder, "last.json"));
    for (const path of moves.slice(0, moved)) renameSync(join(final, "files", path), join(folder, path));
    recoverFolder(folder);
    assert.deepEqual(snapshotFolder(folder), { ...renewed, "notes.md": "mine" });
    recoverFolder(folder);
    assert.deepEqual(readdirSync(folder).sort(), ["a.txt", "b", "last.json", "notes.md"]);
  }
});

test("moves in a folder from elsewhere remove and write nothing outside it", {
  skip: process.platform === "win32",
}, () => {
  const outside = writeFolder({
    "precious.txt": "mine",
    "files/x.txt": "mine",
    "moves.json": '{"removes":[],"last":"x"}',
  });
  const before = snapshotFolder(outside);
  const plant = (removes: string[], last: string, files: Readonly<Record<string, string>>) => (folder: string) => {
    writeFiles(join(folder, ".cram-final/files"), files);
    writeFiles(join(folder, ".cram-final"), { "moves.json": JSON.stringify({ removes, last }) });
    symlinkSync(outside, join(folder, "link"));
  };
  const up = `../${outside.slice(root.length + 1)}/precious.txt`;
  const attacks = [
    plant([up], "x", {}),
    plant([join(outside, "precious.txt")], "x", {}),
    plant(["b/../../x"], "x", {}),
    plant([], up, { x: "1" }),
    plant(["link/precious.txt"], "x", {}),
    plant([], "link/precious.txt", {}),
    plant([], "x", { "link/precious.txt": "2" }),
    (folder: string) => symlinkSync(outside, join(folder, ".cram-final")),
    (folder: string) => {
      plant([], "x.txt", {})(folder);
      rmSync(join(folder, ".cram-final/files"), { recursive: true, force: true });
      symlinkSync(join(outside, "files"), join(folder, ".cram-final/files"));
    },
    (folder: string) => writeFiles(folder, { ".cram-final/moves.json": "[", ".cram-final/files/x": "" }),
  ];
  for (const [i, attack] of attacks.entries()) {
    const folder = writeFolder({ "last.json": "1" });
    attack(folder);
    assert.throws(
      () => recoverFolder(folder),
      (error: unknown) => error instanceof UserError && ["E_JSON", "E_OUTPUT_OTHER"].includes(error.code),
      `attack ${i}`,
    );
    assert.deepEqual(snapshotFolder(outside), before, `attack ${i}`);
  }
});

test("a folder that is a link is refused before anything is moved through it", {
  skip: process.platform === "win32",
}, async () => {
  const folder = writeFolder({ "last.json": "1" });
  const elsewhere = writeFolder({ "c.txt": "mine" });
  symlinkSync(elsewhere, join(folder, "b"));
  const replaces = replaceFiles(folder, replacement, async draft => writeFiles(draft, renewed));
  await assert.rejects(replaces, { code: "E_OUTPUT_OTHER" });
  assert.deepEqual(snapshotFolder(elsewhere), { "c.txt": "mine" });
  assert.equal(readFileSync(join(folder, "last.json"), "utf8"), "1");
  assert.deepEqual(readdirSync(folder).sort(), ["b", "last.json"]);
});
