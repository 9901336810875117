// Every option of every section of a recipe, enumerated from the schema: changing it changes a program, a value that a schedule gives, a
// mask, what parameters begin at, or the course of a run; or it is refused by its name. A new option that does nothing is found here, and
// so is one under a choice that does not read it.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { z } from "zod";
import { quickstart } from "../../recipes/quickstart.ts";
import { UserError } from "../../src/base/errors.ts";
import { contentHash } from "../../src/base/files/files.ts";
import { RandomSequence, streams } from "../../src/base/random.ts";
import type { Dataset } from "../../src/dataset/dataset.ts";
import { maskSequence } from "../../src/dataset/mask.ts";
import { plainMask } from "../../src/dataset/mask-units.ts";
import { rankSequences } from "../../src/dataset/order.ts";
import { type Graph, listRoots, sortTopologically, type Tensor } from "../../src/graph/tensor.ts";
import { drawBatch } from "../../src/machine/measure-step.ts";
import { makeTables } from "../../src/model/inputs.ts";
import { countMasked, countMaskedAt } from "../../src/objectives/predictions.ts";
import { countTaken } from "../../src/optim/averages.ts";
import { createBatchEnd } from "../../src/optim/batch-end.ts";
import { batchSizeAt, rateAt } from "../../src/optim/schedule.ts";
import { isChoice, isSection, shapesOf, unwrap } from "../../src/settings/schema.ts";
import { countValidationBatches, readTrainingBatch } from "../../src/train/batches.ts";
import { parseBudget } from "../../src/train/budget.ts";
import { openCounted } from "../../src/train/cooccurrence/start.ts";
import { defineTraining } from "../../src/train/definition.ts";
import { pretrain } from "../../src/train/pretrain.ts";
import { overrideRecipe, type Recipe, recipeSchema } from "../../src/train/recipe.ts";
import { lengthAt } from "../../src/train/scheduled-values.ts";
import type { Engine } from "../../src/train/step/engine.ts";
import { buildStepGraphs } from "../../src/train/step/step-graphs.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-options-"));
after(() => rmSync(folder, { recursive: true }));

const base = [
  ...["model.width=16", "model.layers=2", "model.heads=2", "model.feedForward=32", "model.vocabulary=40"],
  ...["model.sequenceLength=32", "train.microBatchSequences=8", "train.budget=6steps", "train.precision=f32"],
  ...["schedule.batchSequences=64", "optimizer.name=adamw"],
];

/** What a choice needs beside itself to be a recipe. */
const needs: Readonly<Record<string, readonly string[]>> = {
  "model.mixer.name=fourier": ["model.heads=1", "model.positions=none"],
  "model.mixer.name=gated-unit": ["model.heads=1", "model.positions=none"],
  "model.mixer.name=identity": ["model.heads=1", "model.positions=none"],
  "objective.name=late-masks": ["model.layers=4"],
  "objective.name=token-dropping": ["model.layers=4"],
  "optimizer.name=muon": ["optimizer.muonLearningRate=0.02", "optimizer.muonMomentum=0.95"],
};

/** A mask schedule may not end at no mask. */
const needsOf = (choice: string) =>
  needs[choice] ?? (choice.startsWith("data.maskSchedule.name=") ? ["data.maskSchedule.least=0.1"] : []);

/** What an option needs beside itself to be read, where it is not read in every recipe. */
const readWith: Readonly<Record<string, readonly string[]>> = {
  "model.mixer.qkGain": ["model.mixer.qkNorm=fixed"],
  "model.firstAttentionNorm": ["model.normalisation=pre"],
  "optimizer.headRate": ["model.head=transform"],
  "objective.candidatePower": ["objective.candidates=40"],
  "optimizer.lazyEmbedding": ["objective.name=masked", "objective.candidates=40"],
  // Of width 16, the feed-forward's first matrix has 4096 numbers.
  "optimizer.momentBlock": ["model.feedForward=256"],
  "optimizer.muonFirstMomentum": ["optimizer.muonMomentumSteps=5"],
  "optimizer.muonMomentumSteps": ["optimizer.muonFirstMomentum=0.5"],
  "data.finalMaskFraction": [],
};

/** Values to try where the schema does not say what there is. */
const values: Readonly<Record<string, readonly unknown[]>> = {
  "model.rotaryBases": [[100], [100, 200]],
  "model.strides": [[2, 1]],
  "optimizer.muonCoefficients": ["polar-express", [[3, -4, 2]]],
  "train.budget": ["4steps", "3s"],
};
const numbers = [0.5, 0.9, 0.25, 0.15, 0.1, 0.01, 0.001, 2, 3, 4, 8, 1, 0, 24, 40, 100];

