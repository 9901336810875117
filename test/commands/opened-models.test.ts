// Every verb that takes a model takes every kind of folder that can serve it; what a kind lacks is said by name. Tiny models.

import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../../src/base/errors.ts";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../../src/checkpoint/safetensors.ts";
import { openPretrainedModel } from "../../src/pretrained/pretrained-model.ts";
import { openTextReader } from "../../src/pretrained/text-reader.ts";
import { exportRun } from "../../src/verbs/export/export-run.ts";
import { embed } from "../../src/verbs/model/embed.ts";
import { fill } from "../../src/verbs/model/fill.ts";
import { writeTinyRun } from "../tiny-run.ts";

const root = mkdtempSync(join(tmpdir(), "cram-opened-"));
after(() => rmSync(root, { recursive: true }));

const golden = JSON.parse(
  readFileSync(new URL("../../../test/golden/expected/foreign-bert.json", import.meta.url), "utf8"),
) as {
  config: Record<string, unknown>;
  tensors: string;
};
const tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat"];
const run = join(root, "run");
// Four rows more than tokens.
await writeTinyRun(run, ["the", "cat", "."], ["model.vocabulary=14"]);

const bert = join(root, "bert");
mkdirSync(bert);
writeFileSync(join(bert, "config.json"), JSON.stringify(golden.config));
writeFileSync(join(bert, "model.safetensors"), Buffer.from(golden.tensors, "base64"));
writeFileSync(join(bert, "vocab.txt"), tokens.join("\n"));

const load = (): StoredTensor[] =>
  [...readSafetensors(join(bert, "model.safetensors")).values()].map(tensor => {
    const values = tensor.read();
    return { ...tensor, read: () => values };
  });

function copyOf(name: string, tensors: readonly StoredTensor[]): string {
  const folder = join(root, name);
  cpSync(bert, folder, { recursive: true });
  writeSafetensors(join(folder, "model.safetensors"), tensors);
  return folder;
}

const fails =
  (code: string, message = /./) =>
  (error: unknown) =>
    error instanceof UserError && error.code === code && message.test(error.message) && error.message.length < 1000;
const choice = { backend: "reference" } as const;

