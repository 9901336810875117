// One training step on a backend: programs for the first micro-batch (gradients := g), the following ones (+=), the update,
// and validation. Model and optimizer come in as a definition, so this file knows neither.

import { totalmem } from "node:os";
import type { Backend, DeviceBuffer, HostArray } from "../backends/backend.ts";
import { UserError } from "../base/errors.ts";
import { collectGarbage } from "../base/heap.ts";
import type { StoredTensor } from "../checkpoint/safetensors.ts";
import { differentiate } from "../graph/gradient.ts";
import { add, input, multiply, reshape, state } from "../graph/operations.ts";
import { countElements, type Graph, type Shape, type Tensor } from "../graph/tensor.ts";
import { guardUpdates } from "./guard.ts";
import { clearStates, listStored, restoreStates } from "./states.ts";

export type Inputs = Readonly<Record<string, HostArray | number>>;

/** What a step changes at each update: functions of progress, made into the update graph's inputs by the definition. */
export interface StepSchedule {
  /** Updates done before this one, plus one: the optimizer's t. */
  readonly step: number;
  /** Share of the peak learning rates, 0 to 1. */
  readonly rateScale: number;
}

export interface TrainingDefinition {
  /** Name and shape of every parameter, in the order files list them. */
  readonly parameters: ReadonlyMap<string, Shape>;
  /** Optimizer states. */
  readonly moments: ReadonlyMap<string, Shape>;
  /** Mean loss of one micro-batch, one element; batches are `input`s of its own naming. */
  loss(parameters: ReadonlyMap<string, Tensor>): Tensor;
  /** What validation measures, on inputs of its own; without it `loss`. */
  validationLoss?(parameters: ReadonlyMap<string, Tensor>): Tensor;
  /** New values of parameters and moments, and the norm of the gradient before clipping. */
  update(
    parameters: ReadonlyMap<string, Tensor>,
    gradients: ReadonlyMap<string, Tensor>,
  ): { readonly updates: Readonly<Record<string, Tensor>>; readonly gradientNorm: Tensor };
  scheduleInputs(schedule: StepSchedule): Inputs;
  initialise(name: string): Float32Array;
}

export interface StepResult {
  readonly loss: number;
  readonly gradientNorm: number;
}

/** What the loop needs of a model on a device. Tests of budgets and schedules put a fake in its place. */
export interface Engine {
  readonly device: string;
  readonly parameterCount: number;
  accumulate(batch: Inputs, first: boolean): Promise<void>;
  /** Applies the mean gradient of `microBatches`. A step that is not finite changes no parameter and no moment. */
  update(schedule: StepSchedule, microBatches: number): Promise<StepResult>;
  validate(batch: Inputs): Promise<number>;
  readParameters(): StoredTensor[];
  readMoments(): StoredTensor[];
  restore(tensors: readonly StoredTensor[]): void;
  /** Sets every moment to zero, as at the start. */
  clearMoments(): void;
}

const gradientOf = (name: string) => `gradient.${name}`;
const lossSum = "lossSum";

/** The graphs of training: `first` sets the gradients of a micro-batch, `next` adds to them. */
export interface StepGraphs {
  readonly first: Graph;
  readonly next: Graph;
  readonly update: Graph;
  readonly validation: Graph;
}

export function buildStepGraphs(definition: TrainingDefinition): StepGraphs {
  const parameters = new Map([...definition.parameters].map(([name, shape]) => [name, state(name, shape)] as const));
  const loss = reshape(definition.loss(parameters), [1]);
  const validationLoss = reshape(definition.validationLoss?.(parameters) ?? loss, [1]);
  const gradients = differentiate(loss, [...parameters.values()]);
  const named: [string, Tensor][] = [...parameters.keys()].map((name, i) => [gradientOf(name), gradients[i]!]);
  named.push([lossSum, loss]);
  const accumulated = named.map(([name, value]) => [name, add(state(name, value.shape), value)] as const);
  return {
    first: { outputs: {}, updates: Object.fromEntries(named) },
    next: { outputs: {}, updates: Object.fromEntries(accumulated) },
    update: buildUpdateGraph(definition, parameters),
    validation: { outputs: { loss: validationLoss }, updates: {} },
  };
}

/** Allocates parameters with their initial values, gradients, and the optimizer's moments, by name. */
export function allocateStates(backend: Backend, definition: TrainingDefinition): Map<string, DeviceBuffer> {
  const countBytes = (shapes: TrainingDefinition["parameters"]) =>
    [...shapes.values()].reduce((sum, shape) => sum + 4 * countElements(shape), 0);
  const bytes = 2 * countBytes(definition.parameters) + countBytes(definition.moments);
  // A system promises more than it has, and ends who takes it; a GPU refuses by itself.
  if (backend.name !== "cuda" && bytes > totalmem()) {
    throw new UserError(
      "E_MEMORY",
      `the model, its gradients and moments need ${(bytes / 1e9).toFixed(1)} GB, and the machine has ${(totalmem() / 1e9).toFixed(1)} GB`,
      "Take a smaller model: model.width, model.layers or model.vocabulary.",
    );
  }
  const states = new Map<string, DeviceBuffer>();
  for (const [name, shape] of definition.parameters) {
    states.set(name, backend.allocate(shape, "f32"));
    states.set(gradientOf(name), backend.allocate(shape, "f32"));
    backend.write(states.get(name)!, definition.initialise(name));
  }
  for (const [name, shape] of definition.moments) states.set(name, backend.allocate(shape, "f32"));
  states.set(lossSum, backend.allocate([1], "f32"));
  return states;
}

/** Compiles the four programs and puts initial parameters on the device. */
export async function openEngine(backend: Backend, definition: TrainingDefinition): Promise<Engine> {
  const states = allocateStates(backend, definition);
  const graphs = buildStepGraphs(definition);
  // All at once: the system's compiler works on several programs at a time.
  const [first, next, update, validation] = await Promise.all([
    backend.load(graphs.first, states),
    backend.load(graphs.next, states),
    backend.load(graphs.update, states),
    backend.load(graphs.validation, states),
  ]);
  collectGarbage();

  return {
    device: backend.device,
    parameterCount: [...definition.parameters.values()].reduce((sum, shape) => sum + countElements(shape), 0),
    accumulate: async (batch, isFirst) => {
      await (isFirst ? first : next).run(batch);
    },
    update: async (schedule, microBatches) => {
      const scale = Float32Array.of(1 / microBatches);
      const outputs = await update.run({ ...definition.scheduleInputs(schedule), gradientScale: scale });
      return { loss: outputs.loss![0]!, gradientNorm: outputs.gradientNorm![0]! };
    },
    validate: async batch => (await validation.run(batch)).loss![0]!,
    readParameters: () => listStored(backend, states, definition.parameters),
    readMoments: () => listStored(backend, states, definition.moments),
    restore: tensors => restoreStates(backend, states, tensors),
    clearMoments: () => clearStates(backend, states, definition.moments.keys()),
  };
}

function buildUpdateGraph(definition: TrainingDefinition, parameters: ReadonlyMap<string, Tensor>) {
  const scale = input("gradientScale", [1], "f32");
  const gradients = new Map(
    [...parameters].map(([name, { shape }]) => [name, multiply(state(gradientOf(name), shape), scale)] as const),
  );
  const { updates, gradientNorm } = definition.update(parameters, gradients);
  const loss = multiply(state(lossSum, [1]), scale);
  const norm = reshape(gradientNorm, [1]);
  return { outputs: { loss, gradientNorm: norm }, updates: guardUpdates(updates, loss, norm) };
}