/** What a recipe is without the section. */
const asAbsent = [
  "data.order.name=uniform",
  "objective.name=masked",
  "loss.name=cross-entropy",
  "data.mask.unit=tokens",
];

/**
 * No more than a label; what the backend reads, as precision.test.ts holds; what is shown, as sample-model.test.ts does; what is kept, as
 * kept-checkpoints.test.ts does; what
 * budgets are counted by, as processor-clock.test.ts does; how local steps end, as local-steps.test.ts does.
 */
const labels = [
  "name",
  "train.precision",
  "train.clock",
  "samples.masks",
  "samples.neighbours",
  "samples.top",
  "train.keepBest",
  "train.keepEverySeconds",
  "train.sync.rate",
  "train.sync.momentum",
];

/** What initial vectors are counted in, where they are. */
const showText = (see: (tokens: Uint32Array) => void) => see(Uint32Array.from({ length: 640 }, (_, i) => (i * i) % 40));

interface Option {
  readonly path: string;
  readonly schema: unknown;
  /** Assignments of the choices under which it stands. */
  readonly choices: readonly string[];
}

const walked = new Map<unknown, string>();

/** Every value of the schema under every choice that has it; what all options of a choice share, under the first. */
function listOptions(wrapped: unknown, path = "", choices: readonly string[] = []): Option[] {
  const schema = unwrap(wrapped);
  const inside = (key: string) => (path === "" ? key : `${path}.${key}`);
  if (isSection(schema)) {
    return Object.entries(schema.shape).flatMap(([key, part]) => listOptions(part, inside(key), choices));
  }
  if (!isChoice(schema)) return [{ path, schema, choices }];
  const { discriminator } = schema.def;
  const [first] = schema.options;
  // A choice that stands in several places is walked whole in the first of them.
  const isKnown = walked.has(schema) && walked.get(schema) !== path;
  walked.set(schema, walked.get(schema) ?? path);
  return schema.options.slice(0, isKnown ? 2 : undefined).flatMap(option => {
    const { value } = option.shape[discriminator] as z.ZodLiteral;
    const own = [...choices, `${inside(discriminator)}=${value}`];
    return Object.entries(option.shape).flatMap(([key, part]) => {
      const isSection = shapesOf(part).length > 0;
      const isShared = isSection && schema.options.every(each => each.shape[key] === first!.shape[key]);
      if (isShared && option !== first) return [];
      if (key === discriminator) return [{ path: inside(key), schema: part, choices: own }];
      return listOptions(part, inside(key), own);
    });
  });
}

/** Values that differ from what there is. */
function listCandidates({ path, schema }: Option): readonly unknown[] {
  if (values[path] !== undefined) return values[path];
  if (schema instanceof z.ZodBoolean) return [true, false];
  if (schema instanceof z.ZodEnum) return schema.options;
  if (schema instanceof z.ZodLiteral) return [schema.value];
  if (schema instanceof z.ZodNumber) return numbers.filter(value => schema.safeParse(value).success);
  return assert.fail(`${path}: no values to try`);
}

function describeGraph(graph: Graph): string {
  const places = new Map<Tensor, number>();
  const nodes = sortTopologically(listRoots(graph)).map((node, i) => {
    places.set(node, i);
    const { definition, ...operation } = node.operation as { definition?: { name: string } };
    return [operation, definition?.name, node.inputs.map(operand => places.get(operand)), node.shape, node.dtype];
  });
  const names = [graph.outputs, graph.updates].map(map => Object.entries(map).map(([key, t]) => [key, places.get(t)]));
  return contentHash(JSON.stringify([nodes, names, graph.recomputes ?? false]));
}

/** Two epochs of forty drawn sequences in the recipe's order. */
function describeOrder({ data, train }: Recipe): unknown {
  if (data.order === undefined) return undefined;
  const vocabulary = Array.from({ length: 40 }, (_, i) => (i === 9 ? "." : "w".repeat(1 + (i % 5))));
  const random = new RandomSequence(1, streams.sampling, 0);
  const drawn = Array.from({ length: 40 }, () =>
    Uint32Array.from({ length: 16 }, () => random.below(random.below(40) + 1)),
  );
  const visit = (see: (tokens: Uint32Array, index: number) => void) => drawn.forEach(see);
  const countTokens = () => Float64Array.from({ length: 40 }, (_, i) => 40 - i);
  const characters = Float64Array.from(vocabulary, token => token.length);
  const order = rankSequences(data.order, 40, { vocabulary, separator: 5, characters, countTokens }, visit);
  return [0, 1].map(epoch => [...order(train.seed, epoch)]);
}

