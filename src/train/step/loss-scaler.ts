// What a step multiplies its loss by before it is differentiated, and divides gradients by again: in graphs, and on the host, which
// adapts the factor to what every step measured. Where products read no f16 there is none, and gradients are divided by the number of
// micro-batches alone.

import type { Backend, HostInputs } from "../../backends/backend.ts";
import { input, multiply } from "../../graph/operations.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { adaptLossScale, firstLossScale, type LossScale } from "../../optim/loss-scale.ts";
import { isFiniteStep, type MeasuredStep } from "./guard.ts";

/** Whether gradients are those of a scaled loss. */
export type Scaling = Pick<Backend, "scalesLoss">;

/** What is differentiated in place of a loss, [1]. */
export const scaleLoss = (loss: Tensor, { scalesLoss }: Scaling): Tensor =>
  scalesLoss ? multiply(loss, input("lossScale", [1], "f32")) : loss;

/** What makes the mean of a sum of micro-batches' gradients, without the loss scale, [1]. */
export const readGradientScale = (): Tensor => input("gradientScale", [1], "f32");

/** The same of a sum of losses, which is not scaled. */
export const readLossShare = ({ scalesLoss }: Scaling): Tensor =>
  scalesLoss ? input("lossShare", [1], "f32") : readGradientScale();

/** The host's side. A graph passes over inputs that it has not. */
export interface LossScaler {
  /** Inputs of a micro-batch's program. */
  listLossInputs(): HostInputs;
  /** Inputs of an update after so many micro-batches. */
  listUpdateInputs(microBatches: number): HostInputs;
  /** What a step measured, with the scale that it had if losses are scaled. The next step has the scale that follows from it. */
  adapt<Of extends Measured>(measured: Of): Of & Pick<MeasuredStep, "lossScale">;
  read(): LossScale;
  restore(scale: LossScale): void;
}

type Measured = Omit<MeasuredStep, "lossScale">;

const unscaled: LossScale = { factor: 1, steadySteps: 0 };

export function createLossScaler({ scalesLoss = false }: Scaling): LossScaler {
  let scale = scalesLoss ? firstLossScale : unscaled;
  return {
    listLossInputs: () => ({ lossScale: Float32Array.of(scale.factor) }),
    listUpdateInputs: microBatches => ({
      gradientScale: Float32Array.of(1 / (microBatches * scale.factor)),
      lossShare: Float32Array.of(1 / microBatches),
    }),
    adapt: measured => {
      if (!scalesLoss) return measured;
      const lossScale = scale;
      scale = adaptLossScale(scale, isFiniteStep(measured));
      return { ...measured, lossScale };
    },
    read: () => scale,
    restore: given => {
      scale = given;
    },
  };
}