test("a run and a folder of Hugging Face's fill, and special tokens and rows without a token are no candidates", async () => {
  for (const [folder, count] of [
    [run, 3],
    [bert, 2],
  ] as const) {
    const [filled] = await fill(folder, ["the [MASK]"], { ...choice, top: 100 });
    const { candidates } = filled!.masks[0]!;
    assert.equal(candidates.length, count);
    assert.ok(candidates.every(({ token, probability }) => !/^[<[]/.test(token) && probability > 0));
    // Shares of all rows, those without a token among them.
    assert.ok(candidates.reduce((sum, { probability }) => sum + probability, 0) < 1);
  }
});

test("an encoder without a head embeds as with one, and fills nothing", async () => {
  const bare = load()
    .filter(({ name }) => name.startsWith("bert."))
    .map(tensor => ({ ...tensor, name: tensor.name.slice("bert.".length) }));
  const folder = copyOf("bare", bare);
  assert.deepEqual(await embed(folder, ["the cat"], choice), await embed(bert, ["the cat"], choice));
  assert.equal((await openPretrainedModel(folder)).predictsTokens, false);
  // A classifier's export is an encoder alone, too, and says what it was made for.
  const classifier = copyOf("classifier", bare);
  const config = JSON.parse(readFileSync(join(classifier, "config.json"), "utf8"));
  writeFileSync(
    join(classifier, "config.json"),
    JSON.stringify({ ...config, architectures: ["BertForSequenceClassification"] }),
  );
  await assert.rejects(fill(classifier, ["the [MASK]"], choice), {
    message: /it was finetuned, "BertForSequenceClassification"$/,
    advice: /^Give the run that it was finetuned from/,
  });
  await assert.rejects(fill(folder, ["the [MASK]"], choice), fails("E_NO_HEAD"));
  // A head that is there in part is damage, not an encoder.
  const torn = copyOf(
    "torn",
    load().filter(({ name }) => name !== "cls.predictions.transform.dense.weight"),
  );
  await assert.rejects(openPretrainedModel(torn), fails("E_FOREIGN_TENSOR", /transform\.dense\.weight is missing/));
});

test("another program's model is exported as it is, and its card tells of no training", async () => {
  const out = join(root, "bert again");
  const { className, onnx } = await exportRun(bert, { ...choice, out, types: ["f32"] });
  assert.deepEqual([className, onnx.map(({ type }) => type)], ["BertForMaskedLM", ["f32"]]);
  assert.deepEqual(await embed(out, ["the cat"], choice), await embed(bert, ["the cat"], choice));
  const card = readFileSync(join(out, "README.md"), "utf8");
  assert.match(card, /written from a model that another program saved/);
  assert.doesNotMatch(card, /## Training|undefined/);
});

test("shards are one model; a list that lies, or leads out of the folder, is refused", async () => {
  const folder = copyOf("shards", load());
  rmSync(join(folder, "model.safetensors"));
  const halves = [load().slice(0, 20), load().slice(20)];
  const name = (i: number) => `model-0000${i + 1}-of-00002.safetensors`;
  halves.forEach((half, i) => {
    writeSafetensors(join(folder, name(i)), half);
  });
  const map = Object.fromEntries(halves.flatMap((half, i) => half.map(tensor => [tensor.name, name(i)])));
  const write = (weights: Record<string, string>) =>
    writeFileSync(join(folder, "model.safetensors.index.json"), JSON.stringify({ weight_map: weights }));
  write(map);
  const [opened, whole] = [await openPretrainedModel(folder), await openPretrainedModel(bert)];
  assert.equal(opened.hash, whole.hash);
  const [first] = Object.keys(map);
  for (const other of ["../bert/model.safetensors", "absent.safetensors", name(1), "config.json"]) {
    write({ ...map, [first!]: other });
    await assert.rejects(openPretrainedModel(folder), fails("E_FOREIGN_TENSOR"), other);
  }
});

test("a value that is no number is said wherever a model is used", async () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const folder = copyOf(`broken-${value}`, load());
    // The first value of the first tensor; our own writer refuses one.
    const file = join(folder, "model.safetensors");
    const bytes = readFileSync(file);
    bytes.writeFloatLE(value, 8 + Number(bytes.readBigUInt64LE(0)));
    writeFileSync(file, bytes);
    await assert.rejects(fill(folder, ["the [MASK]"], choice), fails("E_NOT_FINITE"));
    await assert.rejects(embed(folder, ["the cat"], choice), fails("E_NOT_FINITE"));
  }
});

test("special tokens that a text spells out: as the tokenizer's settings say, in a run's tasks as text", async () => {
  const settings = join(bert, "tokenizer_config.json");
  const encode = async () => Array.from((await openTextReader(bert)).encodeText("the [SEP] cat"));
  assert.deepEqual(await encode(), [5, 3, 6]);
  // A stored result is not that of the other reading.
  const { hash } = await openPretrainedModel(bert);
  writeFileSync(settings, JSON.stringify({ split_special_tokens: true }));
  assert.deepEqual(await encode(), [5, 1, 1, 1, 6]);
  assert.notEqual((await openPretrainedModel(bert)).hash, hash);
  rmSync(settings);
  const opened = await openPretrainedModel(run);
  assert.ok(!Array.from(opened.encodeText("the <sep> cat")).includes(opened.specials.separator));
  assert.ok(
    Array.from(opened.encodeForModel("the <sep> cat")).filter(id => id === opened.specials.separator).length === 2,
  );
});

test("vocab.txt: blank lines at the end are none, CRLF is a line's end; doubles and bytes that are no UTF-8 are named", async () => {
  const path = join(bert, "vocab.txt");
  const read = async (content: string | Uint8Array) => {
    writeFileSync(path, content);
    return (await openTextReader(bert)).vocabulary;
  };
  assert.equal(await read(`${tokens.join("\n")}\n\n`), 7);
  assert.equal(await read(`${tokens.join("\r\n")}\r\n`), 7);
  assert.equal(await read([...tokens.slice(0, 5), "", "the"].join("\n")), 7);
  await assert.rejects(read([...tokens, "the"].join("\n")), fails("E_TOKENIZER_UNSUPPORTED", /vocab\.txt:8: .*line 6/));
  const broken = Buffer.concat([Buffer.from(`${tokens.join("\n")}\n`), Buffer.from([0x61, 0xff, 0x0a])]);
  await assert.rejects(read(broken), fails("E_TOKENIZER_UNSUPPORTED", /vocab\.txt:8: bytes/));
  await read(tokens.join("\n"));
});
