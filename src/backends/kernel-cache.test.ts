import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { buildLibrary, findCompiler, loadBuilt } from "./cpu/build.ts";
import { findCached, kernelCacheFolder, readCached, replaceCached, writeCached } from "./kernel-cache.ts";

const cache = mkdtempSync(join(tmpdir(), "cram-cache-"));
// Tests of other files share this process, and have the cache from outside.
const outside = process.env.CRAM_CACHE;
const folder = join(cache, "kernels");
after(() => {
  if (outside === undefined) delete process.env.CRAM_CACHE;
  else process.env.CRAM_CACHE = outside;
  rmSync(cache, { recursive: true });
});
beforeEach(() => {
  process.env.CRAM_CACHE = cache;
  rmSync(folder, { recursive: true, force: true });
});

const user = process.getuid?.() ?? "user";
const places: readonly (readonly [environment: NodeJS.ProcessEnv, folder: string])[] = [
  [{ CRAM_CACHE: "/c", XDG_CACHE_HOME: "/x", HOME: "/h" }, "/c/kernels"],
  [{ CRAM_CACHE: "", XDG_CACHE_HOME: "/x", HOME: "/h" }, "/x/cramming/kernels"],
  [{ XDG_CACHE_HOME: "", HOME: "/h" }, "/h/.cache/cramming/kernels"],
  [{ XDG_CACHE_HOME: "x", HOME: "/h" }, "/h/.cache/cramming/kernels"],
  [{ HOME: "" }, join(tmpdir(), `cache-of-${user}/cramming/kernels`)],
];

for (const [environment, expected] of places) {
  test(`the cache of ${JSON.stringify(environment)} is ${expected}`, () => {
    assert.equal(kernelCacheFolder(environment), expected);
  });
}

test("a relative CRAM_CACHE is refused", () => {
  assert.throws(() => kernelCacheFolder({ CRAM_CACHE: "here", HOME: "/h" }), { code: "E_CACHE" });
});

test("a cache below a path with a space, and one below a file", () => {
  const spaced = join(cache, "my cache");
  try {
    process.env.CRAM_CACHE = spaced;
    assert.equal(writeCached("k", ".so", "content").startsWith(`${spaced}/kernels/k-`), true);
    writeFileSync(join(cache, "file"), "");
    process.env.CRAM_CACHE = join(cache, "file");
    assert.throws(() => writeCached("k", ".so", "content"), { code: "E_NOT_WRITABLE", advice: /CRAM_CACHE/ });
  } finally {
    process.env.CRAM_CACHE = cache;
  }
});

const damages: Readonly<Record<string, (path: string) => void>> = {
  empty: path => truncateSync(path, 0),
  "cut short": path => truncateSync(path, statSync(path).size - 1),
  "one bit changed": path => {
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(path, bytes);
  },
  "longer than it was": path => writeFileSync(path, "x", { flag: "a" }),
  "a folder": path => {
    rmSync(path);
    mkdirSync(join(path, "x"), { recursive: true });
  },
  "another's under its name": path => writeFileSync(path, "int f;"),
};

for (const [name, damage] of Object.entries(damages)) {
  test(`a file that is ${name} is made again`, () => {
    const path = writeCached("k", ".so", "content");
    assert.equal(findCached("k", ".so"), path);
    damage(path);
    assert.equal(findCached("k", ".so"), undefined);
    assert.equal(readCached("k", ".so"), undefined);
    assert.equal(writeCached("k", ".so", "content"), path);
    assert.equal(readCached("k", ".so")?.toString(), "content");
    assert.equal(readdirSync(folder).length, 1);
  });
}

test("what is measured anew takes the place of what was measured before", () => {
  replaceCached("m", ".json", "1");
  replaceCached("m", ".json", "2");
  assert.equal(readCached("m", ".json")?.toString(), "2");
  assert.equal(readdirSync(folder).length, 1);
});

const noUsers = process.platform === "win32" ? "no such rights here" : false;

test("the folder is its owner's alone, and one that others could write into is emptied", { skip: noUsers }, () => {
  writeCached("k", ".so", "content");
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  chmodSync(folder, 0o777);
  writeFileSync(join(folder, "planted.so"), "");
  writeCached("other", ".so", "content");
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  assert.deepEqual(readdirSync(folder), [readdirSync(folder).find(name => name.startsWith("other-"))]);
});

const noCompiler = await findCompiler().then(
  () => false,
  () => "no C compiler",
);

test("a damaged library is built again, and nothing of the build is left", { skip: noCompiler }, async () => {
  const source = "int three(void) { return 3; }\n";
  const path = await buildLibrary(source);
  truncateSync(path, 100);
  const library = await loadBuilt(source);
  assert.equal(library.func("int three()")(), 3);
  assert.deepEqual(readdirSync(folder).length, 1);
});

// It says its version, and then neither ends nor listens.
const hanging = '#!/bin/sh\n[ "$1" = --version ] && exec echo hangs 1\ntrap "" TERM INT\nsleep 30 & wait; wait\n';

test("a compiler that hangs is ended, its folder is gone, and the message says so", { skip: noUsers }, async () => {
  const compiler = join(cache, "cc that hangs");
  writeFileSync(compiler, hanging, { mode: 0o755 });
  const words = [
    `process.env.CC = ${JSON.stringify(compiler)};`,
    `const { buildLibrary } = await import(${JSON.stringify(new URL("./cpu/build.js", import.meta.url).href)});`,
    `await buildLibrary("int four;", [], undefined, 0.3).catch(({ code, message }) => console.log(code, message));`,
  ];
  const start = performance.now();
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", words.join("\n")], {
    encoding: "utf8",
    timeout: 20_000,
  });
  assert.equal(stdout, `E_COMPILER ${compiler} did not end in 0.3 seconds\n`);
  assert.ok(performance.now() - start < 15_000);
  assert.deepEqual(readdirSync(folder), []);
});

test("a compiler with words of its own is found, one that makes nothing is none", { skip: noCompiler }, async () => {
  const before = process.env.CC;
  try {
    process.env.CC = "env gcc -O1";
    const { command, flags } = await findCompiler();
    assert.deepEqual([command, flags], ["env", ["gcc", "-O1"]]);
    for (const none of ["no-such-compiler -O1", join(process.execPath, "gcc"), "n".repeat(300)]) {
      process.env.CC = none;
      await assert.rejects(findCompiler(), { code: "E_COMPILER_ABSENT", message: /CC is .* no compiler that runs/ });
    }
    process.env.CC = cache;
    await assert.rejects(findCompiler(), { code: "E_COMPILER_ABSENT", message: /CC is .*, which is a folder/ });
  } finally {
    if (before === undefined) delete process.env.CC;
    else process.env.CC = before;
  }
});
