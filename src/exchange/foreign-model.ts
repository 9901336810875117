// A model of another project as ours, and how its config.json is read: a field with a value that our model cannot express is
// an error that names the field, never a silent difference in the logits.

import type { z } from "zod";
import { UserError } from "../base/errors.ts";
import { quoteValue } from "../base/printable.ts";
import type { StoredTensor } from "../checkpoint/safetensors.ts";
import type { ModelShape } from "../model/shape.ts";

export interface ForeignModel {
  readonly shape: ModelShape;
  /** Every parameter of the shape, in the order of listParameters. */
  readonly parameters: readonly StoredTensor[];
  /** What a person should know of the import, a sentence each. */
  readonly notes: readonly string[];
}

/** A config as its schema reads it, defaults filled in. Errors: E_FOREIGN_CONFIG, which names the first field that does not fit. */
export function parseConfig<Schema extends z.ZodType>(schema: Schema, config: unknown, path: string): z.infer<Schema> {
  const parsed = schema.safeParse(config);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  let seen: unknown = config;
  for (const key of issue.path) seen = (seen as Record<PropertyKey, unknown> | undefined)?.[key];
  throw new UserError(
    "E_FOREIGN_CONFIG",
    `${path}: ${issue.path.join(".") || "the config"} is ${seen === undefined ? "missing" : quoteValue(seen)}: ${issue.message}`,
    "This model is built in a way that ours cannot express; BERT, RoBERTa, ModernBERT and crammed BERT can be read.",
  );
}
