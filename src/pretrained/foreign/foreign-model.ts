// A model of another project as ours, and how its config.json is read: a field with a value that our model cannot express is
// an error that names the field, never a silent difference in the logits.

import { z } from "zod";
import { UserError } from "../../base/errors.ts";
import { quoteValue } from "../../base/printable.ts";
import type { StoredTensor } from "../../checkpoint/safetensors.ts";
import { completeShape, largestSizes, type ModelShape, type ShapeSettings } from "../../model/shape.ts";
import { findShapeFault } from "../../model/shape-faults.ts";

export interface ForeignModel {
  readonly shape: ModelShape;
  /** Every parameter of the shape, in the order of listParameters. */
  readonly parameters: readonly StoredTensor[];
  /** The head by which it tells replaced tokens, where it has one. */
  readonly discriminator?: readonly StoredTensor[];
  /** false: an encoder alone, or with another head than that of a masked language model. */
  readonly predictsTokens: boolean;
  /** What it has instead, where its config says so. */
  readonly headFault?: string;
  /** What a person should know of the import, a sentence each. */
  readonly notes: readonly string[];
}

/** No size of a model is larger; each has its own bound in checkForeignShape, and their products have. */
export const size = z
  .int()
  .positive()
  .max(2 ** 20);
export const layerCount = z.int().positive().max(largestSizes.layers);

const advice =
  "This model is built in a way that ours cannot express; BERT, DistilBERT, RoBERTa, ELECTRA, ModernBERT and crammed BERT can be read.";

/** A config as its schema reads it, defaults filled in. Errors: E_FOREIGN_CONFIG, which names the first field that does not fit. */
export function parseConfig<Schema extends z.ZodType>(schema: Schema, config: unknown, path: string): z.infer<Schema> {
  const parsed = schema.safeParse(config);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  let seen: unknown = config;
  for (const key of issue.path) seen = (seen as Record<PropertyKey, unknown> | undefined)?.[key];
  const field = issue.path.join(".").slice(0, 80) || "the config";
  throw new UserError(
    "E_FOREIGN_CONFIG",
    `${path}: ${field} is ${seen === undefined ? "missing" : quoteValue(seen)}: ${issue.message.slice(0, 200)}`,
    advice,
  );
}

/** The shape that a config describes. Errors: E_FOREIGN_CONFIG where no model can have it. */
export function checkForeignShape(settings: ShapeSettings, path: string): ModelShape {
  const shape = completeShape(settings);
  const fault = findShapeFault(shape);
  if (fault === undefined) return shape;
  throw new UserError("E_FOREIGN_CONFIG", `${path}: in our terms its ${fault.message}`, advice);
}
