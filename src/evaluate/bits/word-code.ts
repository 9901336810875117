// What a word costs in bits, as a code that a receiver who has the rest of the passage could read: how many tokens it has, then the
// tokens. Without the first a tokenizer of single letters would tell the length of every word for nothing. A word that its tokens do
// not give back is spelt out, so that a tokenizer gains nothing by losing text.

/** More tokens than this are spelt out as well. */
const mostTokens = 31;
/** Of one letter, and of the end of a word that is spelt out. */
const bitsOfByte = 8;

export interface WordCode {
  /**
   * Bits of the next word of the text. `logProbabilities`: of each of its tokens, in nats; undefined for a word that is spelt out, of
   * `bytes` bytes.
   */
  add(logProbabilities: readonly number[] | undefined, bytes: number): number;
}

/**
 * Counts of tokens are coded by how often each was seen before, with half a word more for each (Krichevsky & Trofimov 1981); 0 stands
 * for a word that is spelt out.
 */
export function openWordCode(): WordCode {
  const seen = new Float64Array(mostTokens + 1).fill(0.5);
  let total = seen.length / 2;
  return {
    add: (logProbabilities, bytes) => {
      const isSpelt = logProbabilities === undefined || logProbabilities.length > mostTokens;
      const count = isSpelt ? 0 : logProbabilities.length;
      const ofCount = -Math.log2(seen[count]! / total);
      seen[count]! += 1;
      total += 1;
      if (isSpelt) return ofCount + bitsOfByte * (bytes + 1);
      return ofCount - logProbabilities.reduce((sum, each) => sum + each, 0) / Math.LN2;
    },
  };
}
