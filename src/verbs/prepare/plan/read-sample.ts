// A sample of a corpus: the beginnings of shards that lie evenly among all, each text once; of a small one all of it.

import type { Clock } from "../../../base/clock.ts";
import { SeenTexts } from "../../../corpus/deduplication/equal-texts.ts";
import { startFunnel } from "../../../corpus/funnel.ts";
import { readShard } from "../../../corpus/sources/read-shard.ts";
import type { Shard } from "../../../corpus/sources/shard.ts";
import type { DatasetOptions } from "../dataset-options.ts";
import { parseSeparator } from "../separator.ts";

export interface Sample {
  /** Some that lie evenly among those that were read. */
  readonly texts: readonly string[];
  readonly documents: number;
  readonly characters: number;
  /** What was read: of several shards each, else the pieces of what was read. */
  readonly parts: readonly SampledPart[];
  readonly secondsPerCharacter: number;
  /** Whether nothing is left. */
  readonly isAll: boolean;
}

export interface SampledPart {
  readonly documents: number;
  readonly characters: number;
  /** Of the shard, for these, as they lie there. */
  readonly bytes: number;
}

const mostShards = 16;
/** So many shards tell how shards differ. */
const tellingShards = 4;
const mostCharacters = 2 ** 26;
/** Of the texts that are kept. */
const keptCharacters = 2 ** 22;
/** What a packed table holds, characters a byte, where only its end tells how much was read. */
const assumedCharactersPerByte = 3;

/** Reads at most `most` characters, or little more. UserErrors: those of `readShard`. */
export async function readSample(
  shards: readonly Shard[],
  options: DatasetOptions,
  clock: Clock,
  most = mostCharacters,
): Promise<Sample> {
  const all = shards.reduce((sum, { bytes }) => sum + bytes, 0);
  // Packed text is some three times as long.
  const count = 4 * all <= most ? shards.length : Math.min(mostShards, shards.length);
  const drawn = Array.from({ length: count }, (_, i) => shards[Math.floor((i * shards.length) / count)]!);
  const { format, textField, documentSeparator, removeWhitespace, skipBroken, strict } = options;
  const separator = documentSeparator === undefined ? undefined : parseSeparator(documentSeparator);
  const seen = new SeenTexts();
  const kept = new EvenTexts();
  const read: SampledPart[] = [];
  const pieces: SampledPart[] = [];
  let isAll = count === shards.length;
  const start = clock.seconds();
  for (const shard of drawn) {
    let [documents, characters, bytes] = [0, 0, 0];
    const marks: SampledPart[] = [];
    const onBytes = (more: number) => {
      marks.push({ documents, characters, bytes });
      bytes += more;
    };
    let isWhole = true;
    for await (const batch of readShard(
      shard,
      { format, textField, separator, removeWhitespace, skipBroken, strict, onBytes },
      startFunnel(),
    )) {
      for (const { text } of batch.documents) {
        if (/\S/.test(text) && seen.take(text) !== undefined) kept.add(text);
        characters += text.length;
      }
      documents += batch.documents.length;
      if (characters < most / count) continue;
      isWhole = false;
      break;
    }
    if (!isWhole) isAll = false;
    const own = subtractMarks(marks);
    pieces.push(...(own.length > 0 ? own : [{ documents, characters, bytes: shard.bytes }]));
    read.push({
      documents,
      characters,
      bytes: isWhole ? shard.bytes : Math.min(shard.bytes, tellBytes(characters, own)),
    });
  }
  const sum = (amount: "documents" | "characters") => read.reduce((total, part) => total + part[amount], 0);
  const characters = sum("characters");
  return {
    ...{ texts: kept.texts, documents: sum("documents"), characters },
    parts: isAll || read.length >= tellingShards ? read : pieces,
    secondsPerCharacter: (clock.seconds() - start) / Math.max(1, characters),
    isAll,
  };
}

/** What came between reading one piece of a file and the next. */
const subtractMarks = (marks: readonly SampledPart[]): SampledPart[] =>
  marks.slice(1).map((mark, i) => ({
    documents: mark.documents - marks[i]!.documents,
    characters: mark.characters - marks[i]!.characters,
    bytes: mark.bytes - marks[i]!.bytes,
  }));

/** The bytes that so many characters were, by the pieces that were read. */
function tellBytes(characters: number, pieces: readonly SampledPart[]): number {
  const known = pieces.reduce((sum, piece) => sum + piece.characters, 0);
  if (known === 0) return characters / assumedCharactersPerByte;
  return (characters * pieces.reduce((sum, { bytes }) => sum + bytes, 0)) / known;
}

/** Every so many of the texts that come, so that there is room for them. */
class EvenTexts {
  texts: string[] = [];
  private characters = 0;
  private stride = 1;
  private count = 0;

  add(text: string): void {
    if (this.count++ % this.stride !== 0) return;
    this.texts.push(text);
    this.characters += text.length;
    while (this.characters > keptCharacters && this.texts.length > 64) {
      this.texts = this.texts.filter((_, i) => i % 2 === 0);
      this.characters = this.texts.reduce((sum, { length }) => sum + length, 0);
      this.stride *= 2;
    }
  }
}
