// What a training builds whatever its model is asked of the system's compiler before the verb's modules are read, and only where it trains.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

test("a compiler that hangs keeps no error waiting", { timeout: 120_000 }, async () => {
  const [hanging, number] = [join(folder, "hanging-cc"), join(folder, "number")];
  writeFileSync(hanging, `#!/bin/sh\n[ -e ${number} ] && exit 1\necho $$ > ${number}\nexec sleep 100\n`);
  chmodSync(hanging, 0o755);
  const child = spawn(process.execPath, [main, "pretrain", "--nosuch"], {
    env: { ...process.env, CC: hanging, CRAM_CACHE: folder },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const closed = once(child, "close");
  const [said] = (await once(child.stderr, "data")) as [Buffer];
  // The compiler is there still: who looks for it ends it after half a minute.
  process.kill(Number(readFileSync(number, "utf8")), "SIGKILL");
  assert.match(String(said), /--nosuch/);
  await closed;
});
