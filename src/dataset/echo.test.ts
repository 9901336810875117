import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RandomSequence, streams } from "../base/random.ts";
import { cutPassages, echoPassages } from "./echo.ts";

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

const echo = (source: readonly number[], seed: number) => rewrite(echoPassages, source, seed);
const cut = (source: readonly number[], seed: number) => rewrite(cutPassages, source, seed);

function rewrite(write: typeof echoPassages, source: readonly number[], seed: number): number[] {
  const tokens = Int32Array.from([7, ...source, 9]);
  write(tokens, 1, source.length, separator, continuesWord, new RandomSequence(seed, streams.echo, 5));
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

/** Passages alone and those beside their copies, whichever way the whole of it can be read so; undefined where none is. */
function readPassages(
  passages: readonly number[][],
  isAlone: (passage: readonly number[]) => boolean,
  isPair: (one: readonly number[], other: readonly number[]) => boolean,
): number[][][] | undefined {
  // From the end, for each place how what is behind it is read. The last may be a copy, whose passage the sequence's end has cut.
  const read: (number[][][] | undefined)[] = [];
  read[passages.length] = [];
  for (let i = passages.length - 1; i >= 0; i--) {
    const [own, next] = [passages[i]!, passages[i + 1]];
    const [alone, pair] = [read[i + 1], read[i + 2]];
    if (next !== undefined && pair !== undefined && isPair(own, next)) read[i] = [[own, next], ...pair];
    else if (alone !== undefined && (next === undefined || isAlone(own))) read[i] = [[own], ...alone];
  }
  return read[0];
}

// The last passage or copy is cut by the sequence's end.
const wholePassages = (tokens: readonly number[]) => splitAt(tokens, token => token === separator).slice(0, -1);

test("every passage is of the text, alone or beside a copy that has its words, in order but for one turn, and no others", () => {
  fc.assert(
    fc.property(sequences, fc.nat(), (source, seed) => {
      const passages = wholePassages(echo(source, seed));
      const fits = (a: readonly number[], b: readonly number[]) =>
        isWithin(a, source) && isTurned(wordsOf(b), wordsOf(a));
      const read = readPassages(
        passages,
        passage => isWithin(passage, source),
        (one, other) => fits(one, other) || fits(other, one),
      );
      assert.ok(read !== undefined, `${passages.join(" | ")} of ${source}`);
    }),
  );
});

test("half of the passages stand alone, others have the tokens of a sentence, and copies lack every seventh word", () => {
  const source = Array.from({ length: 128 }, (_, i) => 4 + 2 * i);
  const [alone, pairs]: [number[][], number[][][]] = [[], []];
  for (let seed = 0; seed < 800; seed++) {
    // No token stands twice in the source, so who shares one is a copy.
    const read = readPassages(
      wholePassages(echo(source, seed)).filter(({ length }) => length > 0),
      () => true,
      (one, other) => one.some(token => other.includes(token)),
    )!;
    // How the last of a sequence goes on is not to be seen.
    for (const [first, second] of read.slice(0, -1) as [number[], number[] | undefined][]) {
      if (second === undefined) alone.push(first);
      else pairs.push([first, second].sort((a, b) => b.length - a.length));
    }
  }
  let [whole, copied, turned] = [0, 0, 0];
  for (const [longer, shorter] of pairs as [number[], number[]][]) {
    assert.ok(longer.length >= 8 && longer.length <= 32, `${longer.length}`);
    whole += longer.length;
    copied += shorter.length;
    if (shorter.some((token, j) => j > 0 && token < shorter[j - 1]!)) turned++;
  }
  // Of two, where the source ends and begins again, a passage may be shorter.
  for (const { length } of alone) assert.ok(length <= 64, `${length}`);
  const longest = alone.reduce((most, { length }) => Math.max(most, length), 0);
  assert.ok(longest > 56, `${longest}`);
  // 0.85 of the words; half of the copies are turned, but those of which nothing is left and some of both orders. Standard errors 0.3 %, 1.5 %.
  assert.ok(Math.abs(copied / whole - 0.85) < 0.015, `${copied / whole}`);
  assert.ok(Math.abs(turned / pairs.length - 0.5) < 0.06, `${turned / pairs.length}`);
  const share = alone.length / (alone.length + pairs.length);
  assert.ok(Math.abs(share - 0.5) < 0.06, `${share} of ${alone.length + pairs.length}`);
});

test("passages that are cut are the text itself, in order and without a gap, of whole words", () => {
  fc.assert(
    fc.property(sequences, fc.nat(), (source, seed) => {
      const passages = splitAt(cut(source, seed), token => token === separator);
      // Without its separators the text goes on from one passage to the next, and from its beginning where it had some to lose.
      const read = passages.flat();
      const isText = (token: number) => token !== separator;
      const text = source.filter(isText);
      assert.deepEqual(read, [...text, ...text].slice(0, read.length));
      const first = passages.flatMap(([token]) => token ?? []);
      const cutsOfSource = splitAt(source, token => token === separator).flatMap(([token]) => token ?? []);
      assert.ok(first.every(token => !continuesWord(0, token) || cutsOfSource.includes(token)));
    }),
  );
});

test("passages that are cut have 8 to 64 tokens, as many of each length", () => {
  const source = Array.from({ length: 128 }, (_, i) => 4 + 2 * i);
  // The first of each sequence alone: how long others are, the sequence's end decides.
  const lengths = Array.from({ length: 2000 }, (_, seed) => cut(source, seed).indexOf(separator));
  assert.deepEqual([Math.min(...lengths), Math.max(...lengths)], [8, 64]);
  const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
  // The deviation of 57 lengths is 16.5.
  assert.ok(Math.abs(mean - 36) < (4 * 16.5) / Math.sqrt(lengths.length), `${mean}`);
});

test("separators alone end, too", () => {
  assert.deepEqual(echo([3, 3, 3, 3], 1), [3, 3, 3, 3]);
  assert.deepEqual(cut([3, 3, 3, 3], 1), [3, 3, 3, 3]);
});
