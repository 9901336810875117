// What a step is given of a model and its optimizer: losses and updates as functions that make graphs, so that the engine knows neither.

import type { HostInputs } from "../../backends/backend.ts";
import type { NormalDrawer } from "../../base/normal-drawer.ts";
import type { Shape, Tensor, TensorType } from "../../graph/tensor.ts";
import type { Parameters } from "../../model/layer-parts.ts";
import type { LazyRows } from "../../optim/lazy-rows.ts";

/** What a step changes at each update: functions of progress, made into the update graph's inputs by the definition. */
export interface StepSchedule {
  /** Updates done before this one, plus one: the optimizer's t. */
  readonly step: number;
  /** Share of the peak learning rates, 0 to 1. */
  readonly rateScale: number;
  /** Of the budget, 0 to 1, for values with schedules of their own; without it 0. */
  readonly progress?: number;
}

/** What an update may read besides gradients. */
export interface UpdateKind {
  readonly isDue: boolean;
  readonly probe?: Parameters | undefined;
  readonly seen: Readonly<Record<string, Tensor>>;
}

/** An update that ranks share out. */
export interface SharedUpdate {
  /** Whose every parameter is: who has its moments, and updates it. */
  readonly owners: ReadonlyMap<string, number>;
  /** Every moment of these parameters, in the order of the whole. */
  readonly moments: ReadonlyMap<string, { readonly type: TensorType; readonly owner: number }>;
}

/** What every step needs, whether it is one program or several. */
export interface StepDefinition {
  /** Name and shape of every parameter, in the order files list them. */
  readonly parameters: ReadonlyMap<string, Shape>;
  /** Optimizer states. */
  readonly moments: ReadonlyMap<string, TensorType>;
  /** New values of parameters and moments, and the norm of the gradient before clipping. */
  update(
    parameters: Parameters,
    gradients: Parameters,
    kind: UpdateKind,
  ): { readonly updates: Readonly<Record<string, Tensor>>; readonly gradientNorm: Tensor };
  scheduleInputs(schedule: StepSchedule): HostInputs;
}

/** A second gradient of a step's micro-batches, which its update reads. */
export interface TrainingProbe {
  /** Of one micro-batch, by parameter, from the step's mean gradients and a seed, [1] u32. */
  gradients(parameters: Parameters, gradients: Parameters, seed: Tensor): Parameters;
  /** What becomes of n micro-batches' sum: their mean, or that times √n, which keeps the variance of independent draws. */
  readonly scaling: "mean" | "independent";
}

/** Of a training whose steps have any number of micro-batches. */
export interface TrainingDefinition extends StepDefinition {
  /** Mean loss of one micro-batch, one element; batches are `input`s of its own naming. */
  loss(parameters: Parameters): Tensor;
  /** The same of sequences cut into so many pieces; a batch says how many by its `cut`. */
  readonly cutLosses?: ReadonlyMap<number, (parameters: Parameters) => Tensor>;
  /** What a micro-batch shows beside its gradient: added up over a step, and read by its update. */
  readonly observations?:
    | {
        readonly shapes: ReadonlyMap<string, Shape>;
        /** With the loss that they come from, which is `loss`. */
        compute(parameters: Parameters): {
          readonly loss: Tensor;
          readonly seen?: Readonly<Record<string, Tensor>>;
        };
      }
    | undefined;
  /** What validation measures, on inputs of its own; without it `loss`. */
  validationLoss?(parameters: Parameters): Tensor;
  /** Due steps, 1, 1 + interval, …, have the probe and an update of their own; without it all steps are. */
  readonly interval?: number;
  readonly probe?: TrainingProbe | undefined;
  /** An average of the parameters: new values of its states, which are among the moments, and what it is. */
  readonly average?:
    | {
        take(parameters: Parameters): Readonly<Record<string, Tensor>>;
        read(parameters: Parameters): Parameters;
      }
    | undefined;
  /** What is drawn is drawn in `place`, where there is one, by the drawer's threads; what is given is given as it is. */
  initialise(name: string, place?: Float32Array, drawer?: NormalDrawer): Float32Array;
  /** Where the update of a parameter is lazy, as optim/lazy-rows.ts says. */
  readonly lazy?: (LazyRows & { readonly parameter: string }) | undefined;
  /** Where ranks share out the update: `moments` and `update` are then those of one of them. */
  readonly shared?: SharedUpdate | undefined;
  /** Whether micro-batches measure how their gradients agree, as batch rules read it. */
  readonly measuresGradients?: boolean | undefined;
  /** Whether every step has one micro-batch of a process: then no program adds to gradients. */
  readonly isOfOne?: boolean | undefined;
  /** Whether micro-batches compute again what takes much memory to keep; not a bit of any result changes. */
  readonly recomputes?: boolean | undefined;
}
