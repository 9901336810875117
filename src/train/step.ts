// One training step on a backend: programs for the first micro-batch (gradients := g), the following ones (+=), the update,
// and validation. Model and optimizer come in as a definition, so this file knows neither.

import { totalmem } from "node:os";
import type { Backend, DeviceBuffer, HostArray } from "../backends/backend.ts";
import { UserError } from "../base/errors.ts";
import { collectGarbage } from "../base/heap.ts";
import type { HeldTensor, StoredTensor } from "../checkpoint/safetensors.ts";
import { differentiate } from "../graph/gradient.ts";
import { add, input, multiply, reshape, sqrt, state } from "../graph/operations.ts";
import { countBytes, countElements, type Graph, type Shape, type Tensor, type TensorType } from "../graph/tensor.ts";
import { globalNorm } from "../optim/clip.ts";
import { type GradientProducts, measureProducts, readProducts } from "../optim/gradient-products.ts";
import { adaptLossScale, firstLossScale, type LossScale } from "../optim/loss-scale.ts";
import { guardUpdates } from "./guard.ts";
import { clearStates, listHeld, restoreStates } from "./states.ts";

export type Inputs = Readonly<Record<string, HostArray | number>>;

/** What a step changes at each update: functions of progress, made into the update graph's inputs by the definition. */
export interface StepSchedule {
  /** Updates done before this one, plus one: the optimizer's t. */
  readonly step: number;
  /** Share of the peak learning rates, 0 to 1. */
  readonly rateScale: number;
  /** Of the budget, 0 to 1, for values with schedules of their own; without it 0. */
  readonly progress?: number;
}

/** A second gradient of a step's micro-batches, which its update reads. */
export interface TrainingProbe {
  /** Of one micro-batch, by parameter, from the step's mean gradients and a seed, [1] u32. */
  gradients(
    parameters: ReadonlyMap<string, Tensor>,
    gradients: ReadonlyMap<string, Tensor>,
    seed: Tensor,
  ): ReadonlyMap<string, Tensor>;
  /** What becomes of n micro-batches' sum: their mean, or that times √n, which keeps the variance of independent draws. */
  readonly scaling: "mean" | "independent";
}

