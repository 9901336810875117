// Every file of an export that cram reads, damaged, and everybody who reads it: none takes it without a word. A person who changed
// one on purpose is told how to go on, and that works.

import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { UserError } from "../../src/base/errors.ts";
import { openPretrainedModel } from "../../src/pretrained/pretrained-model.ts";
import { exportRun } from "../../src/verbs/export/export-run.ts";
import { push } from "../../src/verbs/hub.ts";
import { openTokenizer } from "../../src/verbs/prepare/open-tokenizer.ts";
import { writeTinyRun } from "../tiny-run.ts";

const root = mkdtempSync(join(tmpdir(), "cram-damaged-export-"));
after(() => rmSync(root, { recursive: true }));
const whole = join(root, "whole");
before(async () => {
  await writeTinyRun(join(root, "run"), ["the", "cat", "sat"]);
  await exportRun(join(root, "run"), { out: whole, formats: ["huggingface"] });
});

const open = (folder: string): Promise<unknown> => openPretrainedModel(folder);
const takeTokenizer = (folder: string): Promise<unknown> => openTokenizer(folder);
const takeTokenizerFile = (folder: string): Promise<unknown> => openTokenizer(join(folder, "tokenizer.json"));
// Before it asks for a token.
const pushFolder = (folder: string): Promise<unknown> => push(folder, "me/model", {});

const readersOf = (name: string) => {
  if (name === "cram-export.json") return [open, takeTokenizer, takeTokenizerFile, pushFolder];
  return /token/.test(name) ? [open, takeTokenizer, takeTokenizerFile, pushFolder] : [open, pushFolder];
};

/** Valid files all: only what they say is another. */
const damages: readonly (readonly [name: string, what: string, (bytes: Buffer) => Buffer | undefined])[] = [
  ["model.safetensors", "one bit", bytes => Buffer.from(bytes.with(bytes.length - 3, bytes.at(-3)! ^ 1))],
  [
    "model.safetensors",
    "a block of zeros",
    bytes => Buffer.from(bytes.fill(0, bytes.length >> 1, (bytes.length >> 1) + 64)),
  ],
  ["config.json", "other heads", bytes => Buffer.from(bytes.toString().replace(/("num_attention_heads": )\d+/, "$11"))],
  ["tokenizer.json", "two tokens exchanged", bytes => swap(bytes, '"cat"', '"sat"')],
  ["tokenizer_config.json", "another setting", bytes => swap(bytes, "cram_tasks_split", "cram_other_split")],
  ["tokenizer_config.json", "removed", () => undefined],
  ["cram-export.json", "a digit of a hash", bytes => Buffer.from(bytes.toString().replace(/": "[0-9a-f]/, '": "x'))],
  ["cram-export.json", "zeros", bytes => Buffer.alloc(bytes.length)],
];

const swap = (bytes: Buffer, a: string, b: string) =>
  Buffer.from(bytes.toString().replaceAll(a, "\0").replaceAll(b, a).replaceAll("\0", b));

for (const [name, what, damage] of damages) {
  test(`${name}, ${what}: refused by everybody who reads it`, async () => {
    const folder = join(root, "damaged");
    cpSync(whole, folder, { recursive: true });
    const before = readFileSync(join(folder, name));
    const after = damage(Buffer.from(before));
    assert.notDeepEqual(after, before);
    if (after === undefined) rmSync(join(folder, name));
    else writeFileSync(join(folder, name), after);
    for (const read of readersOf(name)) {
      await assert.rejects(read(folder), (error: unknown) => {
        assert.ok(error instanceof UserError, String((error as Error).stack));
        assert.ok(["E_EXPORT_CHANGED", "E_JSON"].includes(error.code), error.code);
        return error.message.startsWith(join(folder, name));
      });
    }
    rmSync(folder, { recursive: true });
  });
}

test("whole it is opened, without its graphs of ONNX, and with another card; changed on purpose as the error says", async () => {
  const readers = [open, takeTokenizer, takeTokenizerFile];
  writeFileSync(join(whole, "README.md"), "mine");
  for (const read of readers) await read(whole);
  await assert.rejects(pushFolder(whole), { code: "E_HUB_TOKEN" });
  const config = join(whole, "config.json");
  writeFileSync(config, `${readFileSync(config, "utf8")}\n`);
  const refused = await open(whole).then(undefined, (error: UserError) => error);
  const named = /remove (\S+\.json):/.exec((refused as UserError).advice)![1]!;
  assert.ok(existsSync(named));
  rmSync(named);
  for (const read of readers) await read(whole);
});