/** Micro-batches of steps under a batch rule, whose gradients' trend fades. */
function describeBatches({ schedule, train }: Recipe): unknown {
  const { batchRule, batchSequences } = schedule;
  if (batchRule === undefined) return undefined;
  const end = createBatchEnd(batchRule, undefined);
  const random = new RandomSequence(2, streams.sampling, 0);
  return Array.from({ length: 60 }, (_, step) => {
    let sums = [0, 0];
    for (let k = 1; ; k++) {
      const gradients = [2 / (1 + step / 9) + random.normalPair()[0], random.normalPair()[0]];
      const products = {
        newest: gradients.map(g => g * g),
        across: gradients.map((g, p) => g * sums[p]!),
        before: sums.map(s => s * s),
      };
      if (end.isReached(k, batchSequences / train.microBatchSequences, () => products)) return k;
      sums = sums.map((s, p) => s + gradients[p]!);
    }
  });
}

/** What schedules, masks and beginnings make of a recipe. */
function describeValues(recipe: Recipe): string {
  const definition = defineTraining(recipe, openCounted(showText, recipe)?.parameters);
  const { schedule, train, data, model } = recipe;
  const moments = [0.02, 0.97, ...Array.from({ length: 21 }, (_, i) => i / 20)].map(progress => [
    [1, 2, 30, 10 ** 6].map(step =>
      definition.scheduleInputs({ step, rateScale: rateAt(progress, schedule), progress }),
    ),
    batchSizeAt(progress, { ...schedule, ...train }),
    [countMaskedAt(progress, recipe), countMasked(recipe), lengthAt(progress, recipe)],
    recipe.average && [1, 7, 300].map(step => countTaken({ step, progress }, recipe.average!)),
  ]);
  const tokens = Int32Array.from({ length: 40 * 16 }, (_, i) => (i * 7) % 40);
  const positions = new Int32Array(40 * 16);
  for (let row = 0; row < 40; row++) {
    const options = { predictions: 6, capacity: 6, mask: 6, vocabulary: 40, settings: data.mask ?? plainMask };
    const kinds = {
      isSpecial: (token: number) => token < 7,
      continuesWord: (_: number, token: number) => token % 3 === 0,
    };
    const random = new RandomSequence(train.seed, streams.masking, row);
    maskSequence(tokens, row * 16, 16, positions, new Int32Array(40 * 16), row * 6, { ...options, ...kinds }, random);
  }
  const first = [...definition.parameters.keys()].map(name => [
    name,
    definition.initialise(name).reduce((sum, value, i) => sum + (i + 1) * value, 0),
  ]);
  const tables = Object.entries(makeTables(model)).map(([name, table]) => [name, [...table]]);
  const sizes = [countValidationBatches(recipe, 1000), definition.interval, [...definition.moments]];
  // What the dataset is asked for.
  const others: unknown[] = [];
  const asked = { readTraining: (...given: unknown[]) => others.push(given) } as unknown as Dataset;
  readTrainingBatch(asked, recipe, 0, 1, 0);
  const fed = Object.entries(drawBatch(recipe)).map(([name, read]) => [name, ...(read as Int32Array)]);
  const masked = data.mask === undefined ? [] : [[...tokens], [...positions]];
  return contentHash(
    JSON.stringify([
      moments,
      masked,
      train.seed,
      first,
      tables,
      sizes,
      others,
      fed,
      describeOrder(recipe),
      describeBatches(recipe),
    ]),
  );
}

function describePrograms(recipe: Recipe): string {
  const definition = defineTraining(recipe);
  const cut = [...(definition.cutLosses ?? [])].map(([pieces]) => pieces);
  return JSON.stringify([
    Object.entries(buildStepGraphs(definition)).map(([name, graph]) => [name, describeGraph(graph)]),
    cut,
  ]);
}

