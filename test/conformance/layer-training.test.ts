// How layers are trained on a batch. A document in a packed sequence has the hidden states that it has alone; a layer that is left out adds
// nothing, and one that stays adds more, as often as the chance says. Neither is in validation but for the documents.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { quickstart } from "../../recipes/quickstart.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { RandomSequence, streams } from "../../src/base/random.ts";
import { Dataset } from "../../src/dataset/dataset.ts";
import { state } from "../../src/graph/operations.ts";
import { sortTopologically } from "../../src/graph/tensor.ts";
import { encode } from "../../src/model/encoder.ts";
import { initialiseParameters } from "../../src/model/initialise.ts";
import { declareEncoderInputs, makeTables } from "../../src/model/inputs.ts";
import { listParameters } from "../../src/model/parameters.ts";
import { completeShape, type ModelShape } from "../../src/model/shape.ts";
import { defineLearnedTokenizer } from "../../src/tokenizer/define.ts";
import { encodeDocuments } from "../../src/tokenizer/encoding/encode-threads.ts";
import { startTextLoss } from "../../src/tokenizer/normalising/lost-text.ts";
import { normalisers } from "../../src/tokenizer/normalising/normaliser.ts";
import { specialTokens } from "../../src/tokenizer/tokenizer.ts";
import { openBatches } from "../../src/train/batches.ts";
import { defineTraining } from "../../src/train/definition.ts";
import { overrideRecipe } from "../../src/train/recipe.ts";
import { buildStepGraphs } from "../../src/train/step/step-graphs.ts";
import { buildDataset } from "../build-dataset.ts";

const shape = completeShape({
  ...{ width: 16, layers: 3, heads: 2, feedForward: 24, vocabulary: 30, sequenceLength: 12, positions: "rotary" },
  biases: true,
});

type Parameters = ReadonlyMap<string, Float32Array>;

/** Hidden states of one sequence. */
async function openEncoder(model: ModelShape, parameters: Parameters, length: number) {
  const backend = openReference();
  const states = new Map(
    listParameters(shape).map(({ name, shape: size }) => {
      const buffer = backend.allocate(size, "f32");
      backend.write(buffer, parameters.get(name)!);
      return [name, buffer] as const;
    }),
  );
  const tensors = new Map(listParameters(shape).map(({ name, shape: size }) => [name, state(name, size)] as const));
  const hidden = encode(declareEncoderInputs(model, 1, length), tensors, model);
  const graph = await backend.load({ outputs: { hidden }, updates: {} }, states);
  return async (inputs: Record<string, Int32Array | Uint32Array>) => [
    ...(await graph.run({ ...inputs, ...makeTables(model, length) })).hidden!,
  ];
}

const drawn = initialiseParameters(shape, 5);
const random = new RandomSequence(1, streams.sampling, 0);
const tokens = Int32Array.from({ length: 12 }, () => random.below(30));

function assertNear(seen: readonly number[], expected: readonly number[]): void {
  assert.equal(seen.length, expected.length);
  const far = seen.findIndex((value, i) => Math.abs(value - expected[i]!) > 1e-6);
  assert.equal(far, -1, `${seen[far]} for ${expected[far]}`);
}

test("a document in a packed sequence has the hidden states that it has alone, whatever its attention is", async () => {
  const documents = Int32Array.from([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1]);
  for (const mixer of [
    { name: "attention" },
    { name: "attention", causal: true },
    { name: "attention", scores: "identity" },
    { name: "attention", scores: "cumsumexp", causal: true },
  ] as const) {
    const model = completeShape({ ...shape, mixer });
    const packed = await openEncoder({ ...model, training: { separateDocuments: true } }, drawn, 12);
    const [first, second] = [await openEncoder(model, drawn, 5), await openEncoder(model, drawn, 7)];
    const alone = [...(await first({ tokens: tokens.slice(0, 5) })), ...(await second({ tokens: tokens.slice(5) }))];
    assertNear(await packed({ tokens, documents }), alone);
    assert.throws(() => assertNear(alone.slice(0, 16), alone.slice(16, 32)));
  }
});

