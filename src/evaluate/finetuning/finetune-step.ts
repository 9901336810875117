// A model and the head of a task on a backend. One step is one run of one program: gradients and update together, one program for
// each length that batches are padded to, compiled when a batch first has it. Seeds and tasks with equal heads share programs
// and memory; only the states are written anew.

import type { Backend, DeviceBuffer, HostArray, LoadedGraph } from "../../backends/backend.ts";
import type { HeldTensor, StoredTensor } from "../../checkpoint/safetensors.ts";
import { differentiate } from "../../graph/gradient.ts";
import { input, multiply, reshape, state } from "../../graph/operations.ts";
import type { Graph, Tensor } from "../../graph/tensor.ts";
import {
  type ClassifierShape,
  classify,
  computeClassifierLoss,
  listClassifierParameters,
  type PaddedInputs,
} from "../../model/classifier.ts";
import { initialiseParameter } from "../../model/initialise.ts";
import { declareEncoderInputs, makeTables } from "../../model/inputs.ts";
import type { Parameter } from "../../model/parameter.ts";
import { listParameters } from "../../model/parameters.ts";
import { type ModelShape, withoutHead } from "../../model/shape.ts";
import { adaptLossScale, firstLossScale } from "../../optim/loss-scale.ts";
import type { OptimizerSettings } from "../../optim/optimizers.ts";
import { buildUpdate, listMoments, scheduleInputs } from "../../optim/update.ts";
import { guardUpdates } from "../../train/guard.ts";
import { clearStates, listHeld } from "../../train/states.ts";
import type { StepResult } from "../../train/step.ts";
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

export interface StepSchedule {
  /** Updates done before this one, plus one. */
  readonly step: number;
  /** Share of the peak learning rate, 0 to 1. */
  readonly rateScale: number;
  readonly dropoutSeed: number;
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
  step(batch: PaddedBatch, schedule: StepSchedule): Promise<Pick<StepResult, "loss"> & Partial<StepResult>>;
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

function optimizerOf({ learningRate, beta1, beta2, epsilon, weightDecay, clip }: FinetuneRecipe): OptimizerSettings {
  return { name: "adamw", learningRate, beta1, beta2, epsilon, weightDecay, clip };
}

/** `shared` holds states by name and shape, so that engines of one model use the same memory for what they have in common. */
function openTaskEngine(
  backend: Backend,
  model: ModelShape,
  classifier: ClassifierShape,
  recipe: FinetuneRecipe,
  shared: Map<string, DeviceBuffer>,
): TaskEngine {
  const parameters = [...listParameters(model), ...listClassifierParameters(model, classifier)];
  const optimizer = optimizerOf(recipe);
  const moments = listMoments(parameters, optimizer);
  const parameterShapes = new Map(parameters.map(({ name, shape }) => [name, shape] as const));
  const states = new Map(
    [...parameterShapes, ...Array.from(moments, ([name, { shape }]) => [name, shape] as const)].map(([name, shape]) => {
      const key = `${name} ${shape.join("×")}`;
      const buffer = shared.get(key) ?? backend.allocate(shape, "f32");
      shared.set(key, buffer);
      return [name, buffer] as const;
    }),
  );
  const builders = { train: buildTrainingGraph, predict: buildPredictionGraph };
  const loaded = new Map<string, Promise<LoadedGraph>>();
  const hasTable = new Set<LoadedGraph>();
  let lossScale = firstLossScale;
  const scaleLoss = () =>
    backend.scalesLoss && {
      lossScale: Float32Array.of(lossScale.factor),
      gradientScale: Float32Array.of(1 / lossScale.factor),
    };
  const load = (purpose: Purpose, length: number): Promise<LoadedGraph> => {
    const key = `${purpose} ${length}`;
    const build = () => builders[purpose](model, classifier, recipe, length, backend);
    const graph = loaded.get(key) ?? backend.load(build(), states);
    loaded.set(key, graph);
    return graph;
  };
  const run = async (purpose: Purpose, batch: PaddedBatch, scalars: Readonly<Record<string, HostArray>>) => {
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
      clearStates(backend, states, moments.keys());
      lossScale = firstLossScale;
    },
    prepare: async lengths => {
      const purposes = Object.keys(builders) as Purpose[];
      const wanted = purposes.flatMap(purpose => [...new Set(lengths[purpose])].map(length => ({ purpose, length })));
      for (let done = 0; done < wanted.length; done += compiledAtOnce) {
        const some = wanted.slice(done, done + compiledAtOnce);
        await Promise.all(some.map(({ purpose, length }) => load(purpose, length)));
      }
    },
    step: async (batch, { step, rateScale, dropoutSeed }) => {
      const scalars = { ...scheduleInputs(optimizer, step, rateScale), dropoutSeed: Uint32Array.of(dropoutSeed) };
      const outputs = await run("train", batch, { ...scalars, ...scaleLoss() });
      const loss = outputs.loss![0]!;
      if (!backend.scalesLoss) return { loss };
      const measured = { loss, gradientNorm: outputs.gradientNorm![0]!, lossScale };
      lossScale = adaptLossScale(lossScale, Number.isFinite(loss) && Number.isFinite(measured.gradientNorm));
      return measured;
    },
    predict: async batch => (await run("predict", batch, {})).logits!,
    readParameters: () => listHeld(backend, states, parameterShapes.keys()),
  };
}

