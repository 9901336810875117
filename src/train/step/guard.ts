// A step of any training, done, timed and judged. On the device an update whose loss or gradient is not finite leaves every state as
// it was; the host counts such steps and ends a training that does not recover.

import { UserError } from "../../base/errors.ts";
import { countOf } from "../../base/printable.ts";
import { add, gather, less, multiply, replaceRows, reshape, select, state } from "../../graph/operations.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { type LossScale, wasTooLarge } from "../../optim/loss-scale.ts";

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
  const keepFinite = (value: Tensor, old: Tensor) =>
    select(reshape(finite, new Array<number>(value.shape.length).fill(1)), value, old);
  const guarded = Object.entries(updates).map(([name, value]) => {
    if (value.operation.kind !== "replaceRows")
      return [name, keepFinite(value, state(name, value.shape, value.dtype))] as const;
    const [table, rows, values] = value.inputs as [Tensor, Tensor, Tensor];
    return [name, replaceRows(table, rows, keepFinite(values, gather(table, rows)))] as const;
  });
  return Object.fromEntries(guarded);
}

/** What a step measured. Of what it has none is absent. */
export interface MeasuredStep {
  readonly loss: number;
  readonly gradientNorm?: number;
  readonly lossScale?: LossScale;
  /** Of the rows that a lazy update moved, which no loss and no norm tells. */
  readonly rowsHash?: number;
}

/** Whether its update was done. */
export const isFiniteStep = ({ loss, gradientNorm = 0 }: MeasuredStep): boolean =>
  Number.isFinite(loss) && Number.isFinite(gradientNorm);

/** A training that does not recover, by a sentence on what was seen. */
export const refuseDivergence = (seen: string): UserError =>
  new UserError("E_DIVERGED", seen, "Lower optimizer.learningRate or set optimizer.clip, and begin a new run.");

/** Of each step that it is given: so many in a row, this one included, were not finite. One that its loss scale was too large for is none. */
export function countBadSteps(): (measured: MeasuredStep) => number {
  let badInARow = 0;
  return measured => {
    const { loss, gradientNorm, lossScale } = measured;
    if (isFiniteStep(measured)) badInARow = 0;
    else if (lossScale === undefined || !wasTooLarge(lossScale, loss, gradientNorm!)) badInARow++;
    return badInARow;
  };
}

export interface StepGuard {
  readSeconds(): number | Promise<number>;
  /** So many steps in a row that are not finite end the training; one that its loss scale was too large for is none of them. */
  readonly badStepsAllowed: number;
  /** The error of that, made from a sentence on what was seen. */
  refuse(seen: string): UserError;
}

/** Does a step as `take` says, which gets its number; with what it measured come its seconds and whether it counted. */
export function guardSteps({ readSeconds, badStepsAllowed, refuse }: StepGuard) {
  const count = countBadSteps();
  return async <Of extends MeasuredStep>(
    step: number,
    take: (step: number) => Promise<Of>,
  ): Promise<Of & { readonly counted: boolean; readonly seconds: number }> => {
    const start = await readSeconds();
    const measured = await take(step);
    const seconds = (await readSeconds()) - start;
    const badInARow = count(measured);
    if (badInARow < badStepsAllowed) return { ...measured, counted: isFiniteStep(measured), seconds };
    const { loss, gradientNorm } = measured;
    const norm = gradientNorm === undefined ? "" : ` and gradient norm ${gradientNorm}`;
    throw refuse(
      `step ${step}: loss ${loss}${norm}; ${countOf(badInARow, "step")} in a row ${badInARow === 1 ? "was" : "were"} not finite`,
    );
  };
}
