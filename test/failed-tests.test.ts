// What `npm test` says at its very end of the tests that failed: enough to run each again.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { pathToFileURL } from "node:url";

const folder = mkdtempSync(join(tmpdir(), "cram-failed-tests-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const fastCheck = pathToFileURL(resolve("node_modules/fast-check/lib/fast-check.js")).href;

/** The output of the test command in a folder of its own, from the totals on. */
function runTests(
  name: string,
  files: Record<string, string>,
): { totals: string; told: string; status: number | null } {
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, name, "dist", path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `import { describe, test } from "node:test";\n${text}`);
  }
  writeFileSync(join(folder, name, "package.json"), '{ "type": "module" }');
  const { NODE_TEST_CONTEXT, ...env } = process.env;
  const { stdout, status } = spawnSync(process.execPath, [resolve("scripts/run-tests.mjs")], {
    ...{ cwd: join(folder, name), encoding: "utf8", env },
  });
  const [totals, told = ""] = stdout.slice(stdout.indexOf("# tests ")).split("failed tests:\n");
  return { totals: totals!, told, status };
}

test("a failed test is named behind the totals, with its file, the tests around it, what it said and where", () => {
  const { totals, told, status } = runTests("broken", {
    "src/room/a.test.js": 'test("unit", () => { throw new Error("of a room"); });\n',
    "test/b.test.js": [
      'test("passes", () => {});',
      'test("outer", t => t.test("inner", () => { throw new Error("two\\nlines"); }));',
      'test("is to be done", { todo: true }, () => { throw new Error("later"); });',
      `const fc = await import("${fastCheck}");`,
      'describe("suite", () => test("property", () => fc.assert(fc.property(fc.nat(), () => false), { seed: 11 })));',
    ].join("\n"),
    "test/c.test.js":
      'test("ends its process", () => { console.error("a last word"); process.kill(process.pid, "SIGKILL"); });\n',
    "test/d.test.js": 'test("lives on", () => { setTimeout(() => { throw new Error("too late"); }, 20); });\n',
  });
  assert.equal(status, 1);
  assert.match(totals, /^# tests 9$/m);
  assert.match(totals, /^# fail 6$/m);
  assert.deepEqual(
    told.split("\n").filter(line => /^\S/.test(line) && !line.startsWith("Error: ")),
    [
      "dist/src/room/a.test.js > src/room/a.test.js > unit",
      "dist/test/b.test.js > outer > inner",
      "dist/test/b.test.js > suite > property",
      "dist/test/c.test.js",
      "dist/test/d.test.js",
    ],
  );
  assert.match(told, /unit\n {4}Error: of a room\n {4}at .*a\.test\.js:2:/);
  assert.match(told, /inner\n {4}Error: two\n {4}lines\n {4}at .*b\.test\.js:3:/);
  assert.match(told, /Property failed after 1 tests\n {4}\{ seed: 11, path: "0(?::0)*", endOnFailure: true \}/);
  assert.match(told, /c\.test\.js\n {4}its process ended with SIGKILL\n {4}a last word\n/);
  assert.match(told, /"lives on" at .*d\.test\.js:2:1 .*too late/);
});

test("nothing stands behind the totals where all pass", () => {
  const { totals, status } = runTests("whole", { "test/a.test.js": 'test("passes", () => {});\n' });
  assert.equal(status, 0);
  assert.match(totals, /^# pass 1\n(?:# .*\n)*$/m);
  assert.doesNotMatch(totals, /failed tests/);
});

test("two runs at once in one folder leave each other alone, and nothing behind", async () => {
  const files = { "src/room/a.test.js": 'test("waits", () => new Promise(end => setTimeout(end, 1500)));\n' };
  runTests("beside", { ...files, "test/b.test.js": "" });
  const { NODE_TEST_CONTEXT, ...env } = process.env;
  const start = () => spawn(process.execPath, [resolve("scripts/run-tests.mjs")], { cwd: join(folder, "beside"), env });
  const first = start();
  const firstEnd = once(first, "exit");
  // In the middle of the first one's test, whose end comes before the second one's.
  await setTimeout(900);
  const [second] = await once(start(), "exit");
  assert.deepEqual([(await firstEnd)[0], second], [0, 0]);
  assert.deepEqual(readdirSync(join(folder, "beside/dist/rooms")), []);
});
