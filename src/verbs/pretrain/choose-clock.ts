// What a run's seconds are counted by: the clock on the wall, or the processors that compute for it.

import type { Backend } from "../../backends/backend.ts";
import { type Clock, processorClock, systemClock } from "../../base/clock.ts";
import { UserError } from "../../base/errors.ts";
import type { Recipe } from "../../train/recipe.ts";

/** UserError E_OPTION where the processors that it would count do not compute. */
export function chooseClock({ train }: Recipe, { name, processors }: Backend): Clock {
  if (train.clock === undefined) return systemClock;
  if (processors !== undefined) return processorClock(processors);
  throw new UserError(
    "E_OPTION",
    `train.clock=processor counts this machine's processors, and the ${name} backend computes on a device`,
    "Leave train.clock out, and give the device to one training at a time.",
  );
}
