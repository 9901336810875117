// The reference's quality filter (its `remove_trash`): a document that a tokenizer cannot compress is tables, markup or
// noise rather than prose. The tokenizer comes as a function, learned on the corpus itself, so no outside data decides.

/** Whether a document is kept: fewer tokens than `maxTokensPerCharacter` times its characters (code points). */
export function isCompressible(
  text: string,
  maxTokensPerCharacter: number,
  countTokens: (text: string) => number,
  countCharacters: (text: string) => number = countPoints,
): boolean {
  return countTokens(text) < maxTokensPerCharacter * countCharacters(text);
}

const pairBegins = /[\ud800-\udbff]/;

function countPoints(text: string): number {
  let count = text.length;
  // Few texts have a pair, and that is found out faster than it is counted.
  if (!pairBegins.test(text)) return count;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit < 0xdc00) count--;
  }
  return count;
}
