// cram doctor as a person uses it, on a machine that has everything and on ones that lack a compiler, or its headers.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Finding } from "../../machine/finding.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-doctor-"));
after(() => rmSync(folder, { recursive: true }));

function doctor(environment: NodeJS.ProcessEnv, ...words: string[]) {
  const main = join(import.meta.dirname, "../main.js");
  const env = { ...process.env, ...environment };
  return spawnSync(process.execPath, [main, "doctor", ...words], { cwd: folder, encoding: "utf8", env });
}

test("a machine with everything: versions, and exit code 0", () => {
  const { status, stdout, stderr } = doctor({}, "--no-measure", "--json");
  assert.equal(status, 0, stderr);
  const { works, findings, measurements } = JSON.parse(stdout) as {
    works: boolean;
    findings: Finding[];
    measurements: unknown[];
  };
  assert.equal(works, true);
  assert.deepEqual(measurements, []);
  const find = (name: string) => findings.find(finding => finding.name === name)!;
  assert.equal(find("Node.js").detail, process.versions.node);
  assert.match(find("koffi").detail, /^\d+\.\d+\.\d+/);
  assert.equal(find("C compiler").state, "found");
  assert.ok(findings.every(({ state, fix }) => (state === "missing") === (fix !== undefined)));
});

test("a Node.js that cannot require ES modules is told, and which can", () => {
  const words = [[], ["--json"]];
  const [told, asJson] = words.map(each => doctor({ NODE_OPTIONS: "--no-experimental-require-module" }, ...each));
  for (const { status, stdout } of [told!, asJson!]) assert.deepEqual([status, stdout], [1, ""]);
  assert.match(told!.stderr, /^E_NODE /);
  const { code, message } = JSON.parse(asJson!.stderr) as Record<string, string>;
  assert.equal(code, "E_NODE");
  assert.ok(message!.includes(`Node.js ${process.versions.node} `), message);
  assert.ok(message!.endsWith("^20.19.0 || ^22.13.0 || >=23.5.0"), message);
});

test("the number of a GPU that is not measured is refused", () => {
  const { status, stderr } = doctor({}, "--no-measure", "--device", "1");
  assert.equal(status, 1);
  assert.match(stderr, /E_OPTION[\s\S]*--device changes nothing with --no-measure/);
});

test("without a compiler: the command that installs one, and exit code 1", () => {
  // A variable that is empty is one that is not set.
  const { status, stdout } = doctor({ PATH: folder, CC: "" });
  assert.equal(status, 1);
  assert.match(stdout, /looked for cc, gcc, clang/);
  assert.match(stdout, /missing {2}C compiler[\s\S]*-> apt-get install gcc[\s\S]*cannot work yet/);
  assert.doesNotMatch(stdout, /measured/);
  assert.ok(!stdout.includes("\u001b"));
});

test("a compiler that is there but has no headers is tried, and not believed", () => {
  const compiler = join(folder, "half-cc");
  const failure = 'echo "trial.c:1:10: fatal error: math.h: No such file or directory" >&2; exit 1';
  writeFileSync(compiler, `#!/bin/sh\n[ "$1" = --version ] && { echo "half-cc 1.0"; exit 0; }\n${failure}\n`);
  chmodSync(compiler, 0o755);
  const { status, stdout } = doctor({ CC: compiler }, "--no-measure");
  assert.equal(status, 1);
  assert.match(stdout, /ok {7}C compiler +.*half-cc 1\.0/);
  assert.match(stdout, /missing {2}kernels.*math\.h: No such file[\s\S]*-> apt-get install gcc libc6-dev/);
});

test("a folder for kernels that may not be written is said", () => {
  // A file stands where the folder would be.
  writeFileSync(join(folder, "file"), "");
  const { status, stdout } = doctor({ CRAM_CACHE: join(folder, "file/cache") }, "--no-measure");
  assert.equal(status, 1);
  assert.match(stdout, /missing {2}kernel cache[\s\S]*-> export CRAM_CACHE/);
});
