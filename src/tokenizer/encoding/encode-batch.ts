// Documents of a corpus encoded together: the ids of all in one array, and how many belong to each.

import type { Encoder } from "./encode.ts";
import { IdList } from "./id-list.ts";

export interface EncodedDocuments {
  /** The ids of the documents, one after another, without separators. */
  readonly ids: Uint32Array<ArrayBuffer>;
  /** How many ids each document has. */
  readonly lengths: Uint32Array<ArrayBuffer>;
}

/** Encodes documents; special tokens written out in them are read as text. */
export function encodeBatch(encoder: Encoder, texts: readonly string[]): EncodedDocuments {
  const list = new IdList();
  const lengths = new Uint32Array(texts.length);
  for (let i = 0; i < texts.length; i++) {
    const ids = encoder.encode(texts[i]!, "as-text");
    list.append(ids);
    lengths[i] = ids.length;
  }
  return { ids: list.ids.slice(0, list.count), lengths };
}
