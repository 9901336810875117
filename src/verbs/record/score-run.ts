// The bits per byte of a run, kept beside it under the hashes of model and text.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { contentHash, readJson, writeFileAtomically } from "../../base/files/files.ts";
import type { Passage } from "../../evaluate/bits/masked-words.ts";
import { type BitsScore, scoreBits } from "../../evaluate/bits/score-bits.ts";
import { openingOf } from "../../evaluate/pairs/paradigm-scores.ts";
import { openPretrainedModel, requireTokenHead } from "../../pretrained/pretrained-model.ts";
import { decodeTokens } from "../../tokenizer/encoding/decode.ts";
import { readTokenizer } from "../../tokenizer/read-tokenizer.ts";
import { type BackendChoice, withBackend } from "../backend.ts";

/** In f32, whatever it was trained in. UserErrors: E_NO_HEAD, E_BITS, those of reading a run and of opening a backend. */
export async function scoreRun(run: string, passages: readonly Passage[], choice: BackendChoice): Promise<BitsScore> {
  const model = await openPretrainedModel(run);
  requireTokenHead(model, run);
  const hash = contentHash(model.hash, JSON.stringify(passages));
  const path = join(run, "..", "bits.json");
  if (existsSync(path)) {
    const kept = readJson(path, "score") as { hash: string; score: BitsScore };
    if (kept.hash === hash) return kept.score;
  }
  const tokenizer = readTokenizer(join(run, "tokenizer.json"));
  const decode = (tokens: readonly number[]) => decodeTokens(tokenizer, tokens);
  const score = await withBackend(choice, "f32", backend =>
    scoreBits(backend, { ...model, decode }, passages, { opening: openingOf(model), signal: choice.signal }),
  );
  writeFileAtomically(path, `${JSON.stringify({ hash, score })}\n`);
  return score;
}
