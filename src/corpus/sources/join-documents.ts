// Several successive documents as one, with nothing between them: as the reference joins sets in which a row is a sentence.

/** Batches of documents of `count` each; the last may be of fewer. What else they have is the first one's. */
export async function* joinDocuments<T extends { readonly text: string }>(
  batches: AsyncIterable<{ readonly documents: readonly T[] }>,
  count: number,
): AsyncGenerator<T[]> {
  let waiting: T[] = [];
  const joinWaiting = (): T => ({ ...waiting[0]!, text: waiting.map(({ text }) => text).join("") });
  for await (const { documents } of batches) {
    const joined: T[] = [];
    for (const document of documents) {
      waiting.push(document);
      if (waiting.length < count) continue;
      joined.push(joinWaiting());
      waiting = [];
    }
    yield joined;
  }
  if (waiting.length > 0) yield [joinWaiting()];
}
