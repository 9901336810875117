// What in a model stands against layers that only some of the tokens go through.

import type { ModelShape } from "../model/shape.ts";

/** A fault, beginning with the path of what it is; undefined where all is well. */
export function findDetourFault({ mixer, strides }: ModelShape) {
  if (strides.length > 0) {
    const message = "model.strides shorten whole sequences, and the objective leaves tokens out of layers";
    return { message, advice: "Leave them out, or take another objective." };
  }
  if (mixer.name === "attention") return undefined;
  const message = `model.mixer.name ${mixer.name} mixes whole sequences, and the objective leaves tokens out of layers`;
  return { message, advice: "Set model.mixer.name=attention, or another objective." };
}
