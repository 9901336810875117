// A tokenizer that exists already, for new text: of a tokenizer.json or vocab.txt, or of the folder of a run, an export, a dataset
// or a model from elsewhere. Where the folder it lies in says what it was, it is compared: what it tokenizes cannot be told later.

import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { findRun } from "../../checkpoint/state.ts";
import { readManifest } from "../../dataset/manifest.ts";
import { checkExport, isTokenizerFile } from "../../pretrained/export-checksums.ts";
import { keptFolderIn, openKeptModel } from "../../pretrained/kept-model.ts";
import { findKeptFolder } from "../../pretrained/pretrained-model.ts";
import { readFolderTokenizer, readTokenizerFile } from "../../pretrained/text-reader.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { checkRunTokenizer } from "../../train/run-folder.ts";

/**
 * Errors: E_FILE_MISSING, E_JSON, E_TOKENIZER_UNSUPPORTED for what our encoder does not express; E_TOKENIZER_OTHER, E_KEPT_MODEL and
 * E_EXPORT_CHANGED for one that was changed where it lies.
 */
export async function openTokenizer(path: string): Promise<Tokenizer> {
  const isFile = existsSync(path) && statSync(path).isFile();
  const kept = findKeptFolder(path);
  const folder = isFile ? dirname(path) : kept === undefined ? findRun(path) : keptFolderIn(kept);
  const tokenizer = isFile ? readTokenizerFile(path) : readFolderTokenizer(folder);
  await checkHome(folder, tokenizer);
  return tokenizer;
}

/** Refuses a tokenizer that is not the one which the run, the kept model, the export or the dataset in its folder has. */
async function checkHome(folder: string, tokenizer: Tokenizer): Promise<void> {
  checkRunTokenizer(folder);
  checkExport(folder, isTokenizerFile);
  const kept = findKeptFolder(folder);
  if (kept !== undefined) await openKeptModel(kept);
  if (!existsSync(join(folder, "manifest.json")) || !existsSync(join(folder, "training-00000.bin"))) return;
  const { tokenizerHash } = readManifest(folder);
  if (tokenizerHash === tokenizer.hash) return;
  throw new UserError(
    "E_TOKENIZER_OTHER",
    `${folder}: the tokenizer (${tokenizer.hash}) is not the one the dataset was made with (${tokenizerHash})`,
    "Prepare the dataset again, or copy the tokenizer that you want to another folder.",
  );
}
