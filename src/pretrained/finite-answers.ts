// What a model answers, before anybody uses it. Parameters that are numbers, as those of a run that is coming apart, can be too
// large to compute with: then the model is at fault, and not what reads its answers.

import { UserError } from "../base/errors.ts";

/** UserErrors: E_NOT_FINITE where one of a model's own answers is infinite or no number. */
export function requireFiniteAnswers(answers: ArrayLike<number>): void {
  for (let i = 0; i < answers.length; i++)
    if (!Number.isFinite(answers[i]!)) throw answersNothing(`answers ${answers[i]}`);
}

/** For who has seen it otherwise; `seen` is what the model does: "answers NaN". */
export const answersNothing = (seen: string): UserError =>
  new UserError(
    "E_NOT_FINITE",
    `the model ${seen}: its parameters are numbers, but too large to compute with`,
    "Take an older checkpoint, or train it again with a lower rate.",
  );
