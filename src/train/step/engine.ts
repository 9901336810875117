// The engine of a training whose steps have any number of micro-batches: its programs on a backend, and the states that they share.
// Model and optimizer come in as a definition, so this file knows neither.

import { setImmediate } from "node:timers/promises";
import type { Backend, DeviceBuffer, HostArray, HostInputs, StateExchange } from "../../backends/backend.ts";
import { UserError } from "../../base/errors.ts";
import type { HeldTensor, StoredTensor } from "../../checkpoint/safetensors.ts";
import { countElements, type Graph } from "../../graph/tensor.ts";
import { type GradientProducts, readProducts } from "../../optim/gradient-products.ts";
import type { LossScale } from "../../optim/loss-scale.ts";
import type { MeasuredStep } from "./guard.ts";
import { createLossScaler } from "./loss-scaler.ts";
import { allocateStates, clearStates, initialiseStates, listHeld, nameGradient, restoreStates } from "./states.ts";
import { buildCutGraphs, buildStepGraphs } from "./step-graphs.ts";
import { createTouched } from "./touched.ts";
import type { StepSchedule, TrainingDefinition } from "./training-definition.ts";

export interface StepResult extends MeasuredStep {
  readonly gradientNorm: number;
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
  /** Whether every step has one micro-batch: then each is a first one. */
  readonly isOfOne?: boolean;
  /** Where an update is lazy: told all micro-batches of the next step, on all ranks, before the first. One that is not told has one micro-batch. */
  foresee?(batches: readonly HostInputs[]): void;
  /** With an exchange, the sums over all ranks come in place of this rank's, beside the backward pass. */
  accumulate(batch: HostInputs, first: boolean, exchange?: StateExchange): Promise<void>;
  /** Where the definition measures gradients: of the micro-batch that was accumulated last. */
  measureGradients?(): GradientProducts;
  /** Applies the mean gradient of `microBatches`. A step that is not finite changes no parameter and no moment. */
  update(schedule: StepSchedule, microBatches: number): Promise<StepResult>;
  /**
   * Accumulates a step's last micro-batch and updates, as one after the other, but for what gradients measure. Only where the device would
   * wait for the host between them.
   */
  finish?(batch: HostInputs, first: boolean, schedule: StepSchedule, microBatches: number): Promise<StepResult>;
  validate(batch: HostInputs): Promise<number>;
  /** Where the definition has an interval: whether a step is due. */
  isDue?(step: number): boolean;
  /** Where it has a probe: adds up a due step's, over its micro-batches, once their gradient is whole. */
  probe?(batch: HostInputs, place: ProbePlace): Promise<void>;
  /** Where the definition has one: takes the parameters into the average, and validates with it in their place. */
  readonly average?: { take(): Promise<void>; validate(batch: HostInputs): Promise<number> };
  /** Where products read f16. Every update adapts it. */
  readonly lossScale?: { read(): LossScale; restore(scale: LossScale): void };
  readParameters(): HeldTensor[];
  readMoments(): HeldTensor[];
  /** What other ranks have of a shared update is passed over. */
  restore(tensors: readonly StoredTensor[]): void;
  /** Sets every moment to zero, as at the start. */
  clearMoments(): void;
}

/** An engine whose parameters other programs on the same backend may read. */
export interface OpenEngine extends Engine {
  readonly states: ReadonlyMap<string, DeviceBuffer>;
}

/**
 * Compiles the programs, of which `onProgram` is told each that is ready, and puts initial parameters on the device. UserError E_OPTION for
 * a probe where losses are scaled.
 */
