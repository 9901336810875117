// What special tokens are called: as is usual, or as their `roles` in a tokenizer.json say. Hugging Face's `tokenizers` passes that key
// over, and has no place of its own for it: there the names are in a model's tokenizer_config.json alone.

import { isObject, type Json } from "./normalising/normaliser-json.ts";
import type { SpecialIds, TokenizerData } from "./tokenizer.ts";

type Special = keyof SpecialIds;

/** What special tokens are called, where it is known. */
export type SpecialNames = { readonly [Name in Special]?: string | undefined };

/** In the order in which they are looked for. */
export const usualNames: Readonly<Record<Special, readonly string[]>> = {
  pad: ["<pad>", "[PAD]"],
  unknown: ["<unk>", "[UNK]"],
  classify: ["<cls>", "[CLS]", "<s>"],
  separator: ["<sep>", "[SEP]", "</s>"],
  mask: ["<mask>", "[MASK]"],
};
const all = Object.keys(usualNames) as Special[];

/** Whether a model of a tokenizer.json says itself what is unknown. */
export const namesUnknown = ({ unk_token: token, unk_id: id }: Json): boolean =>
  (typeof token === "string" && token !== "") || typeof id === "number";

/** Of each token that stands for something and would not be found by its name, what it stands for; what is unknown, where no model says it. */
export function findRoles(
  { vocabulary, specials }: Pick<TokenizerData, "vocabulary" | "specials">,
  knowsUnknown: boolean,
): ReadonlyMap<string, readonly Special[]> {
  const roles = new Map<string, Special[]>();
  for (const special of all) {
    if (special === "unknown" && knowsUnknown) continue;
    const name = vocabulary[specials[special]]!;
    if (usualNames[special].find(usual => vocabulary.includes(usual)) === name) continue;
    roles.set(name, [...(roles.get(name) ?? []), special]);
  }
  return roles;
}

/** The names that are given, and beside them what the `added_tokens` of a tokenizer.json say of themselves. */
export function readNames(given: SpecialNames, addedTokens: unknown): SpecialNames {
  const names: { -readonly [Name in Special]?: string | undefined } = {};
  for (const { content, roles } of Array.isArray(addedTokens) ? addedTokens.filter(isObject) : []) {
    if (typeof content !== "string" || !Array.isArray(roles)) continue;
    for (const special of all) if (roles.includes(special)) names[special] = content;
  }
  for (const special of all) names[special] = given[special] ?? names[special];
  return names;
}
