// Which models Hugging Face's classes can be. They know the encoders that were published; a model with another option is refused by
// that option's name, never written as if it had it not.

import { initialOptions, listChosenOptions, type ModelShape, type ShapeOption } from "../../model/shape.ts";

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
  ...Object.fromEntries(initialOptions.map(path => [path, anyValue])),
};

/** The first option that no class has, but for these paths; undefined where one may have them all. */
export function findUnexpressedOption(shape: ModelShape, more: readonly string[] = []): ShapeOption | undefined {
  return listChosenOptions(shape).find(({ path, value }) => !expressed[path]?.(value) && !more.includes(path));
}

export const describeOption = ({ path, value }: ShapeOption): string =>
  `model.${path} is ${typeof value === "string" ? value : JSON.stringify(value)}`;
