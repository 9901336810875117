import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../../base/errors.ts";
import { collectInstalledProse } from "./installed-prose.ts";

const root = mkdtempSync(join(tmpdir(), "cramming-prose-"));
after(() => rmSync(root, { recursive: true }));

let folders = 0;
function install(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = join(root, String(folders++), "node_modules");
  mkdirSync(folder, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

const collect = (folder: string, maxBytes = 1e6) =>
  collectInstalledProse(folder, { maxBytes }).map(path => relative(folder, path));

/** 250 bytes that differ by name. */
const prose = (name: string) => name.padEnd(250, ".");

test("prose is found at every depth, in the order of the names", () => {
  const folder = install({
    "zeta/README.md": prose("zeta"),
    "@scope/alpha/readme": prose("alpha"),
    "alpha/docs/guide.markdown": prose("guide"),
    "alpha/CHANGELOG.md": prose("changes"),
    "alpha/history.txt": prose("history"),
    "alpha/node_modules/inner/README.md": prose("inner"),
    "alpha/README.en.md": prose("english"),
    "alpha/index.js": prose("code"),
    "alpha/readme.js": prose("code"),
    "alpha/readme.png": prose("picture"),
    "alpha/LICENSE.md": prose("licence"),
    "alpha/README.ja.md": prose("translation"),
    "alpha/README-pt-BR.md": prose("translation"),
    "alpha/README_zh_CN.md": prose("translation"),
  });
  assert.deepEqual(collect(folder), [
    "@scope/alpha/readme",
    "alpha/CHANGELOG.md",
    "alpha/README.en.md",
    "alpha/docs/guide.markdown",
    "alpha/history.txt",
    "alpha/node_modules/inner/README.md",
    "zeta/README.md",
  ]);
});

test("what npm installs on some machines only is left out", () => {
  const base = { "alpha/README.md": prose("alpha"), "alpha/package.json": '{"name":"alpha"}' };
  const folder = install({
    ...base,
    ".package-lock.json": JSON.stringify({
      packages: {
        "node_modules/alpha": {},
        "node_modules/optional": { optional: true },
        "node_modules/alpha/node_modules/inner": { optional: true },
      },
    }),
    "@scope/tool-linux-x64/README.md": prose("os"),
    "@scope/tool-linux-x64/package.json": '{"os":["linux"],"cpu":["x64"]}',
    "chip/README.md": prose("cpu"),
    "chip/docs/more.md": prose("cpu, more"),
    "chip/package.json": '{"cpu":["arm64"]}',
    "fsevents/README.md": prose("os alone"),
    "fsevents/package.json": '{"os":["darwin"]}',
    "musl/README.md": prose("libc"),
    "musl/package.json": '{"libc":["musl"]}',
    "optional/README.md": prose("optional"),
    "alpha/node_modules/inner/README.md": prose("inner optional"),
    "alpha/fixture/package.json": "not JSON",
    "alpha/fixture/README.md": prose("fixture"),
  });
  assert.deepEqual(collect(folder), ["alpha/README.md", "alpha/fixture/README.md"]);
});

test("hidden files, links, short files, duplicates and what is not text are left out", () => {
  const folder = install({
    "alpha/README.md": prose("alpha"),
    "alpha/same.md": prose("alpha"),
    "beta/README.md": prose("alpha"),
    "beta/short.md": "x".repeat(199),
    "beta/long-enough.md": "x".repeat(200),
    "beta/latin1.md": Buffer.from(prose("caf\u00e9"), "latin1"),
    "beta/binary.md": `\0${prose("binary")}`,
    ".cache/README.md": prose("hidden folder"),
    "beta/.notes.md": prose("hidden file"),
  });
  const elsewhere = install({ "workspace/README.md": prose("workspace") });
  symlinkSync(join(elsewhere, "workspace"), join(folder, "workspace"));
  symlinkSync(join(elsewhere, "workspace", "README.md"), join(folder, "beta", "linked.md"));
  assert.deepEqual(collect(folder), ["alpha/README.md", "beta/long-enough.md"]);
});

test("the files together stay within the limit, and stop before it is passed", () => {
  const folder = install({
    "a.md": prose("a"),
    "b.md": prose("b"),
    "c.md": prose("c").repeat(2),
    "d.md": prose("d"),
  });
  assert.deepEqual(collect(folder, 1250), ["a.md", "b.md", "c.md", "d.md"]);
  assert.deepEqual(collect(folder, 1249), ["a.md", "b.md", "c.md"]);
  assert.deepEqual(collect(folder, 999), ["a.md", "b.md"], "d.md would fit, but comes after");
  assert.deepEqual(collect(folder, 250), ["a.md"]);
});

test("nothing installed is an error that says what to do", () => {
  const isNoText = (error: unknown) => error instanceof UserError && error.code === "E_NO_TEXT";
  assert.throws(() => collect(join(root, "nowhere")), isNoText);
  assert.throws(() => collect(install({ "alpha/index.js": prose("code") })), isNoText);
});

test("prose that may not be read is named", { skip: process.platform === "win32" }, () => {
  const folder = install({ "alpha/README.md": prose("alpha") });
  chmodSync(root, 0o755);
  chmodSync(join(folder, "alpha", "README.md"), 0);
  const isRoot = process.getuid!() === 0;
  if (isRoot) process.seteuid!(65534); // root may read everything
  try {
    assert.throws(
      () => collect(folder),
      error => error instanceof UserError && error.code === "E_FILE_UNREADABLE",
    );
  } finally {
    if (isRoot) process.seteuid!(0);
  }
});

test("type declarations count by their documentation alone", () => {
  const documented = (text: string) => `/** ${text} */\nexport declare const x: number; // ${"code ".repeat(200)}`;
  const folder = install({
    "alpha/a.d.ts": documented(prose("documented")),
    "alpha/b.d.mts": `${documented(prose("documented"))}\n// the same documentation`,
    "alpha/c.d.ts": documented("too little"),
  });
  assert.deepEqual(collect(folder, 260), ["alpha/a.d.ts"]);
});
