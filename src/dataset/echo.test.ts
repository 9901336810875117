import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RandomSequence, streams } from "../base/random.ts";
import { echoPassages } from "./echo.ts";

const separator = 3;
/** A word begins with an even token and goes on with odd ones. */
const continuesWord = (_: number, token: number) => token % 2 === 1;

/** Words of one to four tokens, a separator now and then. */
const sequences = fc
  .array(
    fc.oneof(
      {
        weight: 20,
        arbitrary: fc
          .tuple(fc.integer({ min: 2, max: 200 }), fc.array(fc.integer({ min: 2, max: 200 }), { maxLength: 3 }))
          .map(([first, rest]) => [2 * first, ...rest.map(token => 2 * token + 1)]),
      },
      { weight: 1, arbitrary: fc.constant([separator]) },
    ),
    { minLength: 12, maxLength: 100 },
  )
  .map(words => words.flat());

function echo(source: readonly number[], seed: number): number[] {
  const tokens = Int32Array.from([7, ...source, 9]);
  echoPassages(tokens, 1, source.length, separator, continuesWord, new RandomSequence(seed, streams.echo, 5));
  assert.deepEqual([tokens[0], tokens.at(-1)], [7, 9], "what stands around a sequence stays");
  return [...tokens.subarray(1, 1 + source.length)];
}

function splitAt(tokens: readonly number[], isEnd: (token: number) => boolean): number[][] {
  const parts: number[][] = [[]];
  for (const token of tokens) {
    if (isEnd(token)) parts.push([]);
    else parts.at(-1)!.push(token);
  }
  return parts;
}

const isWithin = (part: readonly number[], whole: readonly number[]) =>
  ` ${whole.join(" ")} `.includes(` ${part.join(" ")} `);

/** Whether the words of `part` stand in `whole`, in order. */
function isOfWords(part: readonly string[], whole: readonly string[]): boolean {
  let at = 0;
  return part.every(word => {
    at = whole.indexOf(word, at) + 1;
    return at > 0;
  });
}

const wordsOf = (tokens: readonly number[]) =>
  tokens.reduce<string[]>((words, token, i) => {
    if (i > 0 && continuesWord(tokens[i - 1]!, token)) words.push(`${words.pop()} ${token}`);
    else words.push(String(token));
    return words;
  }, []);

const isTurned = (part: readonly string[], whole: readonly string[]) =>
  part.some((_, cut) => isOfWords([...part.slice(cut), ...part.slice(0, cut)], whole)) || part.length === 0;

test("every passage is of the text, and its copy has its words, in order but for one turn, and no others", () => {
  fc.assert(
    fc.property(sequences, fc.nat(), (source, seed) => {
      // The last passage or copy is cut by the sequence's end.
      const passages = splitAt(echo(source, seed), token => token === separator).slice(0, -1);
      for (let i = 0; i + 1 < passages.length; i += 2) {
        const [one, other] = [passages[i]!, passages[i + 1]!];
        const [whole, copy] = one.length >= other.length ? [one, other] : [other, one];
        const fits = (a: number[], b: number[]) => isWithin(a, source) && isTurned(wordsOf(b), wordsOf(a));
        assert.ok(fits(whole, copy) || fits(copy, whole), `${whole} | ${copy} of ${source}`);
      }
    }),
  );
});

test("passages have the tokens of a sentence, and copies lack every seventh word", () => {
  const source = Array.from({ length: 128 }, (_, i) => 4 + 2 * i);
  let whole = 0;
  let copied = 0;
  let turned = 0;
  let pairs = 0;
  for (let seed = 0; seed < 400; seed++) {
    const passages = splitAt(echo(source, seed), token => token === separator).slice(0, -1);
    for (let i = 0; i + 1 < passages.length; i += 2) {
      const [longer, shorter] = [passages[i]!, passages[i + 1]!].sort((a, b) => b.length - a.length) as [
        number[],
        number[],
      ];
      assert.ok(longer.length >= 8 && longer.length <= 32, `${longer.length}`);
      pairs++;
      whole += longer.length;
      copied += shorter.length;
      if (shorter.some((token, j) => j > 0 && token < shorter[j - 1]!)) turned++;
    }
  }
  // 0.85 of the words; half of the copies are turned, but those of which nothing is left and some of both orders. Standard errors 0.3 %, 1.5 %.
  assert.ok(Math.abs(copied / whole - 0.85) < 0.015, `${copied / whole}`);
  assert.ok(Math.abs(turned / pairs - 0.5) < 0.06, `${turned / pairs}`);
});

test("separators alone end, too", () => {
  assert.deepEqual(echo([3, 3, 3, 3], 1), [3, 3, 3, 3]);
});