export interface TrainingDefinition {
  /** Name and shape of every parameter, in the order files list them. */
  readonly parameters: ReadonlyMap<string, Shape>;
  /** Optimizer states. */
  readonly moments: ReadonlyMap<string, TensorType>;
  /** Mean loss of one micro-batch, one element; batches are `input`s of its own naming. */
  loss(parameters: ReadonlyMap<string, Tensor>): Tensor;
  /** The same of sequences cut into so many pieces; a batch says how many by its `cut`. */
  readonly cutLosses?: ReadonlyMap<number, (parameters: ReadonlyMap<string, Tensor>) => Tensor>;
  /** What a micro-batch shows beside its gradient: added up over a step, and read by its update. */
  readonly observations?:
    | {
        readonly shapes: ReadonlyMap<string, Shape>;
        /** With the loss that they come from, which is `loss`. */
        compute(parameters: ReadonlyMap<string, Tensor>): {
          readonly loss: Tensor;
          readonly seen?: Readonly<Record<string, Tensor>>;
        };
      }
    | undefined;
  /** What validation measures, on inputs of its own; without it `loss`. */
  validationLoss?(parameters: ReadonlyMap<string, Tensor>): Tensor;
  /** Due steps, 1, 1 + interval, …, have the probe and an update of their own; without it all steps are. */
  readonly interval?: number;
  readonly probe?: TrainingProbe | undefined;
  /** New values of parameters and moments, and the norm of the gradient before clipping. */
  update(
    parameters: ReadonlyMap<string, Tensor>,
    gradients: ReadonlyMap<string, Tensor>,
    kind: {
      readonly isDue: boolean;
      readonly probe?: ReadonlyMap<string, Tensor> | undefined;
      readonly seen: Readonly<Record<string, Tensor>>;
    },
  ): { readonly updates: Readonly<Record<string, Tensor>>; readonly gradientNorm: Tensor };
  /** An average of the parameters: new values of its states, which are among the moments, and what it is. */
  readonly average?:
    | {
        take(parameters: ReadonlyMap<string, Tensor>): Readonly<Record<string, Tensor>>;
        read(parameters: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Tensor>;
      }
    | undefined;
  scheduleInputs(schedule: StepSchedule): Inputs;
  initialise(name: string): Float32Array;
  /** Whether micro-batches measure how their gradients agree, as batch rules read it. */
  readonly measuresGradients?: boolean | undefined;
  /** Whether micro-batches compute again what takes much memory to keep; not a bit of any result changes. */
  readonly recomputes?: boolean | undefined;
}

export interface StepResult {
  readonly loss: number;
  readonly gradientNorm: number;
  /** Where losses are scaled, the scale that the step had. */
  readonly lossScale?: LossScale;
}

export interface ProbePlace {
  readonly isFirst: boolean;
  /** Of the step. */
  readonly microBatches: number;
  readonly seed: number;
}

/** What the loop needs of a model on a device. Tests of budgets and schedules put a fake in its place. */
export interface Engine {
  readonly device: string;
  readonly parameterCount: number;
  /** Whether what is asked of the device is under way when it has been asked, and the host has nothing to do until it is awaited. */
  readonly leavesHostFree?: boolean;
  accumulate(batch: Inputs, first: boolean): Promise<void>;
  /** Where the definition measures gradients: of the micro-batch that was accumulated last. */
  measureGradients?(): GradientProducts;
  /** Applies the mean gradient of `microBatches`. A step that is not finite changes no parameter and no moment. */
  update(schedule: StepSchedule, microBatches: number): Promise<StepResult>;
  validate(batch: Inputs): Promise<number>;
  /** Where the definition has an interval: whether a step is due. */
  isDue?(step: number): boolean;
  /** Where it has a probe: adds up a due step's, over its micro-batches, once their gradient is whole. */
  probe?(batch: Inputs, place: ProbePlace): Promise<void>;
  /** Where the definition has one: takes the parameters into the average, and validates with it in their place. */
  readonly average?: { take(): Promise<void>; validate(batch: Inputs): Promise<number> };
  /** Where products read f16. Every update adapts it. */
  readonly lossScale?: { read(): LossScale; restore(scale: LossScale): void };
  readParameters(): HeldTensor[];
  readMoments(): HeldTensor[];
  restore(tensors: readonly StoredTensor[]): void;
  /** Sets every moment to zero, as at the start. */
  clearMoments(): void;
}

const gradientOf = (name: string) => `gradient.${name}`;
const probeOf = (name: string) => `probe.${name}`;
const seenOf = (name: string) => `seen.${name}`;
const lossSum = "lossSum";

/** The graphs of training: `first` sets the gradients of a micro-batch, `next` adds to them. */
export interface StepGraphs {
  readonly first: Graph;
  readonly next: Graph;
  readonly update: Graph;
  readonly validation: Graph;
  /** Like first and next, of the probe. */
  readonly firstProbe?: Graph;
  readonly nextProbe?: Graph;
  /** The update of steps that are not due. */
  readonly updateBetween?: Graph;
  readonly takeAverage?: Graph;
  readonly averageValidation?: Graph;
}

/** Whether gradients are those of a scaled loss. */
type Scaling = Pick<Backend, "scalesLoss">;

const readParameters = ({ parameters }: TrainingDefinition) =>
  new Map([...parameters].map(([name, shape]) => [name, state(name, shape)] as const));

function nameGradients(
  loss: Tensor,
  parameters: ReadonlyMap<string, Tensor>,
  { scalesLoss }: Scaling,
): [string, Tensor][] {
  const differentiated = scalesLoss ? multiply(loss, input("lossScale", [1], "f32")) : loss;
  const gradients = differentiate(differentiated, [...parameters.values()]);
  return [...parameters.keys()].map((name, i) => [gradientOf(name), gradients[i]!]);
}

/** Like first and next, of sequences that are cut into so many pieces. */
function buildCutGraphs(
  definition: TrainingDefinition,
  scaling: Scaling,
): ReadonlyMap<number, readonly [first: Graph, next: Graph]> {
  const parameters = readParameters(definition);
  return new Map(
    [...(definition.cutLosses ?? [])].map(([pieces, compute]) => {
      const loss = reshape(compute(parameters), [1]);
      const named = [...nameGradients(loss, parameters, scaling), [lossSum, loss] as const];
      return [pieces, accumulate(named, definition)];
    }),
  );
}

export function buildStepGraphs(definition: TrainingDefinition, scaling: Scaling = {}): StepGraphs {
  const parameters = readParameters(definition);
  const { observations } = definition;
  const computed = observations?.compute(parameters) ?? { loss: definition.loss(parameters) };
  const loss = reshape(computed.loss, [1]);
  const validationLoss = reshape(definition.validationLoss?.(parameters) ?? loss, [1]);
  const named = nameGradients(loss, parameters, scaling);
  for (const [name, value] of Object.entries(computed.seen ?? {})) named.push([seenOf(name), value]);
  named.push([lossSum, loss]);
  const [first, next] = accumulate(named, definition);
  return {
    ...{ first, next },
    update: buildUpdateGraph(definition, parameters, true, scaling),
    validation: { outputs: { loss: validationLoss }, updates: {} },
    ...(definition.probe !== undefined && buildProbeGraphs(definition.probe, parameters, definition.recomputes)),
    ...((definition.interval ?? 1) > 1 && { updateBetween: buildUpdateGraph(definition, parameters, false, scaling) }),
    ...(definition.average !== undefined && buildAverageGraphs(definition.average, definition, parameters)),
  };
}

function buildAverageGraphs(
  { take, read }: NonNullable<TrainingDefinition["average"]>,
  { loss, validationLoss = loss }: TrainingDefinition,
  parameters: ReadonlyMap<string, Tensor>,
) {
  return {
    takeAverage: { outputs: {}, updates: take(parameters) },
    averageValidation: { outputs: { loss: reshape(validationLoss(read(parameters)), [1]) }, updates: {} },
  };
}

/** A graph that sets states to these values, and one that adds them. */
function accumulate(
  named: readonly (readonly [string, Tensor])[],
  { recomputes = false, measuresGradients = false }: Pick<TrainingDefinition, "recomputes" | "measuresGradients">,
): [Graph, Graph] {
  const added = named.map(([name, value]) => [name, add(state(name, value.shape), value)] as const);
  const measured = new Map(measuresGradients ? named.filter(([name]) => name.startsWith(gradientOf(""))) : []);
  const sums = new Map([...measured].map(([name, { shape }]) => [name, state(name, shape)] as const));
  return [
    { outputs: measureProducts(measured, undefined), updates: Object.fromEntries(named), recomputes },
    { outputs: measureProducts(measured, sums), updates: Object.fromEntries(added), recomputes },
  ];
}

const gradientScale = () => input("gradientScale", [1], "f32");

const readMean = (nameOf: (name: string) => string, parameters: ReadonlyMap<string, Tensor>, scale: Tensor) =>
  new Map([...parameters].map(([name, { shape }]) => [name, multiply(state(nameOf(name), shape), scale)] as const));

function buildProbeGraphs(
  probe: TrainingProbe,
  parameters: ReadonlyMap<string, Tensor>,
  recomputes: boolean | undefined,
) {
  const gradients = readMean(gradientOf, parameters, gradientScale());
  const probed = probe.gradients(parameters, gradients, input("probeSeed", [1], "u32"));
  const named = [...probed].map(([name, value]) => [probeOf(name), value] as const);
  const [firstProbe, nextProbe] = accumulate(named, { recomputes });
  return { firstProbe, nextProbe };
}

/** Allocates parameters with their initial values, gradients, and the optimizer's moments, by name. */
export function allocateStates(backend: Backend, definition: TrainingDefinition): Map<string, DeviceBuffer> {
  const copies = definition.probe === undefined ? 2 : 3;
  const parameterBytes = [...definition.parameters.values()].reduce((sum, shape) => sum + 4 * countElements(shape), 0);
  const momentBytes = [...definition.moments.values()].reduce((sum, type) => sum + countBytes(type), 0);
  const bytes = copies * parameterBytes + momentBytes;
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
    if (definition.probe !== undefined) states.set(probeOf(name), backend.allocate(shape, "f32"));
    backend.write(states.get(name)!, definition.initialise(name));
  }
  for (const [name, { shape, dtype }] of definition.moments) states.set(name, backend.allocate(shape, dtype));
  for (const [name, shape] of definition.observations?.shapes ?? [])
    states.set(seenOf(name), backend.allocate(shape, "f32"));
  states.set(lossSum, backend.allocate([1], "f32"));
  return states;
}

