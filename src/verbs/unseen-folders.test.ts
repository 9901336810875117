import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { showCorpus } from "./corpus/show-corpus.ts";
import { openModel } from "./model/open-model.ts";
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

test("a command that is advised is one, whatever the folder is called", async () => {
  await assert.rejects(readers.dataset!(at("my folder")), { advice: /--out '[^']*my folder' makes this one/ });
});
