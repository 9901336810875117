// A model and the head of a task on a backend. One step is one run of one program: gradients and update together, one program for
// each length that batches are padded to, compiled when a batch first has it. Seeds and tasks with equal heads share programs
// and memory; only the states are written anew.

import type { Backend, DeviceBuffer, HostArray, HostInputs, LoadedGraph } from "../../backends/backend.ts";
import type { HeldTensor, StoredTensor } from "../../checkpoint/safetensors.ts";
import { input, state } from "../../graph/operations.ts";
import type { Graph, TensorType } from "../../graph/tensor.ts";
import {
  type ClassifierShape,
  classify,
  computeClassifierLoss,
  listClassifierParameters,
  type PaddedInputs,
} from "../../model/classifier.ts";
import { initialiseParameter } from "../../model/initialise.ts";
import { declareEncoderInputs, makeTables } from "../../model/inputs.ts";
import type { Parameters } from "../../model/layer-parts.ts";
import type { Parameter } from "../../model/parameter.ts";
import { listParameters } from "../../model/parameters.ts";
import { type ModelShape, withoutHead } from "../../model/shape.ts";
import type { OptimizerSettings } from "../../optim/optimizers.ts";
import { buildUpdate, listMoments, scheduleInputs } from "../../optim/update.ts";
import type { MeasuredStep } from "../../train/step/guard.ts";
import { createLossScaler, type Scaling } from "../../train/step/loss-scaler.ts";
import { clearStates, listHeld, shareStates } from "../../train/step/states.ts";
import { buildWholeStep } from "../../train/step/step-graphs.ts";
import type { StepDefinition, StepSchedule } from "../../train/step/training-definition.ts";
import type { FinetuneRecipe } from "./finetune-recipe.ts";

/** One batch on the host, padded: B sequences of `length` tokens. */
export interface PaddedBatch {
  readonly length: number;
  /** (B·length) each; segments only where the shape has them. */
  readonly tokens: Int32Array;
  readonly segments: Int32Array;
  /** (B) */
  readonly lengths: Int32Array;
  /** Classes or numbers (B); for tokens (B·length), -1 where there is nothing to predict. */
  readonly targets: Int32Array | Float32Array;
}

/** The system's compiler takes a core and some hundred megabytes for each. */
const compiledAtOnce = 4;

type Purpose = "train" | "predict";

export interface TaskEngine {
  readonly classifier: ClassifierShape;
  readonly parameters: readonly Parameter[];
  /** Puts the encoder's parameters, a new head and empty moments; without parameters a new encoder, too. */
  reset(encoder: readonly StoredTensor[] | undefined, seed: number): void;
  /** Compiles what batches of these lengths need, several at a time; what is not prepared is compiled when it is first run. */
  prepare(lengths: Readonly<Record<Purpose, readonly number[]>>): Promise<void>;
  /** One update, and where losses are scaled with the scale it had. What is not finite changes nothing. */
  step(batch: PaddedBatch, schedule: StepSchedule, dropoutSeed: number): Promise<MeasuredStep>;
  /** Logits, row after row, without dropout. */
  predict(batch: PaddedBatch): Promise<HostArray>;
  readParameters(): HeldTensor[];
}

/** Opens engines for the tasks of one model under one recipe; `open` returns the same engine for the same kind of head. */
export interface Finetuner {
  readonly model: ModelShape;
  open(head: Pick<ClassifierShape, "kind" | "outputs">): TaskEngine;
}

export function openFinetuner(backend: Backend, shape: ModelShape, recipe: FinetuneRecipe): Finetuner {
  // The head that predicts tokens is not finetuned.
  const model = withoutHead(shape);
  const shared = new Map<string, DeviceBuffer>();
  const engines = new Map<string, TaskEngine>();
  return {
    model,
    open: ({ kind, outputs }) => {
      const key = `${kind} ${outputs}`;
      const { pooler, head, headWidth } = recipe;
      const classifier = { kind, outputs, pooler, head, headWidth };
      const engine = engines.get(key) ?? openTaskEngine(backend, model, classifier, recipe, shared);
      engines.set(key, engine);
      return engine;
    },
  };
}

const listTrained = (model: ModelShape, classifier: ClassifierShape): Parameter[] => [
  ...listParameters(model),
  ...listClassifierParameters(model, classifier),
];

/** What a finetuning trains, but for the loss, which each length of batches has its own of. */
function defineFinetuning(model: ModelShape, classifier: ClassifierShape, recipe: FinetuneRecipe) {
  const parameters = listTrained(model, classifier);
  const { learningRate, beta1, beta2, epsilon, weightDecay, clip } = recipe;
  const optimizer: OptimizerSettings = { name: "adamw", learningRate, beta1, beta2, epsilon, weightDecay, clip };
  return {
    parameters: new Map(parameters.map(({ name, shape }) => [name, shape] as const)),
    moments: listMoments(parameters, optimizer),
    clips: clip > 0,
    update: (values, gradients) => buildUpdate(parameters, optimizer, values, gradients),
    scheduleInputs: ({ step, rateScale }) => scheduleInputs(optimizer, step, rateScale),
  } satisfies StepDefinition & { readonly clips: boolean };
}

