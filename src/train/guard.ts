// What happens when a loss or gradient is not finite. The update graph leaves the parameters as they were (step.ts
// selects old values on the device); here the host counts such steps and ends a run that does not recover.

import { UserError } from "../base/errors.ts";

export interface Guard {
  /** Non-finite steps since the start. */
  readonly skipped: number;
  /** Whether the last step was not finite: what stands on the device may be of no use. */
  readonly isCounting: boolean;
  /** Judges a step; true when it counted. Throws E_DIVERGED after too many bad ones in a row. */
  judge(step: number, loss: number, gradientNorm: number): boolean;
}

export function createGuard(badStepsAllowed: number): Guard {
  let inARow = 0;
  let skipped = 0;
  return {
    get skipped() {
      return skipped;
    },
    get isCounting() {
      return inARow > 0;
    },
    judge(step, loss, gradientNorm) {
      if (Number.isFinite(loss) && Number.isFinite(gradientNorm)) {
        inARow = 0;
        return true;
      }
      skipped++;
      if (++inARow >= badStepsAllowed) {
        throw new UserError(
          "E_DIVERGED",
          `step ${step}: loss ${loss} and gradient norm ${gradientNorm}; ${inARow} steps in a row were not finite`,
          "Lower optimizer.learningRate or set optimizer.clip, and begin a new run.",
        );
      }
      return false;
    },
  };
}
