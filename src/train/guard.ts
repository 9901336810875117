// What happens when a loss or gradient is not finite, in pretraining and finetuning alike. On the device the update leaves every
// state as it was; here the host counts such steps and ends a training that does not recover.

import type { UserError } from "../base/errors.ts";
import { add, less, multiply, reshape, select, state } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";

/**
 * Updates that change nothing where the loss is not finite, or a norm that is given: by state name. Loss and norm have the
 * shape [1]; a norm needs every gradient in memory, so it is given where that is so anyway.
 */
export function guardUpdates(
  updates: Readonly<Record<string, Tensor>>,
  loss: Tensor,
  gradientNorm?: Tensor,
): Record<string, Tensor> {
  const square = multiply(loss, loss);
  // False for NaN as well as for infinity: no comparison with NaN holds.
  const finite = less(gradientNorm === undefined ? square : add(square, gradientNorm), 3e38);
  const guarded = Object.entries(updates).map(([name, value]) => {
    const aligned = reshape(finite, new Array<number>(value.shape.length).fill(1));
    return [name, select(aligned, value, state(name, value.shape, value.dtype))] as const;
  });
  return Object.fromEntries(guarded);
}

export interface Guard {
  /** Whether the last step was not finite: what stands on the device may be of no use. */
  readonly isCounting: boolean;
  /** Judges what a step measured, by name; true when it counted. Throws after too many bad ones in a row. */
  judge(step: number, measured: Readonly<Record<string, number>>): boolean;
}

/** `refuse` makes the error from a sentence on what was seen. */
export function createGuard(badStepsAllowed: number, refuse: (seen: string) => UserError): Guard {
  let inARow = 0;
  return {
    get isCounting() {
      return inARow > 0;
    },
    judge(step, measured) {
      if (Object.values(measured).every(Number.isFinite)) {
        inARow = 0;
        return true;
      }
      if (++inARow < badStepsAllowed) return false;
      const values = Object.entries(measured).map(([name, value]) => `${name} ${value}`);
      throw refuse(`step ${step}: ${values.join(" and ")}; ${inARow} steps in a row were not finite`);
    },
  };
}
