// A sample of a corpus: the beginnings of shards that lie evenly among all, each text once.

import type { Clock } from "../../../base/clock.ts";
import { SeenTexts } from "../../../corpus/deduplication/equal-texts.ts";
import { startFunnel } from "../../../corpus/funnel.ts";
import { readShard } from "../../../corpus/sources/read-shard.ts";
import type { Shard } from "../../../corpus/sources/shard.ts";
import type { DatasetOptions } from "../dataset-options.ts";
import { parseSeparator } from "../separator.ts";

export interface Sample {
  /** The first ones of each shard. */
  readonly texts: readonly string[];
  /** What was read, of which `texts` are a part. */
  readonly documents: number;
  readonly characters: number;
  /** Of the shards, for these characters, as they lie there. */
  readonly bytes: number;
  readonly secondsPerCharacter: number;
  /** Whether nothing is left. */
  readonly isAll: boolean;
}

const mostShards = 8;
const keptOfShard = 2 ** 19;
/** Files are read a mebibyte at a time, and packed ones hold some of them: with less it would not be known how much was read. */
const charactersOfShard = 2 ** 23;
/** What a packed table holds, characters a byte, where only its end tells how much was read. */
const assumedCharactersPerByte = 3;

export async function readSample(shards: readonly Shard[], options: DatasetOptions, clock: Clock): Promise<Sample> {
  const count = Math.min(mostShards, shards.length);
  const drawn = Array.from({ length: count }, (_, i) => shards[Math.floor((i * shards.length) / count)]!);
  const { format, textField, documentSeparator, removeWhitespace, skipBroken, strict } = options;
  const separator = documentSeparator === undefined ? undefined : parseSeparator(documentSeparator);
  const seen = new SeenTexts();
  const texts: string[] = [];
  let [documents, characters, bytes] = [0, 0, 0];
  let isAll = count === shards.length;
  const start = clock.seconds();
  for (const shard of drawn) {
    let [own, read] = [0, 0];
    // When the next piece of a file is read, what came before it has mostly been told.
    let known = { characters: 0, bytes: 0 };
    const onBytes = (more: number) => {
      known = { characters: own, bytes: read };
      read += more;
    };
    let isWhole = true;
    for await (const batch of readShard(
      shard,
      { format, textField, separator, removeWhitespace, skipBroken, strict, onBytes },
      startFunnel(),
    )) {
      for (const { text } of batch.documents) {
        if (/\S/.test(text) && seen.take(text) !== undefined && own < keptOfShard) texts.push(text);
        own += text.length;
      }
      documents += batch.documents.length;
      if (own < charactersOfShard) continue;
      isWhole = false;
      break;
    }
    if (!isWhole) isAll = false;
    characters += own;
    const perByte = known.characters > 0 ? known.characters / known.bytes : assumedCharactersPerByte;
    bytes += isWhole ? shard.bytes : Math.min(shard.bytes, own / perByte);
  }
  const secondsPerCharacter = (clock.seconds() - start) / Math.max(1, characters);
  return { texts, documents, characters, bytes, secondsPerCharacter, isAll };
}
