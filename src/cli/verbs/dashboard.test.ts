// cram dashboard as a person uses it.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const folder = mkdtempSync(join(tmpdir(), "cram-dashboard-"));
after(() => rmSync(folder, { recursive: true }));
const words = (...more: string[]) => [join(import.meta.dirname, "../main.js"), "dashboard", ...more];
const refused = (...more: string[]) =>
  spawnSync(process.execPath, words(...more), { cwd: folder, encoding: "utf8" }).stderr;

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

test("what cannot be served is refused", () => {
  writeFileSync(join(folder, "file"), "");
  assert.match(refused("none"), /^E_FILE_MISSING none: no folder here/);
  assert.match(refused("file"), /^E_FILE_MISSING file: no folder here/);
  assert.match(refused(".", "--port", "high"), /^E_OPTION --port high: not a whole number from 0 to 65535/);
  assert.match(refused(".", "--port", "0", "--host", "0.0.0.0"), /^E_TOKEN --host 0\.0\.0\.0: others can reach/);
  assert.match(refused(".", "--port", "0", "--token", "short"), /^E_TOKEN a token of 5 characters/);
});