export async function openEngine(
  backend: Backend,
  definition: TrainingDefinition,
  onProgram: (loaded: number, all: number) => void = () => {},
): Promise<OpenEngine> {
  if (backend.scalesLoss && definition.probe !== undefined) {
    throw new UserError(
      "E_OPTION",
      "the optimizer takes a second gradient of each step, which has no loss scale, and products read f16",
      "Set train.precision to f32, or take another optimizer.",
    );
  }
  const states = allocateStates(backend, definition);
  const { isOfOne = false } = definition;
  const graphs = buildStepGraphs(definition, backend);
  backend.foresee?.([graphs.update]);
  let [loaded, all] = [0, 0];
  // One after another, but none waits for the system's compiler to be done with another: it begins on one while the next is compiled here.
  let turn = Promise.resolve();
  const loadOne = async (graph: Graph) => {
    all++;
    const before = turn;
    turn = before.then(() => setImmediate());
    await before;
    const program = await backend.load(graph, states);
    onProgram(++loaded, all);
    return program;
  };
  const load = (graph: Graph | undefined) => (graph === undefined ? undefined : loadOne(graph));
  const [[first, next, update, validation, firstProbe, nextProbe, updateBetween, take, averaged], cutPrograms] =
    await Promise.all([
      Promise.all([
        loadOne(graphs.first),
        load(graphs.next),
        loadOne(graphs.update),
        loadOne(graphs.validation),
        load(graphs.firstProbe),
        load(graphs.nextProbe),
        load(graphs.updateBetween),
        load(graphs.takeAverage),
        load(graphs.averageValidation),
      ]),
      Promise.all(
        [...buildCutGraphs(definition, backend)].map(
          async ([pieces, each]) => [pieces, await Promise.all([loadOne(each.first), load(each.next)])] as const,
        ),
      ),
      // Meanwhile, for there may be a hundred million of them; behind the graphs, since the compiler waits for these.
      turn.then(() => initialiseStates(backend, definition, states)),
    ]);
  const cut = new Map(cutPrograms);

  const scaler = createLossScaler(backend);
  const touched = createTouched(definition);
  const { interval = 1 } = definition;
  const isDue = (step: number) => (step - 1) % interval === 0;
  let products: GradientProducts | undefined;
  const chooseMicroBatch = ({ cut: pieces = 1, ...batch }: HostInputs, isFirst: boolean) => {
    const [own, more] = pieces === 1 ? [first, next] : cut.get(pieces as number)!;
    const inputs = { ...batch, ...touched?.listBatchInputs(batch, isFirst), ...scaler.listLossInputs() };
    return { program: (isFirst ? own : more)!, inputs };
  };
  const chooseUpdate = (schedule: StepSchedule, microBatches: number) => {
    const program = isDue(schedule.step) ? update : updateBetween!;
    const inputs = { ...definition.scheduleInputs(schedule), ...scaler.listUpdateInputs(microBatches) };
    return { program, inputs: { ...inputs, ...touched?.listUpdateInputs() } };
  };
  const conclude = ({ loss, gradientNorm }: Record<string, HostArray>) =>
    scaler.adapt({
      ...{ loss: loss![0]!, gradientNorm: gradientNorm![0]! },
      ...(touched !== undefined && { rowsHash: touched.hashRows() }),
    });
  return {
    states,
    device: backend.device,
    isOfOne,
    ...(interval > 1 && { isDue }),
    ...(touched !== undefined && { foresee: touched.foresee }),
    ...(firstProbe !== undefined && {
      probe: async (batch: HostInputs, { isFirst, microBatches, seed }: ProbePlace) => {
        const program = isFirst ? firstProbe : nextProbe!;
        await program.run({ ...batch, ...scaler.listUpdateInputs(microBatches), probeSeed: Uint32Array.of(seed) });
      },
    }),
    parameterCount: [...definition.parameters.values()].reduce((sum, shape) => sum + countElements(shape), 0),
    accumulate: async (batch, isFirst, exchange) => {
      const { program, inputs } = chooseMicroBatch(batch, isFirst);
      const outputs = await (exchange === undefined ? program.run(inputs) : program.runExchanging!(inputs, exchange));
      if (definition.measuresGradients !== true) return;
      products = readProducts(outputs, Array.from(definition.parameters.keys(), nameGradient), scaler.read().factor);
    },
    ...(definition.measuresGradients === true && { measureGradients: () => products! }),
    update: async (schedule, microBatches) => {
      const { program, inputs } = chooseUpdate(schedule, microBatches);
      return conclude(await program.run(inputs));
    },
    ...(first.runBefore !== undefined && {
      finish: async (batch: HostInputs, isFirst: boolean, schedule: StepSchedule, microBatches: number) => {
        const [last, then] = [chooseMicroBatch(batch, isFirst), chooseUpdate(schedule, microBatches)];
        return conclude(await last.program.runBefore!(last.inputs, then.program, then.inputs));
      },
    }),
    validate: async batch => (await validation.run(batch)).loss![0]!,
    ...(take !== undefined && {
      average: {
        take: async () => {
          await take.run({});
        },
        validate: async (batch: HostInputs) => (await averaged!.run(batch)).loss![0]!,
      },
    }),
    ...(backend.scalesLoss && { lossScale: scaler }),
    readParameters: () => listHeld(backend, states, definition.parameters.keys()),
    readMoments: () => listHeld(backend, states, definition.moments.keys()),
    restore: tensors =>
      restoreStates(
        backend,
        states,
        tensors.filter(({ name }) => states.has(name) || definition.shared?.moments.has(name) !== true),
      ),
    clearMoments: () => clearStates(backend, states, definition.moments.keys()),
  };
}