/** A choice of layers is looked for in what each draw gives; how often, in enough of them. */
for (const [title, model, draws] of [
  ["layers", shape, 300],
  ["layers of a funnel", completeShape({ ...shape, strides: [2, 2, 1] }), 30],
] as const) {
  test(`${title} are left out as often as their chance says, and those that stay add 1 / chance as much`, async () => {
    const rate = 0.6;
    const dropping = await openEncoder({ ...model, training: { layerDrop: rate } }, drawn, 12);
    const plain = await openEncoder(model, drawn, 12);
    const chances = [1 - rate / 3, 1 - (2 * rate) / 3, 1 - rate];
    // What a layer adds is linear in its output projections and their biases.
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, async (_, kept) => {
        const scaled = new Map(
          [...drawn].map(([name, values]) => {
            const layer = /^layers\.(\d)\.(attention\.output|feedForward\.out)/.exec(name)?.[1];
            if (layer === undefined) return [name, values] as const;
            const factor = (kept >> Number(layer)) & 1 ? 1 / chances[Number(layer)]! : 0;
            return [name, values.map(value => factor * value)] as const;
          }),
        );
        return (await openEncoder(model, scaled, 12))({ tokens });
      }),
    );
    const times = [0, 0, 0];
    for (let seed = 0; seed < draws; seed++) {
      const seen = await dropping({ tokens, layerSeed: Uint32Array.of(seed) });
      const kept = outcomes.findIndex(expected => expected.every((value, i) => Math.abs(value - seen[i]!) < 1e-5));
      assert.ok(kept >= 0, `seed ${seed}: no choice of layers gives this`);
      for (const layer of times.keys()) times[layer]! += (kept >> layer) & 1;
    }
    for (const [layer, chance] of chances.entries()) {
      const error = 5 * Math.sqrt(draws * chance * (1 - chance));
      assert.ok(
        Math.abs(times[layer]! - draws * chance) < error,
        `layer ${layer} stayed ${times[layer]} of ${draws} times`,
      );
    }
    assert.notDeepEqual(await plain({ tokens }), outcomes[7]);
  });
}

test("documents end at their separators, also where these are masked; without any the option is refused", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cram-documents-"));
  try {
    const tokenizer = defineLearnedTokenizer([...specialTokens, "a", "b"], normalisers.bert, "bert");
    const origin = { documentsHash: "documents", originHash: "origin", loss: startTextLoss() };
    const parts = { sequenceLength: 16, holdOut: 0.2, seed: 1, ...origin };
    const build = async (name: string, texts: readonly string[]) => {
      await buildDataset(join(folder, name), encodeDocuments(tokenizer, texts, 1), tokenizer, parts);
      return new Dataset(join(folder, name));
    };
    const set = ["model.width=16", "model.layers=1", "model.heads=2", "model.feedForward=32", "model.vocabulary=40"];
    const recipe = overrideRecipe(quickstart, [...set, "model.sequenceLength=16", "data.separateDocuments=true"]);
    const short = await build("short", Array<string>(100).fill("a b a b"));
    const mask = { settings: { unit: "tokens", masked: 1, random: 0, specials: "predicted" } as const };
    const whole = short.readTraining(0, 1, 0, 1);
    const { documents } = short.readTraining(0, 1, 16, 1, { ...mask, separatesDocuments: true });
    const ends = [...whole.tokens].map(token => token === tokenizer.specials.separator);
    assert.ok(ends.filter(Boolean).length >= 3);
    assert.deepEqual(
      [...documents!],
      ends.map((_, at) => ends.slice(0, at).filter(Boolean).length),
    );
    for (const batch of [openBatches(short, recipe).training(0, 2, 0), openBatches(short, recipe).validation(0)]) {
      assert.ok((await batch).documents !== undefined);
    }
    const long = await build("long", Array<string>(10).fill(`${"a b ".repeat(511)}a`));
    assert.throws(() => openBatches(long, recipe), {
      code: "E_DATA_DOCUMENTS",
      message: /none holds the end of a doc/,
    });
    for (const dataset of [short, long]) dataset.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("training draws its layers, validation has them all; what cannot be is refused by name", () => {
  const recipe = (...set: string[]) => overrideRecipe(quickstart, set);
  const { first, validation } = buildStepGraphs(defineTraining(recipe("train.layerDrop=0.2")));
  const inputsOf = ({ updates, outputs }: typeof first) =>
    sortTopologically([...Object.values(updates), ...Object.values(outputs)]).flatMap(({ operation }) =>
      operation.kind === "input" ? [operation.name] : [],
    );
  assert.ok(inputsOf(first).includes("layerSeed") && !inputsOf(validation).includes("layerSeed"));
  const fourier = ["model.mixer.name=fourier", "model.positions=none", "model.heads=1"];
  assert.throws(() => recipe(...fourier, "data.separateDocuments=true"), { message: /mixer.name fourier does not/ });
  assert.throws(() => recipe("data.echo=0.5", "data.separateDocuments=true"), {
    message: /data.echo sets them beside/,
  });
});