/** `shared` holds states, so that engines of one model use the same memory for what they have in common. */
function openTaskEngine(
  backend: Backend,
  model: ModelShape,
  classifier: ClassifierShape,
  recipe: FinetuneRecipe,
  shared: Map<string, DeviceBuffer>,
): TaskEngine {
  const parameters = listTrained(model, classifier);
  const definition = defineFinetuning(model, classifier, recipe);
  const parameterTypes = parameters.map(({ name, shape }): [string, TensorType] => [name, { shape, dtype: "f32" }]);
  const states = shareStates(backend, new Map([...parameterTypes, ...definition.moments]), shared);
  const builders = { train: buildTrainingGraph, predict: buildPredictionGraph };
  const loaded = new Map<string, Promise<LoadedGraph>>();
  const hasTable = new Set<LoadedGraph>();
  const scaler = createLossScaler(backend);
  const firstScale = scaler.read();
  const load = (purpose: Purpose, length: number): Promise<LoadedGraph> => {
    const key = `${purpose} ${length}`;
    const build = () => builders[purpose](model, classifier, recipe, length, backend);
    const graph = loaded.get(key) ?? backend.load(build(), states);
    loaded.set(key, graph);
    return graph;
  };
  const run = async (purpose: Purpose, batch: PaddedBatch, scalars: HostInputs) => {
    const { length, tokens, segments, lengths, targets } = batch;
    const graph = await load(purpose, length);
    const table = hasTable.has(graph) ? {} : makeTables(model, length);
    hasTable.add(graph);
    const padded = { tokens, lengths, ...(model.segments && { segments }) };
    return graph.run({ ...padded, ...table, ...(purpose === "train" && { targets }), ...scalars });
  };
  return {
    classifier,
    parameters,
    reset: (encoder, seed) => {
      const given = new Map(encoder?.map(tensor => [tensor.name, tensor] as const));
      parameters.forEach((parameter, index) => {
        const values = given.get(parameter.name)?.read() ?? initialiseParameter(parameter, index, seed);
        backend.write(states.get(parameter.name)!, values);
      });
      clearStates(backend, states, definition.moments.keys());
      scaler.restore(firstScale);
    },
    prepare: async lengths => {
      const purposes = Object.keys(builders) as Purpose[];
      const wanted = purposes.flatMap(purpose => [...new Set(lengths[purpose])].map(length => ({ purpose, length })));
      for (let done = 0; done < wanted.length; done += compiledAtOnce) {
        const some = wanted.slice(done, done + compiledAtOnce);
        await Promise.all(some.map(({ purpose, length }) => load(purpose, length)));
      }
    },
    step: async (batch, schedule, dropoutSeed) => {
      const { loss, gradientNorm } = await run("train", batch, {
        ...definition.scheduleInputs(schedule),
        ...{ dropoutSeed: Uint32Array.of(dropoutSeed) },
        ...scaler.listLossInputs(),
        ...scaler.listUpdateInputs(1),
      });
      return scaler.adapt({ loss: loss![0]!, ...(gradientNorm !== undefined && { gradientNorm: gradientNorm[0]! }) });
    },
    predict: async batch => (await run("predict", batch, {})).logits!,
    readParameters: () => listHeld(backend, states, definition.parameters.keys()),
  };
}

function declareInputs(model: ModelShape, sequences: number, length: number): PaddedInputs {
  return declareEncoderInputs(model, sequences, length, "padded") as PaddedInputs;
}

/** Logits of a batch without dropout. */
function buildPredictionGraph(
  model: ModelShape,
  classifier: ClassifierShape,
  { batchSequences }: FinetuneRecipe,
  length: number,
): Graph {
  const inputs = declareInputs(model, batchSequences, length);
  const parameters = new Map(
    listTrained(model, classifier).map(({ name, shape }) => [name, state(name, shape)] as const),
  );
  return { outputs: { logits: classify(inputs, parameters, model, classifier) }, updates: {} };
}

/** Loss, gradients and AdamW in one graph. */
export function buildTrainingGraph(
  model: ModelShape,
  classifier: ClassifierShape,
  recipe: FinetuneRecipe,
  length: number,
  scaling: Scaling = {},
): Graph {
  const inputs = declareInputs(model, recipe.batchSequences, length);
  const dropout = { rate: recipe.dropout, seed: input("dropoutSeed", [1], "u32") };
  const rows = classifier.kind === "tokens" ? recipe.batchSequences * length : recipe.batchSequences;
  const targets = input("targets", [rows], classifier.kind === "regression" ? "f32" : "i32");
  const computeLoss = (parameters: Parameters) =>
    computeClassifierLoss(classify(inputs, parameters, model, classifier, dropout), targets, classifier.kind);
  return buildWholeStep(defineFinetuning(model, classifier, recipe), computeLoss, scaling);
}
