// How many bad steps end a training: so many in a row, counted anew behind each good one; a step that its loss scale was too large for is
// neither.

import assert from "node:assert/strict";
import { test } from "node:test";
import { UserError } from "../../base/errors.ts";
import { guardSteps } from "./guard.ts";

const good = { loss: 1, gradientNorm: 1 };
const [bad, badGradient] = [
  { loss: Number.NaN, gradientNorm: 1 },
  { loss: 1, gradientNorm: Number.POSITIVE_INFINITY },
];
const tooLarge = { ...badGradient, lossScale: { factor: 2, steadySteps: 0 } };

/** Which of the steps counted, and what ended them. */
async function takeSteps(measured: readonly { readonly loss: number; readonly gradientNorm: number }[]) {
  let seconds = 0;
  const guardStep = guardSteps({
    readSeconds: () => (seconds += 2),
    badStepsAllowed: 3,
    refuse: seen => new UserError("E_DIVERGED", seen, ""),
  });
  const counted: boolean[] = [];
  for (const [i, each] of measured.entries()) {
    try {
      const taken = await guardStep(i + 1, async () => each);
      assert.equal(taken.seconds, 2);
      counted.push(taken.counted);
    } catch (error) {
      return { counted, ended: (error as UserError).message };
    }
  }
  return { counted };
}

test("a good step between bad ones begins their count anew", async () => {
  const steps = [bad, badGradient, good, bad, bad, good, badGradient, bad];
  const counted = [false, false, true, false, false, true, false, false];
  assert.deepEqual(await takeSteps(steps), { counted });
  const ended = "step 9: loss NaN and gradient norm 1; 3 steps in a row were not finite";
  assert.deepEqual(await takeSteps([...steps, bad, good]), { counted, ended });
});

test("steps with gradients too large for their loss scale are neither", async () => {
  const counted = [false, false, false, false, false];
  const steps = [bad, bad, tooLarge, tooLarge, tooLarge];
  assert.deepEqual(await takeSteps(steps), { counted });
  const ended = "step 6: loss NaN and gradient norm 1; 3 steps in a row were not finite";
  assert.deepEqual(await takeSteps([...steps, bad]), { counted, ended });
});
