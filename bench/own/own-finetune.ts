// Our side of `finetune`: a task engine driven as evaluate/finetune.ts drives it, over batches of invented examples whose lengths
// are spread like those of GLUE's pairs, and the file from which a peer starts with the same parameters and batches.

import { closeSync, openSync } from "node:fs";
import type { Backend } from "../../src/backends/backend.ts";
import { openCpu } from "../../src/backends/cpu/cpu.ts";
import { writeFully } from "../../src/base/files/files.ts";
import { RandomSequence, streams } from "../../src/base/random.ts";
import type { EncodedExample } from "../../src/evaluate/finetuning/encode-examples.ts";
import type { FinetuneRecipe } from "../../src/evaluate/finetuning/finetune-recipe.ts";
import { openFinetuner, type TaskEngine } from "../../src/evaluate/finetuning/finetune-step.ts";
import { type Batch, planTrainingBatches } from "../../src/evaluate/finetuning/length-buckets.ts";
import { createBatchFiller } from "../../src/evaluate/finetuning/padded-batches.ts";
import type { Parameter } from "../../src/model/parameter.ts";
import type { ModelShape } from "../../src/model/shape.ts";
import { measureSeconds } from "../rounds.ts";

export const classes = 2;
const specials = { pad: 0 };
/** Parameters, head and examples. */
const seed = 1;

export interface OwnFinetune {
  /** Ends with the precision. */
  readonly device: string;
  readonly openSeconds: number;
  readonly parameters: readonly Parameter[];
  readonly batches: readonly Batch[];
  /** In one pass over the batches, padding not counted. */
  readonly tokens: number;
  /** Tokens of one pass with ours padding. */
  readonly paddedTokens: number;
  /** Losses of the first `steps` batches from the initial parameters, without dropout. */
  check(steps: number, rateScale: number): Promise<number[]>;
  /** Once over the batches, with dropout, on from where the last pass ended. */
  pass(): Promise<void>;
  /** Initial parameters in their order, then for each batch its lengths, tokens (B × its longest) and targets. */
  writeStart(path: string): Promise<void>;
  close(): Promise<void>;
}

export async function openOwnFinetune(
  model: ModelShape,
  recipe: FinetuneRecipe,
  batchCount: number,
  threads: number,
): Promise<OwnFinetune> {
  const backend = await openCpu({ threads, precision: recipe.precision });
  try {
    return await prepare(backend, model, recipe, batchCount);
  } catch (error) {
    await backend.close();
    throw error;
  }
}

async function prepare(
  backend: Backend,
  model: ModelShape,
  recipe: FinetuneRecipe,
  batchCount: number,
): Promise<OwnFinetune> {
  const { batchSequences } = recipe;
  const examples = drawExamples(batchCount * batchSequences, model.vocabulary, recipe.maxLength);
  const lengths = examples.map(({ tokens }) => tokens.length);
  const batches = planTrainingBatches(lengths, { ...recipe, seed, epoch: 0 });
  const fill = createBatchFiller({ kind: "classification", batchSequences, specials });
  const open = (changed: FinetuneRecipe) =>
    openFinetuner(backend, model, changed).open({ kind: "classification", outputs: classes });
  const runStep = (engine: TaskEngine, batch: Batch, step: number, rateScale: number) =>
    engine.step(fill(batch, examples), { step, rateScale }, new RandomSequence(seed, streams.dropout, step).bits());
  const engine = open(recipe);
  const openSeconds = await measureSeconds(() =>
    engine.prepare({ train: batches.map(({ length }) => length), predict: [] }),
  );
  engine.reset(undefined, seed);
  let step = 0;
  return {
    device: backend.device,
    openSeconds,
    parameters: engine.parameters,
    batches,
    tokens: batches.flatMap(({ members }) => members).reduce((sum, member) => sum + lengths[member]!, 0),
    paddedTokens: batches.reduce((sum, { length }) => sum + length * batchSequences, 0),
    check: async (steps, rateScale) => {
      const still = open({ ...recipe, dropout: 0 });
      still.reset(undefined, seed);
      const losses: number[] = [];
      for (const batch of batches.slice(0, steps)) {
        losses.push((await runStep(still, batch, losses.length + 1, rateScale)).loss);
      }
      return losses;
    },
    pass: async () => {
      for (const batch of batches) await runStep(engine, batch, ++step, 1);
    },
    writeStart: async path => {
      engine.reset(undefined, seed);
      const file = openSync(path, "w");
      const write = ({ buffer, byteOffset, byteLength }: Float32Array | Int32Array) =>
        writeFully(file, new Uint8Array(buffer, byteOffset, byteLength));
      for (const { read } of engine.readParameters()) write(await read());
      for (const { members } of batches) {
        const rows = members.map(member => examples[member]!);
        const longest = Math.max(...rows.map(({ tokens }) => tokens.length));
        write(Int32Array.from(rows, ({ tokens }) => tokens.length));
        for (const { tokens } of rows) write(padTo(tokens, longest));
        write(Int32Array.from(rows, ({ example }) => example.targets[0]!));
      }
      closeSync(file);
    },
    close: () => backend.close(),
  };
}

function padTo(tokens: Int32Array, length: number): Int32Array {
  const padded = new Int32Array(length).fill(specials.pad);
  padded.set(tokens);
  return padded;
}

/** Uniform tokens and classes; lengths log-normal around a median of 40, as of MRPC's and MNLI's pairs, cut at maxLength. */
function drawExamples(count: number, vocabulary: number, maxLength: number): EncodedExample[] {
  return Array.from({ length: count }, (_, index) => {
    const random = new RandomSequence(seed, streams.sampling, index);
    const length = Math.round(40 * Math.exp(0.45 * random.normalPair()[0]));
    const tokens = Int32Array.from({ length: Math.max(5, Math.min(maxLength, length)) }, () =>
      random.below(vocabulary),
    );
    const example = { id: String(index), texts: [], targets: [random.below(classes)], origin: "bench" };
    return { example, tokens, secondStart: tokens.length, wordPlaces: [] };
  });
}
