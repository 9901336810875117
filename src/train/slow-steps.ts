// Says so when steps suddenly take many times longer than they did: the budget goes on, and a person may end what is in the way.

import type { StepEvent } from "../events/event.ts";

const stepsKept = 64;
const stepsNeeded = 16;
const timesLonger = 4;
/** In a row: one alone is a hiccup of the system. */
const slowSteps = 3;
const secondsBetweenWarnings = 60;

/** Gives a warning for a step, at most one a minute, or undefined. Steps are compared by their time for a sequence. */
export function createSlowStepWatch(): (event: StepEvent) => string | undefined {
  const usual: number[] = [];
  let slow = 0;
  let warnedSeconds = Number.NEGATIVE_INFINITY;
  return ({ stepSeconds, batchSequences, elapsedSeconds }) => {
    const seconds = stepSeconds / batchSequences;
    const median = [...usual].sort((a, b) => a - b)[usual.length >> 1];
    if (median === undefined || usual.length < stepsNeeded || seconds < timesLonger * median) {
      slow = 0;
      usual.push(seconds);
      if (usual.length > stepsKept) usual.shift();
      return undefined;
    }
    if (++slow < slowSteps || elapsedSeconds - warnedSeconds < secondsBetweenWarnings) return undefined;
    warnedSeconds = elapsedSeconds;
    return `steps take ${(seconds / median).toFixed(0)} times longer than before: other programs use the processors or the memory`;
  };
}
