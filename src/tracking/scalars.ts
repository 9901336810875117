// What an event says in numbers, under the names that other programs show: TensorBoard and MLflow draw the same curves.

import type { TrainingEvent } from "../events/event.ts";
import { tokensPerSecond } from "../events/speed.ts";

/** By name; empty for events without a curve. `tokensPerSequence` is the model's length, for the speed. */
export function scalarsOf(event: TrainingEvent, tokensPerSequence: number): Readonly<Record<string, number>> {
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
    "batch/sequences": event.batchSequences,
    "progress/tokens": event.tokens,
    "progress/budget": event.progress,
    "speed/tokens per second": tokensPerSecond(event.batchSequences * tokensPerSequence, event.stepSeconds),
  };
}
