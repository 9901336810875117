// What a kept classifier says of texts, from the logits of its head.

import { UserError } from "../../base/errors.ts";
import { countOf } from "../../base/printable.ts";
import { encodeExamples } from "../../evaluate/finetuning/encode-examples.ts";
import type { KeptModel } from "../../pretrained/kept-model.ts";
import type { EncodedText } from "./text-rows.ts";

export interface LabelShare {
  readonly label: string;
  readonly probability: number;
}

export type Classified =
  /** Every label, likeliest first. */
  | { readonly kind: "classification"; readonly labels: readonly LabelShare[] }
  | { readonly kind: "regression"; readonly value: number }
  /** The same of each word. */
  | { readonly kind: "tokens"; readonly words: readonly (readonly LabelShare[])[] };

/** The texts of one example; a single one may stand for itself. Of a model that labels words they are its words. */
export type ClassifiedTexts = string | readonly string[];

/** Encoded as in finetuning. UserErrors: E_TEXT_COUNT for an example of too few or too many texts, E_TEXT_LENGTH. */
export function encodeForClassifier(
  { classifier, shape, reader, maxLength, longTexts, task, texts: columns }: KeptModel,
  given: readonly ClassifiedTexts[],
): readonly (EncodedText & { readonly wordPlaces: readonly number[] })[] {
  const examples = given.map((texts, i) => ({
    id: String(i),
    texts: typeof texts === "string" ? [texts] : texts,
    targets: [],
    origin: `text ${i + 1}`,
  }));
  const other = examples.find(({ texts }) => classifier.kind !== "tokens" && texts.length !== columns.length);
  if (other !== undefined) {
    throw new UserError(
      "E_TEXT_COUNT",
      `${other.origin} has ${countOf(other.texts.length, "text")}, and ${task} was finetuned on ${columns.length}: ${columns.join(", ")}`,
      "Give as many, in this order.",
    );
  }
  return encodeExamples(examples, classifier.kind, { name: task, shape, ...reader }, { maxLength, longTexts }).examples;
}

/** Logits of one example: `outputs` numbers, or as many for each token. */
export function readLogits(
  { classifier: { kind, outputs }, labels }: KeptModel,
  logits: Float32Array,
  wordPlaces: readonly number[],
): Classified {
  if (kind === "regression") return { kind, value: logits[0]! };
  if (kind === "classification") return { kind, labels: rankLabels(logits, labels) };
  const words = wordPlaces.map(place => rankLabels(logits.subarray(place * outputs, (place + 1) * outputs), labels));
  return { kind, words };
}

/** Softmax, the likeliest first. */
function rankLabels(logits: Float32Array, labels: readonly string[]): LabelShare[] {
  const largest = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const weights = Array.from(logits, value => Math.exp(value - largest));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights
    .map((weight, i) => ({ label: labels[i]!, probability: weight / total }))
    .sort((a, b) => b.probability - a.probability);
}