/** The events of a run whose steps are finite, and of one whose steps are not. */
async function describeCourse(recipe: Recipe): Promise<string> {
  const told: unknown[] = [];
  for (const loss of [1, Number.NaN]) {
    let seconds = 0;
    const engine: Engine = {
      ...{ device: "none", parameterCount: 1 },
      accumulate: async () => {},
      update: async () => ({ loss, gradientNorm: 1 }),
      validate: async () => 1,
      readParameters: () => [{ name: "w", shape: [1], read: () => Float32Array.of(1) }],
      readMoments: () => [],
      restore: () => {},
      clearMoments: () => {},
    };
    const source = {
      datasetHash: "",
      unigramEntropy: 1,
      validationBatches: 1,
      training: () => ({}),
      validation: () => ({}),
    };
    const run = loss === 1 ? mkdtempSync(join(folder, "run-")) : undefined;
    const clock = { seconds: () => (seconds += 0.25), date: () => new Date(0) };
    const budget = parseBudget(recipe.train.budget);
    const options = { engine, source, recipe, recipeHash: "", budget, clock, run, resumeFrom: undefined };
    try {
      for await (const { kind, step } of pretrain({ ...options, signal: new AbortController().signal }))
        told.push([kind, step]);
    } catch (error) {
      told.push(String(error));
    }
  }
  return JSON.stringify(told);
}

/** The recipe, or the refusal. */
function makeRecipe(assignments: readonly string[]): Recipe | UserError {
  try {
    return overrideRecipe(quickstart, [...base, ...assignments]);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

const isBase = (assignments: readonly string[], others: readonly string[]) =>
  JSON.stringify(makeRecipe(assignments)) === JSON.stringify(makeRecipe(others));

const memory = new Map<string, string>();
async function differ(
  kind: string,
  describe: (recipe: Recipe) => string | Promise<string>,
  recipes: readonly Recipe[],
) {
  const told = [];
  for (const recipe of recipes) {
    const key = `${kind} ${JSON.stringify(recipe)}`;
    if (!memory.has(key)) memory.set(key, await describe(recipe));
    told.push(memory.get(key));
  }
  return told[0] !== told[1];
}

const options = listOptions(recipeSchema).filter(({ path }) => !labels.includes(path));
const effective = new Set<string>();

for (const section of Object.keys(recipeSchema.shape).filter(key => !labels.includes(key))) {
  test(`${section}: every option changes something or is refused by its name`, async () => {
    for (const option of options.filter(({ path }) => path.split(".")[0] === section)) {
      const { path, choices, schema } = option;
      const where = `${path} under ${choices.join(" ")}`;
      // Its programs are enough of one layer.
      const small = section === "optimizer" ? ["model.layers=1"] : [];
      const context = [...small, ...choices, ...choices.flatMap(needsOf), ...(readWith[path] ?? [])];
      const isChoiceItself = schema instanceof z.ZodLiteral;
      const alone = makeRecipe(isChoiceItself ? small : context);
      // What is read with another value alone is refused without.
      const plain = alone instanceof UserError ? makeRecipe([...small, ...choices]) : alone;
      if (plain instanceof UserError) assert.fail(`${where}: ${plain.message}`);
      const refusals: string[] = [];
      let isReadOnce = false;
      for (const value of listCandidates(option)) {
        const changed = makeRecipe([...context, `${path}=${JSON.stringify(value)}`]);
        if (changed instanceof UserError) {
          refusals.push(changed.message);
          continue;
        }
        if (JSON.stringify(changed) === JSON.stringify(plain)) continue;
        const both = [plain, changed];
        const isRead =
          (await differ("values", describeValues, both)) ||
          (await differ("programs", describePrograms, both)) ||
          (section === "train" && (await differ("course", describeCourse, both)));
        isReadOnce ||= isRead;
        if (isRead && !(schema instanceof z.ZodEnum)) break;
        // Of named options each does something.
        assert.ok(isRead || !(schema instanceof z.ZodEnum), `${where}: ${JSON.stringify(value)} changes nothing`);
      }
      const isDefault = isChoiceItself && (isBase(context, small) || asAbsent.includes(choices.at(-1)!));
      const name = path.split(".").at(-1)!;
      assert.ok(
        isReadOnce || isDefault || refusals.some(message => message.includes(name)),
        `${where}: ${refusals.join("\n")}`,
      );
      if (isReadOnce || isDefault) effective.add(path);
    }
  });
}

test("no option is refused everywhere", () => {
  const paths = [...new Set(options.map(({ path }) => path))];
  assert.deepEqual(
    paths.filter(path => !effective.has(path)),
    [],
  );
});
