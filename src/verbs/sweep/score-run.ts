// The bits per byte of a run on a held-out text, and whether what is trained on a dataset can be scored so, asked before anything is
// trained: its tokenizer must split at white space, and the text must not stand among what it trains on.

import { join } from "node:path";
import { checkLeak, seekStretches } from "../../dataset/leak.ts";
import type { DatasetManifest } from "../../dataset/manifest.ts";
import type { HeldOutText } from "../../evaluate/bits/held-out-text.ts";
import type { Passage } from "../../evaluate/bits/masked-words.ts";
import { type BitsScore, encodeWords, scoreBits } from "../../evaluate/bits/score-bits.ts";
import { openingOf } from "../../evaluate/pairs/paradigm-scores.ts";
import { openPretrainedModel, requireTokenHead } from "../../pretrained/pretrained-model.ts";
import { readTextWith } from "../../pretrained/text-reader.ts";
import { decodeTokens } from "../../tokenizer/encoding/decode.ts";
import { readTokenizer } from "../../tokenizer/read-tokenizer.ts";
import { type BackendChoice, withBackend } from "../backend.ts";

/** UserErrors: E_BITS where the tokenizer of a dataset splits passages otherwise than at white space; E_HELD_OUT where it trains on them. */
export function checkScored(data: string, manifest: DatasetManifest, { passages, documents }: HeldOutText): void {
  const { encodeText } = readTextWith(readTokenizer(join(data, "tokenizer.json")), "as-text", "recognise");
  for (const passage of passages) encodeWords(encodeText, passage);
  // The documents as they are, since passages have neither their capitals nor their accents.
  const sought = seekStretches(documents.map(document => Uint32Array.from(encodeText(document))));
  if (sought !== undefined) checkLeak(data, manifest, sought, "documents of heldOutText");
}

/** In f32, whatever it was trained in. UserErrors: E_NO_HEAD, E_BITS, those of reading a run and of opening a backend. */
export async function scoreRun(run: string, passages: readonly Passage[], choice: BackendChoice): Promise<BitsScore> {
  const model = await openPretrainedModel(run);
  requireTokenHead(model, run);
  const tokenizer = readTokenizer(join(run, "tokenizer.json"));
  const decode = (tokens: readonly number[]) => decodeTokens(tokenizer, tokens);
  return withBackend(choice, "f32", backend =>
    scoreBits(backend, { ...model, decode }, passages, { opening: openingOf(model), signal: choice.signal }),
  );
}
