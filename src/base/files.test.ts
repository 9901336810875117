import assert from "node:assert/strict";
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { nearestNames, UserError } from "./errors.ts";
import { explainWriteFailure, readJson, writeFileAtomically, writeFully } from "./files.ts";

const folder = mkdtempSync(join(tmpdir(), "cramming-files-"));
after(() => rmSync(folder, { recursive: true }));

test("a file is written whole, and nothing temporary stays", () => {
  const path = join(folder, "deep", "file.json");
  writeFileAtomically(path, "[1, 2]");
  writeFileAtomically(path, [Buffer.from("[1,"), Buffer.from(" 2, 3]")]);
  assert.deepEqual(readJson(path, "list"), [1, 2, 3]);
  assert.deepEqual(readdirSync(join(folder, "deep")), ["file.json"]);
});

test("a writer that fails half way leaves the old file", () => {
  const path = join(folder, "kept.txt");
  writeFileAtomically(path, "old");
  const parts = function* () {
    yield Buffer.from("new");
    throw Object.assign(new Error("no space"), { code: "ENOSPC" });
  };
  assert.throws(
    () => writeFileAtomically(path, parts()),
    error => error instanceof UserError && error.code === "E_DISK_FULL" && error.message.includes(path),
  );
  assert.equal(readFileSync(path, "utf8"), "old");
  assert.ok(!readdirSync(folder).includes("kept.txt.writing"));
});

test("the system's own full disk is explained", { skip: process.platform !== "linux" }, () => {
  const file = openSync("/dev/full", "w");
  assert.throws(
    () => writeFully(file, Buffer.from("x")),
    error => (explainWriteFailure(error, "checkpoint") as UserError).code === "E_DISK_FULL",
  );
  closeSync(file);
});

test("a place that cannot be written is an error a person can act on, and nothing is left there", () => {
  const occupied = join(folder, "occupied");
  writeFileAtomically(occupied, "a file");
  mkdirSync(join(folder, "taken"));
  const places = [
    [join(occupied, "below.json"), "a file stands where a folder should be"],
    [join(occupied, "further", "below.json"), "a file stands where a folder should be"],
    [join(folder, "taken"), "a folder stands where the file should be"],
    [join(folder, "x".repeat(300), "file.json"), "a name that is too long"],
  ] as const;
  const before = readdirSync(folder);
  for (const [path, seen] of places) {
    assert.throws(
      () => writeFileAtomically(path, "new"),
      (error: unknown) =>
        error instanceof UserError && error.code === "E_NOT_WRITABLE" && error.message.startsWith(`${path}: ${seen}`),
    );
  }
  assert.equal(readFileSync(occupied, "utf8"), "a file");
  assert.deepEqual(readdirSync(folder), before);
});

test("a place where the system makes no folders ends at once", { skip: process.platform !== "linux" }, () => {
  assert.throws(
    () => writeFileAtomically("/proc/cram/deep/file.json", "new"),
    (error: unknown) => error instanceof UserError && error.code === "E_NOT_WRITABLE",
  );
});

test("a folder that may not be written", { skip: process.getuid?.() === 0 && "root may write everywhere" }, () => {
  const closed = join(folder, "closed");
  mkdirSync(closed, { mode: 0o500 });
  assert.throws(
    () => writeFileAtomically(join(closed, "deep", "file.json"), "new"),
    (error: unknown) => error instanceof UserError && error.code === "E_NOT_WRITABLE",
  );
});

test("malformed and missing JSON name the file", () => {
  writeFileAtomically(join(folder, "bad.json"), "{");
  assert.throws(() => readJson(join(folder, "bad.json"), "manifest"), /bad\.json: not a manifest/);
  assert.throws(() => readJson(join(folder, "none.json"), "manifest"), /none\.json: no manifest here/);
});

test("nearest names come best first", () => {
  assert.deepEqual(nearestNames("learningrat", ["learningRate", "width", "layers"]), ["learningRate"]);
  assert.deepEqual(nearestNames("qqqqqqqq", ["learningRate", "width"]), []);
});
