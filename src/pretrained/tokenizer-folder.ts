// What the readers of a tokenizer's files share: their JSON, and how a file that cannot be honoured is refused.

import { UserError } from "../base/errors.ts";

export type Json = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** E_TOKENIZER_UNSUPPORTED of the file at `path`. */
export function refuseTokenizer(path: string, what: string, options?: ErrorOptions): UserError {
  return new UserError(
    "E_TOKENIZER_UNSUPPORTED",
    `${path}: ${what}`,
    "Save it again with Python's transformers: AutoTokenizer.from_pretrained(folder).save_pretrained(folder).",
    options,
  );
}
