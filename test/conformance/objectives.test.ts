// What is trained may vary; what validation measures does not. Each change here changes the program of a micro-batch or its batches, and
// none changes the program of validation or the batches that it reads.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { quickstart } from "../../recipes/quickstart.ts";
import { compileForCpu } from "../../src/backends/cpu/cpu.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { Dataset } from "../../src/dataset/dataset.ts";
import { input } from "../../src/graph/operations.ts";
import { drawBatch, drawValidationBatch } from "../../src/machine/measure-step.ts";
import { tokenLosses } from "../../src/nn/token-losses/token-losses.ts";
import { countTokenFlops, feedObjective, listTrained, objectives } from "../../src/objectives/objectives.ts";
import { chooseRows } from "../../src/objectives/token-dropping.ts";
import { defineLearnedTokenizer } from "../../src/tokenizer/define.ts";
import { encodeDocuments } from "../../src/tokenizer/encoding/encode-threads.ts";
import { startTextLoss } from "../../src/tokenizer/normalising/lost-text.ts";
import { normalisers } from "../../src/tokenizer/normalising/normaliser.ts";
import { specialTokens } from "../../src/tokenizer/tokenizer.ts";
import { openBatches, readTrainingBatch } from "../../src/train/batches.ts";
import { defineTraining } from "../../src/train/definition.ts";
import { overrideRecipe } from "../../src/train/recipe.ts";
import { openEngine } from "../../src/train/step/engine.ts";
import { buildStepGraphs } from "../../src/train/step/step-graphs.ts";
import { buildDataset } from "../build-dataset.ts";

const tiny = [
  ...["model.width=16", "model.layers=1", "model.heads=2", "model.feedForward=32", "model.vocabulary=40"],
  ...["model.sequenceLength=16", "train.microBatchSequences=2", "optimizer.name=adamw", "optimizer.learningRate=0.01"],
];
const recipeWith = (...changes: string[]) => overrideRecipe(quickstart, [...tiny, ...changes]);

function hashPrograms(...changes: string[]): { readonly training: string; readonly validation: string } {
  const { first, validation } = buildStepGraphs(defineTraining(recipeWith(...changes)));
  return { training: compileForCpu(first, 1, "f32").hash, validation: compileForCpu(validation, 1, "f32").hash };
}

const plain = hashPrograms();

/** What changes the program of training. */
const programChanges: readonly (readonly string[])[] = [
  ["data.maskFraction=0.5"],
  ...tokenLosses.filter(({ name }) => name !== "cross-entropy").map(({ name }) => [`loss.name=${name}`]),
  ["loss.name=cross-entropy", "loss.zLoss=1e-4"],
  ["loss.name=cross-entropy", "loss.labelSmoothing=0.1"],
  ["loss.name=focal", "loss.focus=2"],
  ["objective.name=mixed", "objective.causal=0.5"],
  ["objective.name=mixed", "objective.causal=1"],
  ["objective.name=mixed", "objective.causal=0.5", "loss.name=focal"],
  // Places without a prediction are counted out, of every loss.
  ["data.mask.unit=spans"],
  ["data.mask.unit=spans", "loss.name=incorrect-only"],
  ["data.mask.unit=spans", "loss.name=focal"],
];

/** What changes the batches that training reads, and maybe the program. */
const batchChanges: readonly (readonly string[])[] = [
  ["data.finalMaskFraction=0.125"],
  ["data.mask.unit=tokens", "data.mask.masked=1", "data.mask.random=0"],
  ["data.mask.unit=tokens", "data.mask.random=0"],
  ["data.mask.unit=tokens", "data.mask.specials=protected"],
  ["data.mask.unit=words"],
  ["data.mask.unit=words", "data.mask.masked=0.5"],
  ["data.mask.unit=words", "data.mask.random=0.2"],
  ["data.mask.unit=words", "data.mask.specials=protected"],
  ["data.mask.unit=spans"],
  ["data.mask.unit=spans", "data.mask.masked=0.5"],
  ["data.mask.unit=spans", "data.mask.random=0.2"],
  ["data.mask.unit=spans", "data.mask.specials=protected"],
  ["data.mask.unit=spans", "data.mask.spanEnd=0.9"],
  ["data.mask.unit=spans", "data.mask.longestSpan=1"],
  ["objective.name=mixed", "objective.causal=0.5"],
  ["objective.name=mixed", "objective.causal=1"],
  ["objective.name=mixed", "objective.causal=0", "objective.maskedNext=0.5"],
  ["objective.name=mixed", "objective.causal=0", "objective.maskedNext=1"],
];

