// A shell may stand in a folder that is gone: a checkout or a build that made it anew. Whatever verb meets that says so.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const folder = mkdtempSync(join(tmpdir(), "cram-gone-"));
after(() => rmSync(folder, { recursive: true }));
const main = join(import.meta.dirname, "main.js");

const calls = [
  ["fill", "run", "a [MASK]"],
  ["recipe", "mine.json"],
  ["doctor"],
  ["pretrain", "--data", "data", "--json"],
];

for (const words of calls) {
  test(`cram ${words[0]} in a folder that is gone`, { skip: process.platform === "win32" }, () => {
    const command = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"';
    const { status, stderr } = spawnSync("sh", ["-c", command, "sh", process.execPath, main, ...words], {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1" },
    });
    assert.equal(status, 1, stderr);
    assert.match(stderr, /E_FILE_MISSING|E_NOT_WRITABLE/);
    assert.doesNotMatch(stderr, /uv_cwd| at .*\.js:|a bug/);
  });
}
