// How the clients of an export read text: tokenizer.json as it is, and beside it the settings that Python's transformers and
// transformers.js take from tokenizer_config.json and special_tokens_map.json.

import { join } from "node:path";
import { writeFileAtomically } from "../base/files.ts";
import type { ModelShape } from "../model/shape.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { writeTokenizer } from "../tokenizer/tokenizer-json.ts";

/** Writes the three files. Returns their names. */
export function writeTokenizerFiles(
  folder: string,
  tokenizer: Tokenizer,
  { sequenceLength, segments }: ModelShape,
): string[] {
  const { specials, vocabulary } = tokenizer;
  const tokens = {
    pad_token: vocabulary[specials.pad],
    unk_token: vocabulary[specials.unknown],
    cls_token: vocabulary[specials.classify],
    sep_token: vocabulary[specials.separator],
    mask_token: vocabulary[specials.mask],
  };
  const settings = {
    tokenizer_class: "PreTrainedTokenizerFast",
    model_max_length: sequenceLength,
    model_input_names: ["input_ids", ...(segments ? ["token_type_ids"] : []), "attention_mask"],
    clean_up_tokenization_spaces: true,
    ...tokens,
  };
  writeTokenizer(join(folder, "tokenizer.json"), tokenizer);
  const writeJson = (name: string, value: unknown) =>
    writeFileAtomically(join(folder, name), `${JSON.stringify(value, undefined, 2)}\n`);
  writeJson("tokenizer_config.json", settings);
  writeJson("special_tokens_map.json", tokens);
  return ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"];
}
