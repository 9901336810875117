// Which shards a corpus is made of. A person names sources; the first scheme of this list that claims one lists its shards, in an
// order that depends on names alone. A shard that several of them lead to is read once.

import type { LocalBytes } from "../../tables/bytes.ts";
import { hubDatasets } from "./hub/hub-datasets.ts";
import { localFiles, tryReading } from "./local-files.ts";
import type { SourceScheme } from "./scheme.ts";
import type { ListOptions, Shard } from "./shard.ts";

/** The last takes whatever is left. */
const schemes: readonly SourceScheme[] = [hubDatasets(), localFiles];

const schemeOf = ({ scheme }: Shard): SourceScheme => schemes.find(({ name }) => name === scheme)!;

/**
 * The shards of `inputs`, those in their order. UserErrors: those of the schemes, as E_NO_TEXT for a folder without a file of text,
 * E_FILE_MISSING, E_FILE_UNREADABLE.
 */
export async function listShards(inputs: readonly string[], options: ListOptions = {}): Promise<Shard[]> {
  const shards = new Map<string, Shard>();
  for (const input of inputs) {
    for (const shard of await schemes.find(({ claims }) => claims(input))!.list(input, options)) {
      if (!shards.has(shard.place) || shard.named) shards.set(shard.place, shard);
    }
  }
  return [...shards.values()];
}

/** Where the bytes of a shard lie. */
export const openShard = (shard: Shard): LocalBytes => schemeOf(shard).open(shard);

/** The shards with what names the content of each; in a folder, those that cannot be read are passed over where that is allowed. */
export function identifyShards(shards: readonly Shard[], options: ListOptions): { shard: Shard; hash: string }[] {
  return shards.flatMap(shard => {
    const identify = () => shard.identity ?? schemeOf(shard).identify(shard);
    const hash = tryReading(shard.path, shard.named ? {} : options, identify);
    return hash === undefined ? [] : [{ shard, hash }];
  });
}

/** What differs once the content of a shard may be another. */
export const describeShardState = (shard: Shard): string => schemeOf(shard).describeState(shard);