/** Compiles the programs and puts initial parameters on the device. UserError E_OPTION for a probe where losses are scaled. */
export async function openEngine(backend: Backend, definition: TrainingDefinition): Promise<Engine> {
  if (backend.scalesLoss && definition.probe !== undefined) {
    throw new UserError(
      "E_OPTION",
      "the optimizer takes a second gradient of each step, which has no loss scale, and products read f16",
      "Set train.precision to f32, or take another optimizer.",
    );
  }
  const states = allocateStates(backend, definition);
  const graphs = buildStepGraphs(definition, backend);
  // All at once: the system's compiler works on several programs at a time.
  const load = (graph: Graph | undefined) => (graph === undefined ? undefined : backend.load(graph, states));
  const [first, next, update, validation, firstProbe, nextProbe, updateBetween, take, averaged] = await Promise.all([
    backend.load(graphs.first, states),
    backend.load(graphs.next, states),
    backend.load(graphs.update, states),
    backend.load(graphs.validation, states),
    load(graphs.firstProbe),
    load(graphs.nextProbe),
    load(graphs.updateBetween),
    load(graphs.takeAverage),
    load(graphs.averageValidation),
  ]);
  const cut = new Map(
    await Promise.all(
      [...buildCutGraphs(definition, backend)].map(
        async ([pieces, both]) => [pieces, await Promise.all(both.map(graph => backend.load(graph, states)))] as const,
      ),
    ),
  );
  collectGarbage();

  let lossScale = firstLossScale;
  const scaleLoss = () => (backend.scalesLoss ? { lossScale: Float32Array.of(lossScale.factor) } : {});
  const scaleGradients = (microBatches: number): Inputs => {
    if (!backend.scalesLoss) return { gradientScale: Float32Array.of(1 / microBatches) };
    const gradientScale = Float32Array.of(1 / (microBatches * lossScale.factor));
    return { gradientScale, lossShare: Float32Array.of(1 / microBatches) };
  };
  const { interval = 1 } = definition;
  const isDue = (step: number) => (step - 1) % interval === 0;
  let products: GradientProducts | undefined;
  return {
    device: backend.device,
    leavesHostFree: backend.synchronise !== undefined,
    ...(interval > 1 && { isDue }),
    ...(firstProbe !== undefined && {
      probe: async (batch: Inputs, { isFirst, microBatches, seed }: ProbePlace) => {
        const program = isFirst ? firstProbe : nextProbe!;
        const scale = Float32Array.of(1 / microBatches);
        await program.run({ ...batch, gradientScale: scale, probeSeed: Uint32Array.of(seed) });
      },
    }),
    parameterCount: [...definition.parameters.values()].reduce((sum, shape) => sum + countElements(shape), 0),
    accumulate: async ({ cut: pieces = 1, ...batch }, isFirst) => {
      const [own, more] = pieces === 1 ? [first, next] : cut.get(pieces as number)!;
      const outputs = await (isFirst ? own : more)!.run({ ...batch, ...scaleLoss() });
      if (definition.measuresGradients !== true) return;
      const scale = backend.scalesLoss ? lossScale.factor : 1;
      products = readProducts(outputs, Array.from(definition.parameters.keys(), gradientOf), scale);
    },
    ...(definition.measuresGradients === true && { measureGradients: () => products! }),
    update: async (schedule, microBatches) => {
      const program = isDue(schedule.step) ? update : updateBetween!;
      const outputs = await program.run({ ...definition.scheduleInputs(schedule), ...scaleGradients(microBatches) });
      const result = { loss: outputs.loss![0]!, gradientNorm: outputs.gradientNorm![0]! };
      if (!backend.scalesLoss) return result;
      const scaled = { ...result, lossScale };
      lossScale = adaptLossScale(lossScale, Object.values(result).every(Number.isFinite));
      return scaled;
    },
    validate: async batch => (await validation.run(batch)).loss![0]!,
    ...(take !== undefined && {
      average: {
        take: async () => {
          await take.run({});
        },
        validate: async (batch: Inputs) => (await averaged!.run(batch)).loss![0]!,
      },
    }),
    ...(backend.scalesLoss && {
      lossScale: {
        read: () => lossScale,
        restore: (scale: LossScale) => {
          lossScale = scale;
        },
      },
    }),
    readParameters: () => listHeld(backend, states, definition.parameters.keys()),
    readMoments: () => listHeld(backend, states, definition.moments.keys()),
    restore: tensors => restoreStates(backend, states, tensors),
    clearMoments: () => clearStates(backend, states, definition.moments.keys()),
  };
}