function declareInputs(model: ModelShape, sequences: number, length: number): PaddedInputs {
  return declareEncoderInputs(model, sequences, length, "padded") as PaddedInputs;
}

function declareStates(model: ModelShape, classifier: ClassifierShape): Map<string, Tensor> {
  const listed = [...listParameters(model), ...listClassifierParameters(model, classifier)];
  return new Map(listed.map(({ name, shape }) => [name, state(name, shape)] as const));
}

/** Logits of a batch without dropout. */
function buildPredictionGraph(
  model: ModelShape,
  classifier: ClassifierShape,
  { batchSequences }: FinetuneRecipe,
  length: number,
): Graph {
  const inputs = declareInputs(model, batchSequences, length);
  return { outputs: { logits: classify(inputs, declareStates(model, classifier), model, classifier) }, updates: {} };
}

/** Loss, gradients and AdamW in one graph: a gradient need not be written before its update reads it. */
export function buildTrainingGraph(
  model: ModelShape,
  classifier: ClassifierShape,
  recipe: FinetuneRecipe,
  length: number,
  { scalesLoss }: Pick<Backend, "scalesLoss"> = {},
): Graph {
  const listed = [...listParameters(model), ...listClassifierParameters(model, classifier)];
  const parameters = declareStates(model, classifier);
  const inputs = declareInputs(model, recipe.batchSequences, length);
  const dropout = { rate: recipe.dropout, seed: input("dropoutSeed", [1], "u32") };
  const logits = classify(inputs, parameters, model, classifier, dropout);
  const rows = classifier.kind === "tokens" ? recipe.batchSequences * length : recipe.batchSequences;
  const targets = input("targets", [rows], classifier.kind === "regression" ? "f32" : "i32");
  const loss = reshape(computeClassifierLoss(logits, targets, classifier.kind), [1]);
  const scaled = scalesLoss ? multiply(loss, input("lossScale", [1], "f32")) : loss;
  const gradients = differentiate(scaled, [...parameters.values()]);
  const unscale = (gradient: Tensor) =>
    scalesLoss ? multiply(gradient, input("gradientScale", [1], "f32")) : gradient;
  const named = new Map([...parameters.keys()].map((name, i) => [name, unscale(gradients[i]!)] as const));
  const { updates, gradientNorm } = buildUpdate(listed, optimizerOf(recipe), parameters, named);
  // Clipping and a scaled loss alone need every gradient in memory.
  const norm = scalesLoss || recipe.clip > 0 ? reshape(gradientNorm, [1]) : undefined;
  const outputs = scalesLoss ? { loss, gradientNorm: norm! } : { loss };
  return { outputs, updates: guardUpdates(updates, loss, norm) };
}
