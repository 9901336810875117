// The manifest of a dataset: what it holds, the hash of every file, and the hashes of what it was made from. It is written
// last; a folder without one is unfinished and is not read.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { UserError } from "../base/errors.ts";
import { contentHash, readJson, writeFileAtomically } from "../base/files/files.ts";
import { recoverFolder } from "../base/files/folder-draft.ts";
import { refuseUnseen } from "../base/files/read-failure.ts";
import { quoteCommand } from "../base/shell-words.ts";

const count = z.number().int().nonnegative();
const part = z.strictObject({
  sequences: count,
  files: z.array(
    z.strictObject({
      name: z.string().regex(/^(training|validation)-\d{5,}\.bin$/),
      sequences: count,
      bytes: count,
      sha256: z.string(),
    }),
  ),
});

const manifestSchema = z.strictObject({
  format: z.literal("cramming-dataset"),
  version: z.literal(1),
  /** Names the dataset by its tokens, its parts and its tokenizer. */
  hash: z.string(),
  tokenizerHash: z.string(),
  documentsHash: z.string(),
  /** Names the sources and options it was made from, to tell whether it is up to date. */
  originHash: z.string(),
  /** Name of the recipe that it was prepared for; datasets of older versions do not say it. */
  recipe: z.string().optional(),
  vocabulary: count,
  sequenceLength: count,
  training: part,
  validation: part,
  /** How documents became sequences, and how many tokens filled none; datasets of older versions do not say it. */
  packing: z
    .strictObject({ name: z.string(), classify: z.boolean(), separator: z.boolean(), leftOver: count })
    .optional(),
  /** What became of the text; datasets of older versions do not say it. */
  text: z
    .strictObject({
      /** What normalising lost, as `TextLoss`. */
      characters: count,
      lost: count,
      unaccented: count,
      textsMostlyLost: count,
      examples: z.array(z.string()),
      tokens: count,
      unknownTokens: count,
    })
    .optional(),
});

export type DatasetManifest = z.infer<typeof manifestSchema>;

/** Writes manifest.json; the hash is computed here. */
export function writeManifest(
  folder: string,
  content: Omit<DatasetManifest, "format" | "version" | "hash">,
): DatasetManifest {
  const manifest: DatasetManifest = { format: "cramming-dataset", version: 1, hash: hashDataset(content), ...content };
  writeFileAtomically(join(folder, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

function hashDataset({ tokenizerHash, training, validation }: Pick<DatasetManifest, "tokenizerHash" | Part>): string {
  const files = [...training.files, { sha256: "held out" }, ...validation.files];
  return contentHash(tokenizerHash, ...files.map(file => file.sha256));
}

type Part = "training" | "validation";

/** What of a manifest does not agree with itself: it was changed after it was written. */
function findDisagreement(manifest: DatasetManifest): string | undefined {
  for (const part of ["training", "validation"] as const) {
    const { sequences, files } = manifest[part];
    const sum = files.reduce((sum, file) => sum + file.sequences, 0);
    if (sequences !== sum || sum === 0) return `${part}: ${sequences} sequences, and its files hold ${sum}`;
  }
  const hash = hashDataset(manifest);
  return hash === manifest.hash ? undefined : `hash: ${manifest.hash}, and its files give ${hash}`;
}

/** Reads and checks manifest.json: E_FILE_MISSING, E_JSON, E_DATASET_MANIFEST. */
export function readManifest(folder: string): DatasetManifest {
  recoverFolder(folder);
  const path = join(folder, "manifest.json");
  if (!existsSync(path)) {
    refuseUnseen(folder, "dataset");
    const advice = existsSync(join(folder, "recipe.json"))
      ? "It is a run; the dataset is the folder that cram prepare made for it."
      : `Give a folder that cram prepare made; cram prepare TEXT… --out ${quoteCommand(folder)} makes this one.`;
    throw new UserError("E_FILE_MISSING", `${folder}: no dataset here`, advice);
  }
  const parsed = manifestSchema.safeParse(readJson(path, "dataset manifest"));
  const issue = parsed.error?.issues[0];
  const fault =
    issue === undefined
      ? findDisagreement(parsed.data!)
      : `not the manifest of a dataset of version 1: ${issue.path.join(".") || "the file"}: ${issue.message}`;
  if (fault === undefined) return parsed.data!;
  throw new UserError("E_DATASET_MANIFEST", `${path}: ${fault}`, "Prepare the dataset again, or name its folder.");
}
