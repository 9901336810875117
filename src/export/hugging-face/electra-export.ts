// A model of ours in BERT's shape as the ELECTRA that Hugging Face loads: with a narrower embedding, with the head that tells replaced
// tokens, or as an encoder alone, for this class has no pooler.

import { embeddingWidthOf } from "../../model/shape.ts";
import { electraTable } from "../../pretrained/foreign/electra.ts";
import { bertShape, encodeBertConfig } from "./bert-export.ts";
import type { HuggingFaceFamily } from "./hugging-face-family.ts";

export const electraFamily: HuggingFaceFamily = {
  name: "ELECTRA",
  modelType: "electra",
  classNames: { tokens: "ElectraForMaskedLM", discriminator: "ElectraForPreTraining", encoder: "ElectraModel" },
  expressed: bertShape,
  options: ["embedding.width"],
  findObstacle: () => undefined,
  encodeConfig: (shape, specials) => ({
    ...encodeBertConfig(shape, specials),
    embedding_size: embeddingWidthOf(shape),
  }),
  tablesOf: () => ({ table: electraTable, derived: [] }),
  listNotes: () => [],
};
