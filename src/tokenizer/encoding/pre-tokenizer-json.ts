// Pre-tokenizers in a tokenizer.json, there and back: one that has a name here is that, any other is a list of cut steps.

import type { CutStep } from "../cutting/cut-step.ts";
import { decodeCuts, encodeCuts } from "../cutting/cut-step-json.ts";
import type { Refuse } from "../normalising/normaliser-json.ts";
import type { PreTokenizer } from "./pre-tokenizer.ts";

/** The `pre_tokenizer` of a tokenizer.json. */
export function encodePreTokenizer({ name, prefixSpace, steps }: PreTokenizer): object | null {
  return encodeCuts(steps ?? [nameToStep(name, prefixSpace)]);
}

function nameToStep(name: PreTokenizer["name"], prefixSpace: PreTokenizer["prefixSpace"]): CutStep {
  switch (name) {
    case "whitespace":
    case "bert":
      return { step: name };
    case "byte-level":
      return { step: name, prefixed: prefixSpace === "always", regex: true };
    case "metaspace":
      return { step: name, prefixSpace, split: true };
    default:
      return name satisfies never;
  }
}

/** The pre-tokenizer of the `pre_tokenizer` of a tokenizer.json. */
export function decodePreTokenizer(value: unknown, refuse: Refuse): PreTokenizer {
  const steps = decodeCuts(value, refuse);
  return nameSteps(steps) ?? describeSteps(steps, refuse);
}

/** The pre-tokenizer of one step that has a name. */
function nameSteps([first, ...more]: readonly CutStep[]): PreTokenizer | undefined {
  if (first === undefined || more.length > 0) return undefined;
  switch (first.step) {
    case "whitespace":
    case "bert":
      return { name: first.step, prefixSpace: "never" };
    case "byte-level":
      return first.regex ? { name: first.step, prefixSpace: first.prefixed ? "always" : "never" } : undefined;
    case "metaspace":
      return first.split ? { name: first.step, prefixSpace: first.prefixSpace } : undefined;
    default:
      return undefined;
  }
}

/** Steps are called by what the words that they leave are made of: bytes, characters with "▁" for a space, or bare ones. */
function describeSteps(steps: readonly CutStep[], refuse: Refuse): PreTokenizer {
  if (steps.slice(0, -1).some(({ step }) => step === "byte-level"))
    refuse("pre_tokenizer ByteLevel before another one");
  const has = (name: CutStep["step"]) => steps.some(({ step }) => step === name);
  const isFirst = steps.some(each => each.step === "metaspace" && each.prefixSpace === "first");
  const name = has("byte-level") ? "byte-level" : has("metaspace") || steps.length === 0 ? "metaspace" : "whitespace";
  return { name, prefixSpace: isFirst ? "first" : "never", steps };
}
