// Documents of several parts, mixed by weights. How much of each part there is must be known before; then the shares are what the
// weights say, to within one document of each part, and the corpus is as large as they allow. What is left over is told.

import { RandomSequence, streams } from "../../base/random.ts";

export interface MixturePart {
  /** What it is called in the account. */
  readonly source: string;
  readonly weight: number;
  /** How often it may be read at most. */
  readonly mostPasses: number;
  readonly documents: number;
  readonly characters: number;
}

/** What a mixture has of a part. */
export interface PartShare {
  readonly source: string;
  readonly weight: number;
  /** Of the characters, from 0 to 1. */
  readonly share: number;
  readonly documents: number;
  readonly characters: number;
  /** How often it is read: 0.5 is half of it once, 2 all of it twice. */
  readonly passes: number;
}

/** Characters of each part: of one at least all that it may give, of the others what the weights then ask for. */
export function planMixture(parts: readonly MixturePart[]): number[] {
  const size = Math.min(...parts.map(({ weight, mostPasses, characters }) => (mostPasses * characters) / weight));
  return parts.map(({ weight }) => size * weight);
}

/**
 * Yields the documents of a mixture, those of all parts side by side in the proportion of their weights. `read` reads a part from
 * its beginning, again for every pass; of a pass that is not whole the documents are drawn (sequential sampling by characters, after
 * Knuth's algorithm S). Returns the shares.
 */
export async function* mixDocuments<T extends { readonly text: string }>(
  parts: readonly MixturePart[],
  read: (part: number) => AsyncGenerator<T>,
  seed: number,
): AsyncGenerator<T, PartShare[]> {
  const planned = planMixture(parts);
  const streamsOfParts = parts.map((part, i) => takeCharacters(part, planned[i]!, () => read(i), seed, i));
  const given = parts.map(() => ({ documents: 0, characters: 0 }));
  const open = new Set(parts.keys());
  try {
    while (open.size > 0) {
      const behind = (i: number) => given[i]!.characters / parts[i]!.weight;
      const next = [...open].reduce((least, i) => (behind(i) < behind(least) ? i : least));
      const { value, done } = await streamsOfParts[next]!.next();
      if (done === true) {
        open.delete(next);
        continue;
      }
      given[next]!.documents += 1;
      given[next]!.characters += value.text.length;
      yield value;
    }
  } finally {
    for (const stream of streamsOfParts) await stream.return(undefined);
  }
  const all = given.reduce((sum, { characters }) => sum + characters, 0);
  return parts.map(({ source, weight, characters }, i) => {
    const taken = given[i]!;
    return { source, weight, share: taken.characters / all, ...taken, passes: taken.characters / characters };
  });
}

/** Whole passes, then a part of one. */
async function* takeCharacters<T extends { readonly text: string }>(
  { characters }: MixturePart,
  planned: number,
  read: () => AsyncGenerator<T>,
  seed: number,
  part: number,
): AsyncGenerator<T, undefined> {
  let left = planned;
  while (left >= characters) {
    yield* read();
    left -= characters;
  }
  // What rounding leaves of a whole pass is none.
  if (left < 1) return undefined;
  const random = new RandomSequence(seed, streams.documentMixture, part);
  let ahead = characters;
  for await (const document of read()) {
    const { length } = document.text;
    const isChosen = random.uniform() * ahead < left;
    ahead -= length;
    if (!isChosen) continue;
    left -= length;
    yield document;
    if (left < 1) return undefined;
  }
  return undefined;
}
