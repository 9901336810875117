// What cuts a normalised text into words where a tokenizer has several pre-tokenizers, or one that has no name of ours: Hugging Face's, one
// after the other, each on what the one before it left.

/** Where a text that begins with no space gets one: where any part of it begins, or its first part; parts are what added tokens leave. */
export type PrefixSpace = "always" | "first" | "never";

/** What becomes of what was found: it stands alone, is gone, goes with one of its neighbours, or with others that were found beside it. */
export const behaviours = ["isolated", "removed", "merged_with_previous", "merged_with_next", "contiguous"] as const;
export type Behaviour = (typeof behaviours)[number];

export type CutStep =
  | { readonly step: "whitespace" | "whitespace-split" | "bert" }
  | { readonly step: "punctuation"; readonly behaviour: Behaviour }
  | { readonly step: "digits"; readonly apart: boolean }
  | { readonly step: "delimiter"; readonly character: string }
  /** `invert`: what was not found counts as found. */
  | {
      readonly step: "split";
      readonly pattern: string;
      readonly regex: boolean;
      readonly behaviour: Behaviour;
      readonly invert: boolean;
    }
  | { readonly step: "metaspace"; readonly prefixSpace: PrefixSpace; readonly split: boolean }
  /** `prefixed`: each part that begins with no space gets one. */
  | { readonly step: "byte-level"; readonly prefixed: boolean; readonly regex: boolean };

/** GPT-2's, which byte-level cuts by. */
export const gpt2Pattern = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

const contraction = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const rest = String.raw` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

/** Patterns of which no match reaches from something that can be seen over the space behind it: GPT-2's, GPT-4's, Llama 3's, Qwen's. */
const endsAtSpaces = new Set([
  gpt2Pattern,
  ...["{1,3}", ""].map(most => String.raw`${contraction}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}${most}|${rest}`),
]);

/** How the words of a text are those of its parts: cut at white space that belongs to no word, before spaces behind what can be seen, or not. */
export function describeCuts(steps: readonly CutStep[]): "at-spaces" | "before-spaces" | undefined {
  const [first] = steps;
  if (first?.step === "whitespace" || first?.step === "whitespace-split" || first?.step === "bert") {
    return steps.some(each => each.step === "metaspace" && each.prefixSpace === "first") ? undefined : "at-spaces";
  }
  const isFinder = (each: CutStep) =>
    (each.step === "byte-level" && each.regex && !each.prefixed) ||
    (each.step === "split" &&
      each.regex &&
      !each.invert &&
      each.behaviour === "isolated" &&
      endsAtSpaces.has(each.pattern));
  const isLocal = (each: CutStep) =>
    isFinder(each) ||
    (each.step === "byte-level" && !each.prefixed) ||
    each.step === "digits" ||
    (each.step === "punctuation" && (each.behaviour === "isolated" || each.behaviour === "contiguous"));
  return steps.some(isFinder) && steps.every(isLocal) ? "before-spaces" : undefined;
}
