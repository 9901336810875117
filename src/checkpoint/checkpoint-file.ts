// checkpoint.json, the last file of a checkpoint to be written: where the training stood, and the SHA-256 of everything that a
// model is made of. Version 1 had no hashes; such a checkpoint is still opened, and who opens it is told that it was not compared.

import { z } from "zod";
import { UserError } from "../base/errors.ts";
import { readJson } from "../base/files/files.ts";
import { formatSealed, isSealed } from "../base/sealed-json.ts";

const counters = {
  /** Updates done. */
  step: z.number().int().nonnegative(),
  /** Training sequences consumed: where in the data's order the next micro-batch starts. */
  sequences: z.number().int().nonnegative(),
  /** Under a monotone batch rule: micro-batches that the next step has at least. */
  leastMicroBatches: z.number().int().positive().exactOptional(),
  /** Budget used, in seconds. */
  elapsedSeconds: z.number().nonnegative(),
  seed: z.number().int(),
  recipeHash: z.string(),
  datasetHash: z.string(),
  /** Why it stays when newer ones are saved: its validation loss was the lowest so far, or an interval of the budget began. */
  keeps: z.array(z.enum(["best", "interval"])).exactOptional(),
  /** Of the run's validations so far, where the best is kept. */
  lowestLoss: z.number().exactOptional(),
  /** Lines of events.jsonl that the disk had not taken when this was saved. */
  unwrittenEvents: z.array(z.string()).exactOptional(),
  /** Where losses are scaled: the factor, and how many steps in a row it served. */
  lossScale: z
    .strictObject({ factor: z.number().positive(), steadySteps: z.number().int().nonnegative() })
    .exactOptional(),
};

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
/** Of the run's tokenizer.json; absent where a run has none. */
const tokenizer = { tokenizerHash: sha256.exactOptional() };
const fileHashes = { parametersHash: sha256, optimizerHash: sha256 };

const fileSchema = z.discriminatedUnion("version", [
  z.strictObject({ version: z.literal(1), ...counters }),
  z.strictObject({ version: z.literal(2), ...counters, ...tokenizer, ...fileHashes, hash: z.string() }),
]);

const countersSchema = z.object({ ...counters, ...tokenizer });
export type Counters = Readonly<z.infer<typeof countersSchema>>;
export type FileHashes = Readonly<z.infer<z.ZodObject<typeof fileHashes>>>;
export type CheckpointFile = z.infer<typeof fileSchema>;

export function formatCheckpointFile(counters: Counters, hashes: FileHashes): string {
  return formatSealed({ version: 2, ...countersSchema.parse(counters), ...hashes });
}

/** UserError E_CHECKPOINT_DAMAGED for one that is not what was written, or that says another step than its folder. */
export function readCheckpointFile(path: string, step: number): CheckpointFile {
  const refuse = (what: string, cause?: unknown) =>
    new UserError("E_CHECKPOINT_DAMAGED", `${path}: ${what}`, "Take an older checkpoint of the run.", { cause });
  let json: unknown;
  try {
    json = readJson(path, "checkpoint");
  } catch (error) {
    if (!(error instanceof UserError) || error.code === "E_FILE_MISSING" || error.code === "E_FILE_UNREADABLE")
      throw error;
    throw refuse("cut short, or not what was written", error);
  }
  const parsed = fileSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw refuse(`${issue.path.join(".") || "the file"}: ${issue.message}`);
  }
  if (parsed.data.version === 2 && !isSealed(json)) throw refuse("it was changed after it was written");
  if (parsed.data.step !== step) throw refuse(`it is of step ${parsed.data.step}`);
  return parsed.data;
}
