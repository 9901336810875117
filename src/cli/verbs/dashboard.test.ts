// cram dashboard as a person uses it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startWarmProgram } from "../../../test/warm-program.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-dashboard-"));
after(() => rmSync(folder, { recursive: true }));
const words = (...more: string[]) => [join(import.meta.dirname, "../main.js"), "dashboard", ...more];

test("it says where it is, answers, and ends with Ctrl-C as what it was meant to do", async () => {
  const child = spawn(process.execPath, words(folder, "--port", "0", "--json"), {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise(resolve => child.on("exit", (code, signal) => resolve({ code, signal })));
  try {
    const line = await new Promise<string>(resolve => child.stdout.setEncoding("utf8").once("data", resolve));
    const { url } = JSON.parse(line) as { url: string };
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/$/);
    assert.match(await (await fetch(url)).text(), /<h1>Runs in /);
  } finally {
    child.kill("SIGINT");
  }
  assert.deepEqual(await ended, { code: 0, signal: null });
});

test("what cannot be served is refused", async () => {
  writeFileSync(join(folder, "file"), "");
  const program = startWarmProgram(folder);
  try {
    const refuse = async (pattern: RegExp, ...more: string[]) => {
      const { status, stderr } = await program.run("dashboard", ...more);
      assert.equal(status, 1);
      assert.match(stderr, pattern);
    };
    await refuse(/^E_FILE_MISSING none: no folder here/, "none");
    await refuse(/^E_FILE_UNREADABLE file: a file, and no folder of runs/, "file");
    await refuse(/^E_OPTION --port high: not a number/, ".", "--port", "high");
    await refuse(/^E_TOKEN --host 0\.0\.0\.0: others can reach/, ".", "--port", "0", "--host", "0.0.0.0");
    await refuse(/^E_TOKEN a token of 5 characters/, ".", "--port", "0", "--token", "short");
  } finally {
    program.close();
  }
});
