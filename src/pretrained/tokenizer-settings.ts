// What tokenizer_config.json says beside a tokenizer: names of the special tokens, how BERT's normaliser is set, and whether
// special tokens in a text are text. Where it contradicts tokenizer.json, programs differ in which they follow: it is refused.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { UserError } from "../base/errors.ts";
import { readJson } from "../base/files/files.ts";
import { quoteValue } from "../base/printable.ts";
import { type SpecialNames, usualNames } from "../tokenizer/special-names.ts";
import type { SpecialIds } from "../tokenizer/tokenizer.ts";
import { isObject, type Json, refuseTokenizer } from "./tokenizer-folder.ts";

const flag = z.boolean().nullish();
const token = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish();

const settingsSchema = z.looseObject({
  do_lower_case: flag,
  strip_accents: flag,
  tokenize_chinese_chars: flag,
  split_special_tokens: z.boolean().optional(),
  pad_token: token,
  unk_token: token,
  cls_token: token,
  sep_token: token,
  mask_token: token,
});

export type TokenizerSettings = z.infer<typeof settingsSchema>;

/** The settings in a folder; none where there is no tokenizer_config.json. Errors: E_JSON, E_TOKENIZER_UNSUPPORTED. */
export const readTokenizerSettings = (folder: string): TokenizerSettings =>
  readSettingsFile(join(folder, "tokenizer_config.json"));

/** The same of the file itself, wherever it lies. */
export function readSettingsFile(path: string): TokenizerSettings {
  if (!existsSync(path)) return {};
  const parsed = settingsSchema.safeParse(readJson(path, "tokenizer's config"));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw refuseTokenizer(path, `${issue.path.join(".") || "the config"}: ${issue.message}`);
}

/** A setting, the field of BERT's normaliser that it sets, and what it is where tokenizer.json leaves it open. */
const flags = [
  ["do_lower_case", "lowercase"],
  ["strip_accents", "strip_accents"],
  ["tokenize_chinese_chars", "handle_chinese_chars"],
] as const;

/** Refuses settings that say otherwise than BERT's normaliser in tokenizer.json. */
export function checkSettings(settings: TokenizerSettings, { normalizer }: Json, path: string): void {
  if (!isObject(normalizer) || normalizer.type !== "BertNormalizer") return;
  for (const [setting, field] of flags) {
    const said = settings[setting];
    const written = field === "strip_accents" ? (normalizer[field] ?? normalizer.lowercase) : normalizer[field];
    if (typeof said !== "boolean" || said === written) continue;
    throw new UserError(
      "E_TOKENIZER_UNSUPPORTED",
      `${path}: its normalizer has ${field} ${quoteValue(written)}, and tokenizer_config.json beside it ${setting} ${said}`,
      "Set both as the model was trained; transformers follows tokenizer_config.json.",
    );
  }
}

const settingOf = {
  pad: "pad_token",
  unknown: "unk_token",
  classify: "cls_token",
  separator: "sep_token",
  mask: "mask_token",
} as const;

/** What the settings call the special tokens. */
export function readSpecialNames(settings: TokenizerSettings): SpecialNames {
  const read = (special: keyof SpecialIds): string | undefined => {
    const named = settings[settingOf[special]];
    return typeof named === "object" ? named?.content : named;
  };
  return {
    pad: read("pad"),
    unknown: read("unknown"),
    classify: read("classify"),
    separator: read("separator"),
    mask: read("mask"),
  };
}

/** Ids of the special tokens: as the settings name them, else as is usual. E_TOKENIZER_UNSUPPORTED where one has none. */
export function findSpecials(
  settings: TokenizerSettings,
  idOf: (token: string) => number | undefined,
  path: string,
): SpecialIds {
  const named = readSpecialNames(settings);
  const find = (special: keyof SpecialIds): number => {
    const name = named[special];
    const names = name === undefined ? usualNames[special] : [name];
    const id = names.map(idOf).find(found => found !== undefined);
    if (id !== undefined) return id;
    throw new UserError(
      "E_TOKENIZER_UNSUPPORTED",
      `${path}: the vocabulary has no ${names.join(" or ").slice(0, 100)}`,
      `Name the ${settingOf[special]} in tokenizer_config.json.`,
    );
  };
  return {
    pad: find("pad"),
    unknown: find("unknown"),
    classify: find("classify"),
    separator: find("separator"),
    mask: find("mask"),
  };
}