function buildUpdateGraph(
  definition: TrainingDefinition,
  parameters: ReadonlyMap<string, Tensor>,
  isDue: boolean,
  { scalesLoss }: Scaling,
) {
  const scale = gradientScale();
  const gradients = readMean(gradientOf, parameters, scale);
  const probe = isDue ? readProbe(definition, parameters, scale) : undefined;
  const seen = Object.fromEntries(
    [...(definition.observations?.shapes ?? [])].map(([name, shape]) => [name, state(seenOf(name), shape)]),
  );
  const { updates, gradientNorm } = definition.update(parameters, gradients, { isDue, probe, seen });
  // The sum of losses is not scaled.
  const loss = multiply(state(lossSum, [1]), scalesLoss ? input("lossShare", [1], "f32") : scale);
  const norm = reshape(gradientNorm, [1]);
  const allNorms = probe === undefined ? norm : add(norm, globalNorm(probe.values()));
  return { outputs: { loss, gradientNorm: norm }, updates: guardUpdates(updates, loss, allNorms) };
}

function readProbe(
  { probe }: TrainingDefinition,
  parameters: ReadonlyMap<string, Tensor>,
  scale: Tensor,
): ReadonlyMap<string, Tensor> | undefined {
  if (probe === undefined) return undefined;
  return readMean(probeOf, parameters, probe.scaling === "mean" ? scale : sqrt(scale));
}
