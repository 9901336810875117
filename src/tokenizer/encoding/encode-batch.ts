// Documents of a corpus encoded together: the ids of all in one array, and how many belong to each.

import type { Tokenizer } from "../tokenizer.ts";
import type { Encoder } from "./encode.ts";
import { IdList, type Ids } from "./id-list.ts";

export interface EncodedDocuments {
  /** The ids of the documents, one after another, without separators. */
  readonly ids: Ids;
  /** How many ids each document has. */
  readonly lengths: Uint32Array<ArrayBuffer>;
  /** How many of the ids stand for what the tokenizer does not know. */
  readonly unknownTokens: number;
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
  const ids = list.ids.slice(0, list.count);
  return { ids, lengths, unknownTokens: countUnknown(encoder.tokenizer, ids) };
}

export function countUnknown({ specials }: Tokenizer, ids: Uint32Array): number {
  let count = 0;
  for (let i = 0; i < ids.length; i++) if (ids[i] === specials.unknown) count += 1;
  return count;
}
