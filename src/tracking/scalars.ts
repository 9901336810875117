// What an event says in numbers, under the names that other programs show: TensorBoard and MLflow draw the same curves.

import type { TrainingEvent } from "../events/event.ts";
import { tokensPerSecond } from "../events/speed.ts";

/** What a run's recipe says that its events do not. */
export interface ScalarFacts {
  /** The model's length, for the speed. */
  readonly tokensPerSequence: number;
  /** Of an optimizer with several rates, the others by the names of their settings, as multiples of the learning rate. */
  readonly rateFactors?: Readonly<Record<string, number>>;
}

/** By name; empty for events without a curve. */
export function scalarsOf(
  event: TrainingEvent,
  { tokensPerSequence, rateFactors = {} }: ScalarFacts,
): Readonly<Record<string, number>> {
  if (event.kind === "validation") {
    const { loss, averageLoss } = event;
    return {
      "loss/validation": loss,
      ...(averageLoss !== undefined && { "loss/validation of the average": averageLoss }),
    };
  }
  if (event.kind !== "step") return {};
  return {
    "loss/training": event.loss,
    "gradient norm": event.gradientNorm,
    "learning rate": event.learningRate,
    ...Object.fromEntries(
      // No slash: MLflow keeps metrics in files, and one of a name is no folder.
      Object.entries(rateFactors).map(([setting, factor]) => [
        `learning rate of ${setting.replace("LearningRate", "")}`,
        factor * event.learningRate,
      ]),
    ),
    ...(event.lossScale !== undefined && { "loss scale": event.lossScale }),
    "batch/sequences": event.batchSequences,
    "progress/tokens": event.tokens,
    "progress/budget": event.progress,
    "speed/tokens per second": tokensPerSecond(event.batchSequences * tokensPerSequence, event.stepSeconds),
  };
}
