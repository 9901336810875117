// cram export as a person uses it: the folder of a run becomes one that opens as the same model, and a run begins from it. The
// model is a run with new parameters, written by hand.

import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema } from "onnx-buf";
import { openPretrainedModel } from "../../src/pretrained/pretrained-model.ts";
import { specialTokens } from "../../src/tokenizer/tokenizer.ts";
import { writeTinyRun } from "../tiny-run.ts";
import { startWarmProgram } from "../warm-program.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-export-"));
const program = startWarmProgram(folder);
after(() => {
  program.close();
  rmSync(folder, { recursive: true });
});

const words = ["good", "bad", "film", "plot", "actor", "was", "the"];

before(async () => {
  await writeTinyRun(join(folder, "rotary"), words, ["model.layers=2"]);
  await writeTinyRun(join(folder, "paper"), words, ["model.layers=2", "model.positions=scaled-sinusoidal"]);
});

const cram = (...given: string[]) => program.run(...given);

test("a rotary run opens as ModernBERT, with the same parameters and the same ids", async () => {
  const { status, stdout, stderr } = await cram("export", "rotary", "--threads", "1", "--types", "f32");
  assert.equal(status, 0, stderr);
  assert.match(stdout, /ModernBertForMaskedLM; read again, every value equal/);
  const [ours, theirs] = [
    await openPretrainedModel(join(folder, "rotary")),
    await openPretrainedModel(join(folder, "rotary/export")),
  ];
  for (const [index, parameter] of ours.parameters.entries()) {
    assert.deepEqual(theirs.parameters[index]!.read(), parameter.read(), parameter.name);
  }
  assert.deepEqual(theirs.encodeText("The film was <mask>!"), ours.encodeText("The film was <mask>!"));
  assert.deepEqual(theirs.specials, ours.specials);
  const settings = JSON.parse(readFileSync(join(folder, "rotary/export/tokenizer_config.json"), "utf8"));
  assert.equal(settings.mask_token, "<mask>");
  assert.equal(settings.model_max_length, 16);
});

test("the card says recipe, data, budget and what it does not know", async () => {
  const card = () => readFileSync(join(folder, "rotary/export/README.md"), "utf8");
  for (const part of [/`quickstart`/, /budget \| 3m/, /steps \| 10 /, /tokens \| 2,560/, /`cafe`/, /"width": 16/]) {
    assert.match(card(), part);
  }
  assert.match(card(), /^---\nlicense: unknown\nlibrary_name: transformers\npipeline_tag: fill-mask/);
  assert.match(card(), /data\n\nUnknown/);
  assert.equal((await cram("export", "rotary", "--format", "huggingface", "--license", "cc0-1.0")).status, 0);
  assert.match(card(), /^---\nlicense: cc0-1\.0\n/);
});

test("the paper's own model is ONNX alone, and says which field prevents more", async () => {
  const out = join(folder, "paper/export");
  cpSync(join(folder, "rotary/export"), out, { recursive: true });
  assert.ok(existsSync(join(out, "model.safetensors")));
  const { status, stdout, stderr } = await cram("export", "paper", "--threads", "1", "--json");
  assert.equal(status, 0, stderr);
  const result = JSON.parse(stdout);
  assert.match(result.notes.join(), /model\.positions is scaled-sinusoidal.*--set model\.positions=rotary/);
  assert.ok(!existsSync(join(out, "model.safetensors")));
  const read = (name: string) => fromBinary(ModelProtoSchema, readFileSync(join(out, "onnx", name)));
  const { graph, opsetImport } = read("model.onnx");
  assert.deepEqual(
    opsetImport.map(({ version }) => version),
    [17n],
  );
  assert.deepEqual(
    graph!.input.map(({ name }) => name),
    ["input_ids", "attention_mask"],
  );
  assert.deepEqual(
    graph!.output.map(({ name }) => name),
    ["logits", "last_hidden_state"],
  );
  const bytesOf = (name: string) =>
    read(name).graph!.initializer.find(({ name: tensor }) => tensor.startsWith("embedding.word"))!.rawData.length;
  const elements = (specialTokens.length + words.length) * 16;
  assert.deepEqual(["model.onnx", "model_fp16.onnx", "model_quantized.onnx"].map(bytesOf), [
    4 * elements,
    2 * elements,
    elements,
  ]);
  const refused = await cram("export", "paper", "--format", "huggingface");
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /E_EXPORT_FORMAT .*model\.positions/);
});

test("an ELECTRA run is its discriminator, or an encoder alone, without what predicts tokens", async () => {
  const electra = ["objective.name=electra", "objective.generatorWidth=0.5"];
  const bert = ["positions=learned", "normalisation=post", "activation=gelu", "biases=true", "segments=true"];
  const narrow = [...bert, "head=transform", "embedding.width=12"].map(each => `model.${each}`);
  await writeTinyRun(join(folder, "electra"), words, [...electra, ...narrow]);
  const written = await cram("export", "electra", "--threads", "1", "--types", "f32");
  assert.equal(written.status, 0, written.stderr);
  assert.match(written.stdout, /ElectraForPreTraining; read again, every value equal/);
  assert.match(written.stdout, /model\.onnx .*hidden states within/);
  assert.match(written.stdout, /the encoder alone, and it predicts no tokens/);
  const [ours, theirs] = [
    await openPretrainedModel(join(folder, "electra")),
    await openPretrainedModel(join(folder, "electra/export")),
  ];
  assert.deepEqual(
    [theirs.predictsTokens, theirs.parameters.map(({ name }) => name)],
    [false, ours.parameters.map(({ name }) => name)],
  );
  assert.deepEqual(
    theirs.discriminator?.map(({ name, read }) => [name, read()]),
    ours.discriminator?.map(({ name, read }) => [name, read()]),
  );
  assert.match(
    readFileSync(join(folder, "electra/export/README.md"), "utf8"),
    /import AutoTokenizer, ElectraForPreTraining/,
  );
  // Rotary positions are ModernBERT's, which has no head that tells replaced tokens.
  await writeTinyRun(join(folder, "replaced"), words, electra);
  const { stdout } = await cram("export", "replaced", "--format", "huggingface");
  assert.match(stdout, /ModernBertModel; read again[\s\S]*the head that tells replaced tokens is left out/);
});
