import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { exportCorpus } from "./corpus/export-corpus.ts";
import { showCorpus } from "./corpus/show-corpus.ts";
import { openModel } from "./model/open-model.ts";
import { prepare } from "./prepare/prepare.ts";
import { pretrain } from "./pretrain/pretrain.ts";
import { report } from "./report/report.ts";

const root = mkdtempSync(join(tmpdir(), "cram-unseen-"));
after(() => rmSync(root, { recursive: true }));
const at = (name: string) => join(root, name);
writeFileSync(at("file"), "{}");
symlinkSync("nowhere", at("dangling"));
symlinkSync("loop", at("loop"));
mkdirSync(at("my folder"));

const seen: readonly (readonly [name: string, code: string, message: RegExp])[] = [
  ["file", "E_FILE_UNREADABLE", /file: a file, and no folder of a (model|corpus|dataset|run)$/],
  ["file/below", "E_FILE_UNREADABLE", /below: cannot be read as a .*a file stands where a folder should be/],
  ["dangling", "E_FILE_MISSING", /dangling: a symbolic link to nowhere, where nothing is/],
  ["loop", "E_FILE_UNREADABLE", /loop: cannot be read as a .*links that lead in a circle/],
];
const readers: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
  model: path => openModel(path),
  corpus: path => showCorpus(path, {}),
  dataset: path => pretrain({ data: path, out: at("out"), recipe: "quickstart", budget: "1steps" }),
  run: path => pretrain({ resume: path }),
  "run of a report": path => report([path], { out: at("page.html") }),
};
for (const [kind, read] of Object.entries(readers)) {
  test(`what stands in the place of the folder of a ${kind} is told`, async () => {
    for (const [name, code, message] of seen) await assert.rejects(read(at(name)), { code, message }, name);
    await assert.rejects(read(at("none")), { code: "E_FILE_MISSING", message: /none: no / });
  });
}

test("what stands in the place of a file of a dataset is told by who reads it", async () => {
  writeFileSync(
    at("texts.txt"),
    Array.from({ length: 400 }, (_, i) => `the red fox sleeps in its den ${i}.`).join("\n"),
  );
  const size = { vocabulary: 100, sequenceLength: 16, holdOut: 0.1, recipe: "quickstart", threads: 1 };
  const made = (await prepare({ texts: [at("texts.txt")], documentSeparator: "line", out: at("data"), ...size }))
    .folder;
  const set = ["model.vocabulary=400", "model.sequenceLength=16"];
  const reads: Readonly<Record<string, (folder: string) => Promise<unknown>>> = {
    "a training": data => pretrain({ data, out: at("out"), recipe: "quickstart", set, budget: "1steps" }),
    "a look": data => showCorpus(data),
    "a corpus for others": data => exportCorpus(data, { to: "parquet", out: at("parquet") }),
    "the same of texts": data => exportCorpus(join(data, "documents"), { to: "parquet", out: at("parquet") }),
  };
  const files = {
    "manifest.json": /training|look|others/,
    "training-00000.bin": /training|look|others/,
    "validation-00000.bin": /training|look|others/,
    "tokenizer.json": /training|look|others/,
    "documents/manifest.json": /look|texts/,
    "documents/documents-00000.jsonl": /look|texts/,
  };
  for (const [file, readBy] of Object.entries(files)) {
    for (const stand of [(path: string) => symlinkSync(basename(path), path), (path: string) => mkdirSync(path)]) {
      rmSync(at("damaged"), { recursive: true, force: true });
      cpSync(made, at("damaged"), { recursive: true });
      rmSync(join(at("damaged"), file));
      stand(join(at("damaged"), file));
      for (const [name, read] of Object.entries(reads).filter(([name]) => readBy.test(name)))
        await assert.rejects(read(at("damaged")), { name: "UserError" }, `${name}: ${file}`);
    }
  }
});

test("a command that is advised is one, whatever the folder is called", async () => {
  await assert.rejects(readers.dataset!(at("my folder")), { advice: /--out '[^']*my folder' makes this one/ });
});
