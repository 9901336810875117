// What a training builds whatever its model is asked of the system's compiler before the verb's modules are read, and only where it trains.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const folder = mkdtempSync(join(tmpdir(), "cram-early-"));
after(() => rmSync(folder, { recursive: true }));
const main = join(import.meta.dirname, "../../src/cli/main.js");
const [asked, compiler] = [join(folder, "asked"), join(folder, "cc")];
writeFileSync(compiler, `#!/bin/sh\necho > ${asked}\n[ "$1" = --version ] && exec echo stand-in 1\nexit 1\n`);
chmodSync(compiler, 0o755);
/** Extensions are read before a verb is: this one waits for the compiler, and says whether it was asked. */
const extension = join(folder, "waits.mjs");
writeFileSync(
  extension,
  `import { existsSync } from "node:fs";
const wasAsked = () => existsSync(${JSON.stringify(asked)});
const word = new Int32Array(new SharedArrayBuffer(4));
for (let turn = 0; turn < Number(process.env.TURNS) && !wasAsked(); turn++) Atomics.wait(word, 0, 0, 20);
console.log(wasAsked() ? "asked before" : "not asked before");
`,
);

const pretrain = (turns: number, ...words: string[]) => {
  rmSync(asked, { force: true });
  const { stdout } = spawnSync(process.execPath, [main, "pretrain", "--data", join(folder, "none"), ...words], {
    encoding: "utf8",
    env: { ...process.env, CC: compiler, CRAM_CACHE: folder, CRAM_EXTENSIONS: extension, TURNS: String(turns) },
  });
  return stdout.trim().split("\n")[0];
};

test("a training on processors asks for it before the modules of its verb are read", { timeout: 120_000 }, () => {
  assert.equal(pretrain(2000), "asked before");
  assert.equal(pretrain(10, "--backend=reference"), "not asked before");
});
