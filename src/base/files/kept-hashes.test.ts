import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Clock } from "../clock.ts";
import { KeptHashes } from "./kept-hashes.ts";

const root = mkdtempSync(join(tmpdir(), "cram-hashes-"));
const cacheBefore = process.env.CRAM_CACHE;
before(() => {
  process.env.CRAM_CACHE = join(root, "cache");
});
after(() => {
  if (cacheBefore === undefined) delete process.env.CRAM_CACHE;
  else process.env.CRAM_CACHE = cacheBefore;
  rmSync(root, { recursive: true });
});

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
/** The clock of somebody who comes `seconds` later. */
const later = (seconds: number): Clock => ({
  seconds: () => seconds,
  date: () => new Date(Date.now() + 1000 * seconds),
});
const content = "0123456789";
let folders = 0;

/** A file whose hash is kept under a name that is not its own, so that whoever does not read it says so. */
function keepFalseHash(secondsOld = 60): { folder: string; path: string } {
  const folder = join(root, `data-${folders++}`);
  mkdirSync(folder);
  const path = join(folder, "shard");
  writeFileSync(path, content);
  // A time that can be set to the same again.
  const written = Math.floor(Date.now() / 1000) - secondsOld;
  utimesSync(path, written, written);
  const kept = new KeptHashes(folder);
  kept.keep("shard", "kept");
  kept.save();
  return { folder, path };
}

const askLater = (folder: string, reread = false) => new KeptHashes(folder, later(120)).hash("shard", reread);

const sameSize = "9876543210";
const changes: Readonly<Record<string, { change: (path: string) => void; content?: string }>> = {
  "written over": { change: path => writeFileSync(path, sameSize), content: sameSize },
  "written over, with its former time": {
    change: path => {
      const { atime, mtime } = statSync(path);
      writeFileSync(path, sameSize);
      utimesSync(path, atime, mtime);
    },
    content: sameSize,
  },
  "one byte changed in place": {
    change: path => writeFileSync(path, "x", { flag: "r+" }),
    content: `x${content.slice(1)}`,
  },
  longer: { change: path => appendFileSync(path, "x"), content: `${content}x` },
  cut: { change: path => truncateSync(path, 3), content: content.slice(0, 3) },
  "another file moved there, as old as it": {
    change: path => {
      const { atime, mtime } = statSync(path);
      writeFileSync(`${path}.other`, sameSize);
      utimesSync(`${path}.other`, atime, mtime);
      renameSync(`${path}.other`, path);
    },
    content: sameSize,
  },
  "replaced by a link": {
    change: path => {
      writeFileSync(`${path}.other`, sameSize);
      rmSync(path);
      symlinkSync(`${path}.other`, path);
    },
    content: sameSize,
  },
  "copied and moved back": {
    change: path => {
      copyFileSync(path, `${path}.other`);
      renameSync(`${path}.other`, path);
    },
  },
  "its rights changed": { change: path => chmodSync(path, 0o400) },
};

for (const [name, { change, content: expected = content }] of Object.entries(changes)) {
  test(`a file is read again: ${name}`, () => {
    const { folder, path } = keepFalseHash();
    change(path);
    assert.equal(askLater(folder), sha256(expected));
  });
}

test("a file that is as it was is not read, wherever its folder is moved, unless that is asked for", () => {
  const { folder } = keepFalseHash();
  assert.equal(askLater(folder), "kept");
  renameSync(folder, `${folder}-moved`);
  assert.equal(askLater(`${folder}-moved`), "kept");
  assert.equal(askLater(`${folder}-moved`, true), sha256(content));
});

test("what was written a moment ago may be written again at the same time, so it is not kept", () => {
  assert.equal(askLater(keepFalseHash(0).folder), sha256(content));
});

test("a file that changes while it is read is not kept", () => {
  const { folder, path } = keepFalseHash();
  writeFileSync(path, sameSize);
  let asked = 0;
  const clock: Clock = {
    ...later(60),
    date: () => {
      // The second look is the one behind reading.
      if (++asked === 2) appendFileSync(path, "x");
      return later(60).date();
    },
  };
  const kept = new KeptHashes(folder, clock);
  assert.equal(kept.hash("shard"), sha256(sameSize));
  kept.save();
  assert.equal(askLater(folder), sha256(`${sameSize}x`));
});

test("a list that is damaged, or cannot be written, costs a reading and nothing else", () => {
  const { folder } = keepFalseHash();
  const lists = join(root, "cache", "hashes");
  for (const text of ["{", "[]", '{"shard":"kept"}', '{"shard":{"state":1,"sha256":"kept"}}']) {
    for (const name of readdirSync(lists)) writeFileSync(join(lists, name), text);
    assert.equal(askLater(folder), sha256(content), text);
  }
  rmSync(lists, { recursive: true });
  writeFileSync(lists, "a file");
  const kept = new KeptHashes(folder, later(60));
  assert.equal(kept.hash("shard"), sha256(content));
  kept.save();
  rmSync(lists);
});
