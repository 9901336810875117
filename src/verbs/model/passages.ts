// A long text in passages that a model reads whole: cut between paragraphs, else lines, sentences, words, and at last anywhere, so that
// what belongs together stays together. Every character but white space at a cut is in one passage.

/** At which a text is cut, the first that does. */
const cuts = [/\n\s*\n\s*/u, /\n\s*/u, /(?<=[.!?…。！？])\s+/u, /\s+/u];

/** Passages of at most `longest` tokens each, as `countTokens` counts, as few as follow from the cuts; a short text is its own. */
export function splitPassages(text: string, countTokens: (text: string) => number, longest: number): string[] {
  const fits = (part: string) => countTokens(part) <= longest;
  if (fits(text)) return [text];
  return splitAt(text.trim(), 0, fits).map(passage => passage.trimEnd());
}

function splitAt(text: string, level: number, fits: (part: string) => boolean): string[] {
  if (fits(text)) return [text];
  const cut = cuts[level];
  // A word that is longer than the model reads: halves of it, between characters.
  if (cut === undefined) {
    const characters = Array.from(text);
    if (characters.length < 2) return [text];
    const middle = characters.length >> 1;
    const halves = [characters.slice(0, middle), characters.slice(middle)];
    return halves.flatMap(half => splitAt(half.join(""), level, fits));
  }
  const passages: string[] = [];
  let from = 0;
  let open: string | undefined;
  for (const { start, end } of listPieces(text, cut)) {
    const joined = text.slice(open === undefined ? start : from, end);
    if (fits(joined)) {
      if (open === undefined) from = start;
      open = joined;
      continue;
    }
    if (open !== undefined) passages.push(open);
    const piece = text.slice(start, end);
    open = fits(piece) ? piece : undefined;
    from = start;
    if (open === undefined) passages.push(...splitAt(piece, level + 1, fits));
  }
  if (open !== undefined) passages.push(open);
  return passages;
}

function* listPieces(text: string, cut: RegExp): Generator<{ start: number; end: number }> {
  let start = 0;
  for (const { index, 0: between } of text.matchAll(new RegExp(cut, "gu"))) {
    if (index > start) yield { start, end: index };
    start = index + between.length;
  }
  if (start < text.length) yield { start, end: text.length };
}
