// A model that stays loaded: what it answers is what a graph of the text's own length answers in float64, whoever used the backend
// meanwhile.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { writeTinyRun } from "../../../test/tiny-run.ts";
import { placeParameters } from "../../backends/placed-parameters.ts";
import { openReference } from "../../backends/reference/reference.ts";
import { input, state } from "../../graph/operations.ts";
import { predictTokens } from "../../model/heads.ts";
import { declareEncoderInputs, makeTables } from "../../model/inputs.ts";
import { openPretrainedModel } from "../../pretrained/pretrained-model.ts";
import { specialTokens } from "../../tokenizer/tokenizer.ts";
import { embed } from "./embed.ts";
import { openModel } from "./open-model.ts";

const root = mkdtempSync(join(tmpdir(), "cram-open-model-"));
after(() => rmSync(root, { recursive: true }));
const words = ["the", "red", "fox", "owl", "sleeps", "."];
const [run, other] = [join(root, "run"), join(root, "other")];
await writeTinyRun(run, words, ["model.positions=rotary", "train.precision=f32"]);
await writeTinyRun(other, words, ["model.width=8", "train.precision=f32"]);

/** Probabilities of every word at the masked place of a text, without padding. */
async function fillAlone(folder: string, text: string): Promise<number[]> {
  const { shape, parameters, encodeForModel, specials, tokenOf } = await openPretrainedModel(folder);
  const tokens = Int32Array.from(encodeForModel(text.replace("[MASK]", tokenOf(specials.mask)!), "recognise"));
  const tensors = new Map(parameters.map(each => [each.name, state(each.name, each.shape)] as const));
  const inputs = { ...declareEncoderInputs(shape, 1, tokens.length), positions: input("positions", [1], "i32") };
  const backend = openReference();
  const outputs = { logits: predictTokens(inputs, tensors, shape) };
  const graph = await backend.load({ outputs, updates: {} }, placeParameters(backend, parameters));
  const positions = Int32Array.of(tokens.indexOf(specials.mask));
  const { logits } = await graph.run({ tokens, positions, ...makeTables(shape, tokens.length) });
  const weights = Array.from(logits!, Math.exp);
  const total = weights.reduce((a, b) => a + b, 0);
  // Of the first of them, the special ones, no word is offered.
  const words = weights.map(weight => weight / total).slice(specialTokens.length);
  return words.sort((a, b) => b - a);
}

const texts = ["the [MASK] sleeps.", "the red fox and the [MASK] owl sleeps the fox."];

test("two open models, and a call between that needs the backend, answer as alone", async () => {
  const models = [await openModel(run, { threads: 1 }), await openModel(other, { threads: 1 })];
  for (const round of [0, 1]) {
    for (const [i, folder] of [run, other].entries()) {
      const filled = await models[i]!.fill(texts, { top: 3 });
      for (const [j, text] of texts.entries()) {
        const expected = await fillAlone(folder, text);
        filled[j]!.masks[0]!.candidates.forEach(({ probability }, k) => {
          assert.ok(Math.abs(probability - expected[k]!) < 1e-5, `${folder} ${text} ${probability} ${expected[k]}`);
        });
      }
    }
    // With other threads it is another backend, and the two give way.
    if (round === 0) {
      const [vector] = await embed(run, ["the red fox"], { threads: 2 });
      const [again] = await models[0]!.embed(["the red fox"]);
      vector!.forEach((value, column) => void assert.ok(Math.abs(value - again![column]!) < 1e-5));
    }
  }
  await models[0]!.close();
  assert.equal((await models[1]!.embed(["the", "owl"])).length, 2);
  await models[1]!.close();
  await assert.rejects(models[1]!.embed(["the"]), /this model was closed/);
});

test("calls that overlap wait for each other; more masks than one; any number of texts", async () => {
  const model = await openModel(run, { threads: 1, batchTexts: 4 });
  const many = Array.from({ length: 11 }, (_, i) => words.slice(0, 1 + (i % 6)).join(" "));
  const [together, filled, scores] = await Promise.all([
    model.embed(many),
    model.fill(["[MASK] [MASK] fox [MASK] [MASK] [MASK]"]),
    model.score(["the red fox sleeps.", "fox"]),
  ]);
  assert.equal(filled[0]!.masks.length, 5);
  for (const [i, text] of many.entries()) {
    const [alone] = await model.embed([text]);
    alone!.forEach((value, column) => void assert.ok(Math.abs(value - together[i]![column]!) < 1e-5));
  }
  assert.ok(scores.every(score => score < 0) && scores[0]! < scores[1]!);
  await assert.rejects(model.classify(["the fox"]), { code: "E_NO_CLASSIFIER" });
  // As a program without types may give it.
  const one = "the [MASK] fox" as unknown as readonly string[];
  for (const ask of [model.fill, model.embed, model.score]) {
    await assert.rejects(async () => ask(one), { code: "E_OPTION", message: /one text/ });
  }
  assert.throws(() => model.countTokens(one), { code: "E_OPTION" });
  await assert.rejects(model.embed([words.join(" ").repeat(4)]), { code: "E_TEXT_LENGTH" });
  await model.close();
});
