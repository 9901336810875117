// F1 of whole entities, for words tagged as B-PER I-PER O: what named entity recognition is compared by. An entity is right where
// its type, its first and its last word are. Which words make one is read as conlleval (Tjong Kim Sang 2000) and seqeval do, which
// also take I- after O, or after another type, for a beginning; E- and S- end one.

type Tags = readonly string[];

/** Whether tags are those of entities: some begin one, and all but O have a type. */
export function areEntityTags(labels: Tags): boolean {
  return labels.some(label => /^[BS]-./.test(label)) && labels.every(label => label === "O" || /^[BIES]-./.test(label));
}

/** Micro-averaged over all sentences; 0 where none is predicted or none is there. Tags in the order of words. */
export function scoreEntities(predicted: readonly Tags[], expected: readonly Tags[]): number {
  let [found, there, right] = [0, 0, 0];
  for (const [i, tags] of expected.entries()) {
    const entities = new Set(findEntities(tags));
    const guesses = findEntities(predicted[i]!);
    there += entities.size;
    found += guesses.length;
    right += guesses.filter(entity => entities.has(entity)).length;
  }
  return found + there === 0 ? 0 : (2 * right) / (found + there);
}

/** "PER 0 1": type, first and last word of each entity of a sentence. */
export function findEntities(tags: Tags): string[] {
  const entities: string[] = [];
  let open: { readonly type: string; readonly first: number } | undefined;
  const close = (last: number) => {
    if (open !== undefined) entities.push(`${open.type} ${open.first} ${last}`);
    open = undefined;
  };
  for (const [i, tag] of tags.entries()) {
    const [place, type] = [tag.slice(0, 1), tag.slice(2)];
    if (place === "O" || "BS".includes(place) || type !== open?.type) close(i - 1);
    if (place !== "O") open ??= { type, first: i };
    if ("ES".includes(place)) close(i);
  }
  close(tags.length - 1);
  return entities;
}
