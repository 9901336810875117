// A tokenizer that exists already, for new text: of a tokenizer.json or vocab.txt, or of the folder of a run, an export, a dataset
// or a model from elsewhere.

import { existsSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { readJson } from "../../base/files/files.ts";
import { openTextReader } from "../../pretrained/text-reader.ts";
import { decodeTokenizerJson } from "../../tokenizer/read-tokenizer.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";

/** Errors: E_FILE_MISSING, E_JSON, E_TOKENIZER_UNSUPPORTED for what is no WordPiece tokenizer. */
export async function openTokenizer(path: string): Promise<Tokenizer> {
  const isFile = existsSync(path) && statSync(path).isFile();
  if (isFile && !basename(path).endsWith(".txt")) {
    const json = readJson(path, "tokenizer.json");
    return decodeTokenizerJson(typeof json === "object" ? { ...json, truncation: null, padding: null } : json, path);
  }
  const reader = await openTextReader(isFile ? dirname(path) : path);
  return decodeTokenizerJson(reader.describeTokenizer(), path);
}
