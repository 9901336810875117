// Texts as a model embeds them: the ids that its tokenizer's template puts, whole or cut on request.

import { UserError } from "../../base/errors.ts";
import type { PretrainedModel } from "../../pretrained/pretrained-model.ts";
import type { EncodedText } from "./text-rows.ts";

/** The last id, a separator, survives a cut. UserError E_TEXT_LENGTH, behind `origin`, for a text that is too long and may not be cut. */
export function encodeWhole(
  text: string,
  { encodeForModel, shape }: Pick<PretrainedModel, "encodeForModel" | "shape">,
  truncate: boolean,
  origin: string,
): EncodedText {
  const ids = Uint32Array.from(encodeForModel(text));
  const { sequenceLength } = shape;
  if (ids.length <= sequenceLength) return { tokens: ids };
  if (!truncate) {
    throw new UserError(
      "E_TEXT_LENGTH",
      `${origin}"${text.slice(0, 40)}…" has ${ids.length} tokens and the model was trained on ${sequenceLength}`,
      "Shorten it. cram embed and search cut it: --truncate keeps its beginning, --split makes passages; in a program truncate does.",
    );
  }
  return { tokens: Uint32Array.of(...ids.subarray(0, sequenceLength - 1), ids.at(-1)!) };
}
