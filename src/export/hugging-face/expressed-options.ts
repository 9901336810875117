// Which models an export can write. ONNX files and Hugging Face's classes know the encoders that were published; a model with another
// option is refused by that option's name, never written as if it had it not.

import { UserError } from "../../base/errors.ts";
import { listChosenOptions, type ModelShape, type ShapeOption } from "../../model/shape.ts";

const anyValue = () => true;

/** Options that are written at other values than crammed BERT's, with the values that are. */
const expressed: Readonly<Record<string, (value: unknown) => boolean>> = {
  positions: value => value === "rotary" || value === "learned",
  normalisation: value => value === "post",
  normEpsilon: anyValue,
  firstAttentionNorm: anyValue,
  biases: anyValue,
  activation: value => value === "gelu",
  segments: anyValue,
  rotaryBases: anyValue,
  head: anyValue,
  // What parameters began at is no part of a trained model.
  initialisation: anyValue,
  zeroOutputs: anyValue,
};

/** The first option that no export writes; undefined where all are written. */
export function findUnexpressedOption(shape: ModelShape): ShapeOption | undefined {
  return listChosenOptions(shape).find(({ path, value }) => !expressed[path]?.(value));
}

/** Refuses a model that no export writes: E_EXPORT_FORMAT. */
export function checkExpressed(shape: ModelShape, path: string): void {
  const option = findUnexpressedOption(shape);
  if (option === undefined) return;
  throw new UserError(
    "E_EXPORT_FORMAT",
    `${path}: ${describeOption(option)}, and neither an ONNX file nor a class of Hugging Face's is written with that`,
    "cram fill, embed and evaluate read the run itself; a model without that option can be exported.",
  );
}

export const describeOption = ({ path, value }: ShapeOption): string =>
  `model.${path} is ${typeof value === "string" ? value : JSON.stringify(value)}`;
