// A scheme of sources: how what a person names becomes shards, and how one is opened. Formats are no scheme's business: whatever
// the shard, its bytes are read by the same readers.

import type { LocalBytes } from "../../tables/bytes.ts";
import type { ListOptions, SchemeName, Shard } from "./shard.ts";

/** Files on this machine. */
export interface FoundTokenizer {
  /** The tokenizer.json. */
  readonly path: string;
  /** The tokenizer_config.json beside it, where there is one: it may be alone to say what special tokens are called. */
  readonly settings: string | undefined;
  /** Whether it stands above what was named, and so may be another one's. */
  readonly isAbove: boolean;
}

export interface SourceScheme {
  readonly name: SchemeName;
  /** Whether it is this scheme that a person means; asked in the order of the list. */
  readonly claims: (input: string) => boolean;
  /** In an order that depends on names alone. */
  readonly list: (input: string, options: ListOptions) => Promise<Shard[]> | Shard[];
  /** The tokenizer that stands beside shards of ids: in their folder or up to three above it, or in one called tokenizer there. */
  readonly findTokenizer?: (input: string) => Promise<FoundTokenizer | undefined>;
  readonly open: (shard: Shard) => LocalBytes;
  /** Names the content of a shard that has no `identity`. */
  readonly identify: (shard: Shard) => string;
  /** What differs once a shard was changed, without reading it. */
  readonly describeState: (shard: Shard) => string;
}
