// What training asks of a model's layers and some model or objective does not give: shorter sequences, documents kept apart.

import { findMixer } from "../model/mixers/mixers.ts";
import { type ChosenRecipe, findCutFault } from "../objectives/objectives.ts";
import type { OptimizerSettings } from "../optim/optimizers.ts";
import { findProbe } from "../optim/probe.ts";

interface TrainedRecipe extends ChosenRecipe {
  readonly schedule: { readonly sequenceLength?: object };
  readonly optimizer: OptimizerSettings;
  readonly data: ChosenRecipe["data"] & { readonly separateDocuments?: boolean; readonly echo?: number };
}

/** Beginning with the option's path; undefined where all is well. */
export function findLayerFault(recipe: TrainedRecipe) {
  const { model, data, schedule, optimizer } = recipe;
  const cutFault = findCutFault(recipe);
  if (schedule.sequenceLength !== undefined && cutFault !== undefined) {
    const message = `schedule.sequenceLength cuts sequences into pieces, and ${cutFault}`;
    return { message, advice: "Leave it out, or take another objective." };
  }
  if (schedule.sequenceLength !== undefined && findProbe(optimizer) !== undefined) {
    const message = "schedule.sequenceLength changes lengths, and the optimizer's second gradient is of one";
    return { message, advice: "Leave it out, or take an optimizer without a second gradient." };
  }
  if (data.separateDocuments !== true) return undefined;
  if (data.echo !== undefined) {
    const message =
      "data.separateDocuments keeps passages apart, and data.echo sets them beside each other to be compared";
    return { message, advice: "Leave out one of the two." };
  }
  if (model.strides.length > 0) {
    const message = "data.separateDocuments keeps documents apart, and model.strides join tokens of two";
    return { message, advice: "Leave out one of the two." };
  }
  const mixers = Array.from({ length: model.layers }, (_, layer) => findMixer(model.mixer, layer, model.layers).mixer);
  const joining = mixers.find(({ separates }) => !separates);
  if (joining === undefined) return undefined;
  return {
    message: `data.separateDocuments keeps documents apart, and model.mixer.name ${joining.name} does not`,
    advice: "Leave it out, or set model.mixer.name=attention.",
  };
}