test("each change is another program of training, and the same of validation", () => {
  const hashes = programChanges.map(changes => hashPrograms(...changes));
  assert.equal(new Set([plain, ...hashes].map(({ training }) => training)).size, programChanges.length + 1);
  for (const [i, { validation }] of hashes.entries()) {
    assert.equal(validation, plain.validation, programChanges[i]!.join(" "));
  }
});

test("a loss that is cross-entropy's is its program to the byte", () => {
  assert.deepEqual(hashPrograms("loss.name=cross-entropy"), plain);
});

test("each change is another batch of training, and the same of validation", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cram-objectives-"));
  try {
    const words = ["the", "cat", "sat", "on", "##s", "a", "mat", "##ted"];
    const tokenizer = defineLearnedTokenizer([...specialTokens, ...words], normalisers.bert, "bert");
    const texts = Array.from({ length: 300 }, (_, i) => `the cat${i % 3 ? "s" : ""} sat on a mat${i % 2 ? "ted" : ""}`);
    const origin = { documentsHash: "documents", originHash: "origin", loss: startTextLoss() };
    const parts = { sequenceLength: 16, holdOut: 0.2, seed: 1, ...origin };
    await buildDataset(join(folder, "data"), encodeDocuments(tokenizer, texts, 1), tokenizer, parts);
    const dataset = new Dataset(join(folder, "data"));
    const read = async (progress: number, ...changes: readonly string[]) => {
      const source = openBatches(dataset, recipeWith(...changes));
      return JSON.stringify([await source.training(0, 40, progress), await source.validation(0)].map(flatten));
    };
    const [training, validation] = JSON.parse(await read(1)) as [unknown, unknown];
    const seen = new Set([JSON.stringify(training)]);
    for (const changes of batchChanges) {
      const [changed, heldOut] = JSON.parse(await read(1, ...changes)) as [unknown, unknown];
      assert.deepEqual(heldOut, validation, changes.join(" "));
      assert.ok(!seen.has(JSON.stringify(changed)), changes.join(" "));
      seen.add(JSON.stringify(changed));
    }
    // A quarter of sixteen falls to an eighth in a straight line: 4 predictions, half way 3, at the end 2; places for 4 throughout.
    for (const [progress, predicted] of [
      [0, 4],
      [0.5, 3],
      [1, 2],
    ] as const) {
      const batch = readTrainingBatch(dataset, recipeWith("data.finalMaskFraction=0.125"), 0, 40, progress);
      assert.equal(batch.labels.length, 40 * 4);
      assert.equal(batch.labels.filter(label => label >= 0).length, 40 * predicted);
    }
    dataset.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const flatten = (batch: object) =>
  Object.fromEntries(Object.entries(batch).map(([name, values]) => [name, [...values]]));

test("a place without a prediction weighs nothing: the loss is that of the others alone", async () => {
  const recipe = recipeWith("data.mask.unit=spans");
  const [gaps, whole] = [recipe, recipeWith("data.maskFraction=0.125")].map(each => defineTraining(each));
  const batch = drawBatch(recipe) as Record<string, Int32Array>;
  // The first two of each sequence's four.
  const isKept = (_: number, i: number) => i % 4 < 2;
  const fewer = { ...batch, positions: batch.positions!.filter(isKept), labels: batch.labels!.filter(isKept) };
  const emptied = { ...batch, labels: batch.labels!.map((label, i) => (isKept(label, i) ? label : -1)) };
  const results = [];
  for (const [definition, inputs] of [
    [gaps!, emptied],
    [whole!, fewer],
  ] as const) {
    const engine = await openEngine(openReference(), definition);
    await engine.accumulate(inputs, true);
    results.push(await engine.update({ step: 1, rateScale: 1 }, 1));
  }
  const [one, other] = results as [{ loss: number; gradientNorm: number }, { loss: number; gradientNorm: number }];
  assert.ok(Math.abs(one.loss - other.loss) < 1e-6 * other.loss, `${one.loss} ${other.loss}`);
  assert.ok(Math.abs(one.gradientNorm - other.gradientNorm) < 1e-5 * other.gradientNorm);
});

test("every loss teaches: cross-entropy of the batch falls in twelve steps", async () => {
  for (const { name } of tokenLosses) {
    const recipe = recipeWith(`loss.name=${name}`);
    const engine = await openEngine(openReference(), defineTraining(recipe));
    const batch = drawValidationBatch(recipe);
    const before = await engine.validate(batch);
    for (let step = 1; step <= 12; step++) {
      await engine.accumulate(batch, true);
      await engine.update({ step, rateScale: 1 }, 1);
    }
    const after = await engine.validate(batch);
    assert.ok(after < before - 0.05, `${name}: ${before} to ${after}`);
  }
});

test("a mixed batch: the first sequences are masked, the next predict one place ahead, the last are whole", () => {
  const recipe = recipeWith(
    ...["train.microBatchSequences=4", "objective.name=mixed", "objective.causal=0.25", "objective.maskedNext=0.5"],
  );
  const text = Int32Array.from({ length: 64 }, (_, i) => 100 + i);
  // Of every sequence three places, where 1 stands.
  const readMaskedAt =
    (...places: readonly number[]) =>
    (from: number, count: number) => {
      const positions = Int32Array.from({ length: 3 * count }, (_, i) => 16 * Math.floor(i / 3) + places[i % 3]!);
      const tokens = text.slice(16 * from, 16 * (from + count));
      const labels = positions.map(position => tokens[position]!);
      for (const position of positions) tokens[position] = 1;
      return { tokens, positions, labels };
    };
  const readWhole = (from: number, count: number) => ({ tokens: text.slice(16 * from, 16 * (from + count)) });
  const source = {
    readMasked: readMaskedAt(0, 5, 15),
    readWhole,
    seed: 0,
    mask: 1,
    countTokens: () => assert.fail(),
    isSpecial: () => false,
  };
  const batch = feedObjective(source, recipe);
  const masked = [0, 5, 15].flatMap(place => [place, place + 16, place + 32]);
  assert.deepEqual(
    [...batch.tokens!],
    Array.from(text, (token, i) => (masked.includes(i) ? 1 : token)),
  );
  assert.deepEqual([...batch.positions!], [0, 5, 15, 16, 20, 30, 32, 36, 46]);
  assert.deepEqual([...batch.labels!], [100, 105, 115, -1, 121, 131, -1, 137, 147]);
  // Cut in two, what stands first in a piece has no place before it.
  const cut = feedObjective({ ...source, readMasked: readMaskedAt(0, 8, 15) }, { ...recipe, cut: 2 });
  assert.deepEqual([...cut.positions!], [0, 8, 15, 16, 24, 30, 32, 40, 46]);
  assert.deepEqual([...cut.labels!], [100, 108, 115, -1, -1, 131, -1, -1, 147]);
});

test("what is special or predicted is never dropped", () => {
  const recipe = recipeWith("objective.name=token-dropping", "model.layers=4");
  const readMasked = () => ({
    tokens: Int32Array.from({ length: 32 }, (_, i) => i),
    positions: Int32Array.of(2, 5, 20, 31),
    labels: Int32Array.of(9, 9, 9, -1),
  });
  const { kept } = feedObjective(
    {
      readMasked,
      readWhole: () => assert.fail(),
      seed: 0,
      mask: 1,
      countTokens: () => assert.fail(),
      isSpecial: token => token < 2,
    },
    recipe,
  );
  assert.deepEqual(
    [...kept!.entries()].filter(([, flag]) => flag === 1).map(([place]) => place),
    [0, 1, 2, 5, 20],
  );
});

test("masks are late, and as many in every sequence: also where a random token is one", () => {
  const recipe = recipeWith("objective.name=late-masks", "objective.lastLayers=1", "model.layers=2");
  // Of four predicted places three show <mask>; in the second sequence the fourth shows it by chance.
  const tokens = Int32Array.from({ length: 32 }, () => 9);
  for (const place of [3, 5, 7, 17, 18, 19, 20]) tokens[place] = 1;
  const positions = Int32Array.of(3, 4, 5, 7, 17, 18, 19, 20);
  const readMasked = () => ({ tokens, positions, labels: new Int32Array(8) });
  const source = {
    readMasked,
    readWhole: () => assert.fail(),
    seed: 0,
    mask: 1,
    countTokens: () => assert.fail(),
    isSpecial: () => false,
  };
  const early = (places: readonly number[]) => Array.from({ length: 16 }, (_, i) => i).filter(i => !places.includes(i));
  assert.deepEqual(
    [...feedObjective(source, recipe).early!],
    [...early([3, 5, 7]), ...early([1, 2, 3]).map(place => place + 16)],
  );
});

test("validation of late masks measures the tokens and masks that every validation does, let in where they were", async () => {
  const plain = recipeWith("model.layers=2");
  const late = recipeWith("objective.name=late-masks", "objective.lastLayers=1", "model.layers=2");
  const { early, ...batch } = drawValidationBatch(late) as Record<string, Int32Array>;
  assert.deepEqual(batch, drawValidationBatch(plain));
  const [one, other] = [
    await openEngine(openReference(), defineTraining(plain)),
    await openEngine(openReference(), defineTraining(late)),
  ];
  const losses = [await one.validate(batch), await other.validate({ ...batch, early: early! })] as const;
  // Nothing is trained yet, so all is about log 40; but it is not the same sum.
  assert.ok(losses.every(loss => Math.abs(loss - Math.log(40)) < 0.2) && losses[0] !== losses[1], losses.join(" "));
});

test("the generator reads the model's embeddings, or its own, and the model has no decoder", () => {
  const namesOf = (...changes: string[]) =>
    listTrained(recipeWith("objective.name=electra", "objective.generatorWidth=0.5", ...changes)).map(
      ({ name }) => name,
    );
  const [shared, apart] = [namesOf(), namesOf("objective.sharedEmbeddings=false")];
  assert.equal(new Set(shared).size, shared.length);
  assert.deepEqual(
    apart.filter(name => !shared.includes(name)),
    ["generator.embedding.word", "generator.embedding.norm.weight", "generator.embedding.norm.bias"],
  );
  const projections = ["generator.embedding.projection", "generator.head.projection"];
  assert.deepEqual(
    shared.filter(name => !apart.includes(name)),
    projections,
  );
  assert.ok(shared.includes("discriminator.output") && !shared.some(name => name.startsWith("head.")));
});

test("the largest values of each row are chosen, the first of equal ones, in the order of their places", async () => {
  const values = input("values", [2, 6], "f32");
  const program = await openReference().load({ outputs: { rows: chooseRows(values, 3) }, updates: {} }, new Map());
  const { rows } = await program.run({ values: Float32Array.of(1, 5, 5, 5, 9, 0, 7, 7, 7, 7, 7, 7) });
  assert.deepEqual([...rows!], [1, 2, 4, 6, 7, 8]);
});

/** For each objective one value of every option, other than what it is by default or in the settings before it. */
const optionChanges: Readonly<
  Record<string, { readonly base: readonly string[]; readonly options: readonly string[] }>
> = {
  masked: { base: ["candidates=35"], options: ["candidates=30", "candidatePower=0.5"] },
  mixed: { base: ["causal=0.5"], options: ["causal=1", "maskedNext=0.5"] },
  "token-dropping": { base: [], options: ["kept=0.75", "firstLayers=2", "lastLayers=2", "lossDecay=0.5"] },
  "late-masks": { base: [], options: ["lastLayers=1"] },
  electra: {
    base: ["generatorWidth=0.5"],
    options: ["detectionWeight=9", "generatorWidth=1", "generatorLayers=0.5", "sharedEmbeddings=false"],
  },
  script: { base: [], options: ["criticWeight=2"] },
};

test("every option of every objective changes a program or the batches", () => {
  for (const { name, schema } of objectives) {
    const { base, options } = optionChanges[name]!;
    const named = options.map(option => option.split("=")[0]);
    assert.deepEqual(
      named,
      Object.keys(schema.shape).filter(key => key !== "name"),
    );
    const hashes = [[], ...options.map(option => [option])].map(changes => {
      const own = [...base, ...changes].map(pair => `objective.${pair}`);
      const recipe = recipeWith("model.layers=4", `objective.name=${name}`, ...own);
      const { first, update } = buildStepGraphs(defineTraining(recipe));
      const programs = [first, update].map(graph => compileForCpu(graph, 1, "f32").hash);
      return JSON.stringify([programs, flatten(drawBatch(recipe))]);
    });
    assert.equal(new Set(hashes).size, options.length + 1, name);
  }
});

test("a token costs what is decoded of it, at the larger of two rates", () => {
  // What reads every token in one layer, and what only those that are decoded go through: from their scores on, and the head.
  const [qkv, scores, behind] = [16 * 48, 2 * 16 * 16, 16 * 16 + 16 * 32 + 16 * 16];
  const [body, head] = [6 * qkv, 6 * 40 * 16];
  const read = 6 * (scores + behind) + head;
  assert.equal(countTokenFlops(recipeWith()), body + 0.25 * read);
  assert.equal(countTokenFlops(recipeWith("data.finalMaskFraction=0.5")), body + 0.5 * read);
  assert.equal(countTokenFlops(recipeWith("data.finalMaskFraction=0.125")), body + 0.25 * read);
  const mixed = recipeWith("objective.name=mixed", "objective.causal=0.5");
  const left = (0.5 * 4) / 16 + 0.5;
  assert.equal(countTokenFlops(mixed), body + left * 6 * (scores + behind) + (left - 0.5 / 16) * head);
  // Of four layers one is whole, one half from its scores on, one half with attention to half as many, and one a quarter from its scores on.
  const four = recipeWith("model.layers=4", "objective.name=token-dropping", "objective.firstLayers=1");
  const layers = 3.5 * qkv + 2 * scores + 2.25 * behind;
  assert.equal(countTokenFlops(four), 6 * layers + 0.25 * head);
  // Of two layers the first sees 13 of 16.
  const late = recipeWith("model.layers=2", "objective.name=late-masks", "objective.lastLayers=1");
  const early = (13 * (qkv + 2 * 13 * 16 + behind)) / 16;
  assert.equal(countTokenFlops(late), 6 * (early + qkv) + 0.25 * read);
  // Both passes of one layer, and every place decoded once.
  assert.equal(countTokenFlops(recipeWith("objective.name=script")), 2 * body + 1.25 * read);
  // A generator of half the width and one head, between an embedding and a decoder of the whole width.
  const generator = 8 * 24 + 16 * 8 + 0.25 * (2 * 16 * 8 + 8 * 8 + 8 * 16 + 8 * 8 + 8 * 16 + 40 * 16);
  const electra = recipeWith("objective.name=electra", "objective.generatorWidth=0.5");
  assert.equal(countTokenFlops(electra), 6 * (generator + qkv + scores + behind + 16 * 16 + 16));
});

test("what cannot go together with an objective is refused by name", () => {
  const refuse = (message: RegExp, ...changes: string[]) =>
    assert.throws(() => recipeWith("objective.name=mixed", ...changes), { message });
  refuse(/more than all sequences/, "objective.causal=0.5", "objective.maskedNext=1");
  refuse(/are both 0/, "objective.causal=0");
  refuse(/0.125 of train.microBatchSequences 2 is no whole number/, "objective.causal=0.125");
  refuse(
    /model.mixer.name identity shows all/,
    "objective.causal=1",
    "model.mixer.name=identity",
    "model.heads=1",
    "model.positions=learned",
  );
  refuse(/tokenShift shows the next one/, "objective.causal=1", "model.embedding.tokenShift=true");
  refuse(/neighbours shows the next one/, "objective.causal=1", "model.embedding.neighbours=1");
  refuse(/mixer.scores norm/, "objective.causal=1", "model.mixer.name=attention", "model.mixer.scores=norm");
  refuse(/sophia samples labels of masked tokens/, "objective.causal=1", "optimizer.name=sophia");
  const drop = (message: RegExp, ...changes: string[]) =>
    assert.throws(() => recipeWith("objective.name=token-dropping", "model.layers=4", ...changes), { message });
  drop(/lastLayers 3 and 1 before leave none of 4 layers/, "objective.lastLayers=3");
  drop(/kept 0.25 keeps 4 tokens of a sequence, and 8 are predicted/, "objective.kept=0.25", "data.maskFraction=0.5");
  drop(/keeps all tokens/, "objective.kept=0.99");
  drop(/fourier mixes whole sequences/, "model.mixer.name=fourier", "model.heads=1", "model.positions=learned");
  const late = (message: RegExp, ...changes: string[]) =>
    assert.throws(() => recipeWith("objective.name=late-masks", "model.layers=3", ...changes), { message });
  late(/lastLayers 3 leave none of 3 layers/, "objective.lastLayers=3");
  late(/data.mask masks another number/, "data.mask.unit=words");
  late(/data.finalMaskFraction masks another number/, "data.finalMaskFraction=0.5");
  late(/data masks no token/, "data.mask.unit=tokens", "data.mask.masked=0");
  late(/embedding.tokenShift shows tokens the masks beside them/, "model.embedding.tokenShift=true");
  late(/embedding.neighbours shows tokens the masks beside them/, "model.embedding.neighbours=1");
  late(/embedding.bigramRows shows tokens the masks before them/, "model.embedding.bigramRows=9");
  late(
    /mixer.valueResidual adds the first layer's values/,
    "model.mixer.name=attention",
    "model.mixer.valueResidual=true",
  );
  const shorter = ["schedule.sequenceLength.name=linear", "schedule.sequenceLength.least=8"];
  late(
    /sequenceLength cuts sequences into pieces, and objective.name late-masks leaves one number of masks/,
    ...shorter,
  );
  drop(/sequenceLength cuts sequences into pieces, and objective.name token-dropping keeps one number/, ...shorter);
  late(/identity mixes whole sequences/, "model.mixer.name=identity", "model.heads=1", "model.positions=learned");
  const electra = (message: RegExp, ...changes: string[]) =>
    assert.throws(() => recipeWith("objective.name=electra", ...changes), { message });
  electra(/generatorWidth 0.3 makes no generator: positions are rotary/, "objective.generatorWidth=0.3");
  assert.throws(() => recipeWith("objective.name=masked", "objective.causal=1"), {
    code: "E_RECIPE_KEY",
    message: /objective.causal changes nothing under masked/,
  });
});

test("what a loss does not read is refused by name", () => {
  const set =
    (...changes: string[]) =>
    () =>
      recipeWith(...changes);
  assert.throws(set("loss.name=focal", "loss.zLoss=1e-4"), {
    code: "E_RECIPE_KEY",
    message: /loss.zLoss changes nothing under focal/,
    advice: "Set loss.name to cross-entropy.",
  });
  assert.throws(set("data.mask.unit=words", "data.mask.spanEnd=0.1"), {
    code: "E_RECIPE_KEY",
    message: /data.mask.spanEnd changes nothing under words/,
  });
  assert.throws(set("data.mask.unit=words", "data.mask.masked=0.8", "data.mask.random=0.3"), {
    code: "E_RECIPE_VALUE",
    message: /more than all predictions/,
  });
  assert.throws(set("optimizer.name=sophia", "data.mask.unit=spans"), { message: /draws a label for every place/ });
  assert.throws(set("data.finalMaskFraction=0.01"), { message: /finalMaskFraction masks no position/ });
  assert.throws(set("loss.focus=2"), { code: "E_RECIPE_VALUE", message: /loss.name/ });
  assert.throws(set("loss.name=focla"), { code: "E_RECIPE_VALUE", advice: "Did you mean focal?" });
});
