import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { findPreset, joinOfPreset, presets } from "./presets.ts";
import { listShards } from "./sources.ts";

const root = mkdtempSync(join(tmpdir(), "cramming-named-"));
after(() => rmSync(root, { recursive: true }));

const paths = ["a.txt", "b.log", "deep/c.txt", "deep/er/d.txt", "deep/er/e.md", ".hidden.txt", "[x].txt"];
for (const path of paths) {
  mkdirSync(join(root, "files", path, ".."), { recursive: true });
  writeFileSync(join(root, "files", path), path);
}

test("a pattern finds what bash finds", async () => {
  for (const pattern of ["*.txt", "*", "**/*.txt", "deep/**/*.{txt,md}", "deep/*/[de].*", "de?p/c.txt"]) {
    const script = `shopt -s globstar; for f in ${pattern}; do [ -f "$f" ] && echo "$f"; done; true`;
    const expected = execFileSync("bash", ["-c", script], { cwd: join(root, "files"), encoding: "utf8" });
    const shards = await listShards([join(root, "files", pattern)]);
    assert.ok(shards.every(({ named }) => named));
    const found = shards.map(({ path }) => relative(join(root, "files"), path));
    assert.deepEqual(found.sort(), expected.trim().split("\n").sort(), pattern);
  }
});

test("a path that looks like a pattern and is there stands for itself, and one that finds nothing is told", async () => {
  const own = join(root, "files", "[x].txt");
  assert.deepEqual(
    (await listShards([own])).map(({ path }) => path),
    [own],
  );
  await assert.rejects(listShards([join(root, "files", "*.parquet")]), { code: "E_NO_TEXT" });
});

test("every preset is to be had or names what is, and a file of its name comes first", async () => {
  const names = new Set(presets.map(({ name }) => name));
  for (const { name, sources, instead } of presets) {
    assert.ok((sources === undefined) !== (instead === undefined), name);
    if (instead === undefined) continue;
    await assert.rejects(listShards([name]), { code: "E_PRESET" });
    for (const each of instead.split(" or ")) assert.ok(names.has(each), each);
  }
  const here = process.cwd();
  process.chdir(root);
  try {
    writeFileSync("oscar", "a text");
    assert.equal((await listShards(["oscar"])).length, 1);
  } finally {
    process.chdir(here);
  }
});

test("every configuration of the reference's data has its name", async () => {
  // The files of config/data at the reference's 737ada6 and its tag Last1.13release, with what this source is here.
  const configurations = {
    "bert-default": "bookcorpus-wikipedia",
    "bookcorpus-wikipedia": "bookcorpus-wikipedia",
    "c4-subset-processed": "c4",
    "c4-subset": "c4",
    "the-pile-dedup": "pile-deduplicated",
    "pile-readymade": "pile-readymade",
    openweb: "openwebtext",
    "roots-mini": "roots-mini",
    "raw-wikipedia-dumps": "wikipedia",
    "sanity-check-2": "ag-news",
  };
  for (const [name, preset] of Object.entries(configurations)) {
    const found = presets.find(each => each.name === preset)!;
    assert.deepEqual([findPreset(name), joinOfPreset(name)], [found.sources, found.join], name);
  }
  for (const gone of ["the-pile", "the-pile-stream", "the-pile-natural", "the_pileCC", "oscar", "sanity-check-1"]) {
    await assert.rejects(listShards([gone]), { code: "E_PRESET" }, gone);
    const mixture = join(root, "mix.json");
    writeFileSync(mixture, JSON.stringify({ sources: [{ source: gone, weight: 1 }] }));
    await assert.rejects(listShards([mixture]), { code: "E_PRESET" }, gone);
  }
});

test("the sets of ROOTS are those that the reference's configuration names", () => {
  const sets = ["book_dash_books", "ted_talks_iwslt", "no_code_stackexchange", "uncorpus", "the_pile_uspto"];
  sets.push("wikibooks", "wikinews", "wikiquote", "wikiversity", "wikivoyage");
  const named = presets.find(({ name }) => name === "roots-mini")!.sources!;
  assert.deepEqual(
    named.filter(source => source.includes("roots")),
    sets.map(set => `hf:bigscience-data/roots_en_${set}`),
  );
});

test("the standard input that is named twice is refused", () => {
  const program = `
    const { listShards } = await import(${JSON.stringify(new URL("./sources.js", import.meta.url).href)});
    await listShards(["-", "-"]).catch(({ code, message }) => console.log(code, message));`;
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    ...{ input: "text", encoding: "utf8", env: { ...process.env, CRAM_CACHE: join(root, "cache") } },
  });
  assert.match(stdout, /^E_NO_TEXT -: the standard input is named twice/);
});

test("the standard input is what its content says, and nothing is left of it", () => {
  const program = `
    const { listShards } = await import(${JSON.stringify(new URL("./sources.js", import.meta.url).href)});
    const { readShard } = await import(${JSON.stringify(new URL("./read-shard.js", import.meta.url).href)});
    const texts = [];
    for (const shard of await listShards(["-"]))
      for await (const { documents } of readShard(shard, { textField: "text", format: process.argv[1] }, {})) texts.push(...documents);
    console.log(JSON.stringify(texts));`;
  for (const [input, format, expected] of [
    [gzipSync('{"text":"a"}\n{"text":"b"}\n'), [], ["a", "b"]],
    ["plain text", [], ["plain text"]],
    [gzipSync("id,text\n1,a\n"), ["csv"], ["a"]],
  ] as const) {
    const environment = { ...process.env, CRAM_CACHE: join(root, "cache") };
    const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", program, ...format], {
      input,
      encoding: "utf8",
      env: environment,
    });
    const documents = JSON.parse(stdout) as { text: string; source: string }[];
    assert.deepEqual(
      documents.map(({ text }) => text),
      expected,
    );
    assert.equal(documents[0]!.source, "-");
    assert.deepEqual(readdirSync(join(root, "cache", "stdin")), []);
  }
});
