// A dataset of encoded documents in a folder, as prepare makes it of what it has read.

import { type BuildOptions, finishDataset, packDocuments } from "../src/dataset/build.ts";
import type { DatasetManifest } from "../src/dataset/manifest.ts";
import type { EncodedDocuments } from "../src/tokenizer/encoding/encode-batch.ts";
import type { Tokenizer } from "../src/tokenizer/tokenizer.ts";

export async function buildDataset(
  folder: string,
  encoded: AsyncIterable<EncodedDocuments>,
  tokenizer: Tokenizer,
  options: BuildOptions,
): Promise<DatasetManifest> {
  const packing = packDocuments(folder, encoded, tokenizer, options);
  for (;;) {
    const { done, value } = await packing.next();
    if (done === true) return finishDataset(folder, value, tokenizer, options);
  }
}
