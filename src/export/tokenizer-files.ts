// How the clients of an export read text: tokenizer.json as it is, and beside it the settings that Python's transformers and
// transformers.js take from tokenizer_config.json and special_tokens_map.json. A finetuned model that read special tokens in an
// example as text says so (split_special_tokens), which transformers heeds and transformers.js does not.

import { join } from "node:path";
import { writeFileAtomically } from "../base/files/files.ts";
import type { ModelShape } from "../model/shape.ts";
import type { TextReader } from "../pretrained/text-reader.ts";

/** How special tokens that a text spells out are read: by every program, or where cram reads the texts of a task. */
type SpecialTokenSettings =
  | { readonly split_special_tokens: boolean }
  | { readonly cram_tasks_split_special_tokens: true };

/** Writes the three files. Returns their names. */
export function writeTokenizerFiles(
  folder: string,
  reader: Pick<TextReader, "describeTokenizer" | "specials" | "tokenOf">,
  { sequenceLength, segments }: ModelShape,
): string[] {
  writeFileAtomically(join(folder, "tokenizer.json"), `${JSON.stringify(reader.describeTokenizer(), null, 1)}\n`);
  // Whoever fills a mask writes it in the text; in a task the run reads it as text, and cram evaluate does so with its export.
  const inText = { cram_tasks_split_special_tokens: true } as const;
  return ["tokenizer.json", ...writeTokenizerSettings(folder, reader, inText, sequenceLength, segments)];
}

/** Writes what stands beside a tokenizer.json; texts are cut to `maxLength` tokens. Returns the names of the two files. */
export function writeTokenizerSettings(
  folder: string,
  { specials, tokenOf }: Pick<TextReader, "specials" | "tokenOf">,
  inText: SpecialTokenSettings,
  maxLength: number,
  segments: ModelShape["segments"],
): string[] {
  const tokens = {
    pad_token: tokenOf(specials.pad)!,
    unk_token: tokenOf(specials.unknown)!,
    cls_token: tokenOf(specials.classify)!,
    sep_token: tokenOf(specials.separator)!,
    mask_token: tokenOf(specials.mask)!,
  };
  const settings = {
    tokenizer_class: "PreTrainedTokenizerFast",
    model_max_length: maxLength,
    model_input_names: ["input_ids", ...(segments ? ["token_type_ids"] : []), "attention_mask"],
    clean_up_tokenization_spaces: true,
    ...inText,
    ...tokens,
  };
  const writeJson = (name: string, value: unknown) =>
    writeFileAtomically(join(folder, name), `${JSON.stringify(value, undefined, 2)}\n`);
  writeJson("tokenizer_config.json", settings);
  writeJson("special_tokens_map.json", tokens);
  return ["tokenizer_config.json", "special_tokens_map.json"];
}
