// Documents of a corpus encoded together: the ids of all in one array, and how many belong to each.

import type { Encoder } from "./encode.ts";

export interface EncodedDocuments {
  /** The ids of the documents, one after another, without separators. */
  readonly ids: Uint32Array<ArrayBuffer>;
  /** How many ids each document has. */
  readonly lengths: Uint32Array<ArrayBuffer>;
}

/** Encodes documents; special tokens written out in them are read as text. */
export function encodeBatch(encoder: Encoder, texts: readonly string[]): EncodedDocuments {
  let ids = new Uint32Array(1 << 14);
  const lengths = new Uint32Array(texts.length);
  let count = 0;
  for (let i = 0; i < texts.length; i++) {
    const more = encoder.encode(texts[i]!, "as-text");
    if (count + more.length > ids.length) {
      const grown = new Uint32Array(Math.max(2 * ids.length, count + more.length));
      grown.set(ids.subarray(0, count));
      ids = grown;
    }
    ids.set(more, count);
    count += more.length;
    lengths[i] = more.length;
  }
  return { ids: ids.slice(0, count), lengths };
}
