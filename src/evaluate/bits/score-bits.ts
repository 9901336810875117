// Bits per byte of a masked language model: all masked words of a passage at once, each by the sum over its tokens. The loss of
// training says nothing of text, since longer tokens are harder to predict; this is comparable between tokenizers.

import type { Backend } from "../../backends/backend.ts";
import { placeParameters } from "../../backends/placed-parameters.ts";
import { UserError } from "../../base/errors.ts";
import { input, negate, reshape, state } from "../../graph/operations.ts";
import { predictTokens } from "../../model/heads.ts";
import { declareEncoderInputs, makeTables } from "../../model/inputs.ts";
import { crossEntropyOfRows } from "../../nn/losses.ts";
import { requireFiniteAnswers } from "../../pretrained/finite-answers.ts";
import type { PretrainedModel } from "../../pretrained/pretrained-model.ts";
import { countBytes, type Passage } from "./masked-words.ts";
import { openWordCode } from "./word-code.ts";

export type BitsModel = Pick<PretrainedModel, "shape" | "parameters" | "encodeText" | "specials"> & {
  /** The text of tokens, as their tokenizer gives it back. */
  readonly decode: (tokens: readonly number[]) => string;
};

export interface BitsScore {
  readonly bitsPerByte: number;
  /** Of the masked words, each with its space. */
  readonly bytes: number;
  readonly words: number;
  /** Of these: their tokens do not give them back, or did not fit into a sequence. */
  readonly speltWords: number;
  readonly tokens: number;
}

export interface BitsOptions {
  /** What stands before a text in pretraining. */
  readonly opening: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((share: number) => void) | undefined;
}

/** A passage as the model reads it. */
interface Row {
  readonly tokens: readonly number[];
  /** Of each masked word the places of its tokens; undefined where it is spelt out. */
  readonly words: readonly (readonly number[] | undefined)[];
}

const tokensPerBatch = 2048;

/** UserErrors: E_BITS where words and whole passages have other tokens; E_BAD_ANSWER of a broken model. */
export async function scoreBits(
  backend: Backend,
  model: BitsModel,
  passages: readonly Passage[],
  { opening, signal, onProgress }: BitsOptions,
): Promise<BitsScore> {
  const { sequenceLength } = model.shape;
  const size = Math.max(1, Math.floor(tokensPerBatch / sequenceLength));
  const run = await loadProgram(backend, model, size);
  const code = openWordCode();
  let [bits, bytes, spelt, tokens, words] = [0, 0, 0, 0, 0];
  for (let first = 0; first < passages.length; first += size) {
    signal?.throwIfAborted();
    const some = passages.slice(first, first + size);
    const rows = some.map(passage => readPassage(model, passage, opening));
    const scored = await run(rows);
    for (const [i, passage] of some.entries()) {
      bytes += countBytes(passage);
      for (const [j, place] of passage.masked.entries()) {
        const logProbabilities = scored[i]![j];
        bits += code.add(logProbabilities, passage.words[place]!.length);
        words += 1;
        if (logProbabilities === undefined) spelt += 1;
        else tokens += logProbabilities.length;
      }
    }
    onProgress?.(Math.min(1, (first + size) / passages.length));
  }
  return { bitsPerByte: bits / bytes, bytes, words, speltWords: spelt, tokens };
}

/** Tokens of words one by one, with the space before them, which are those of the whole passage: E_BITS where they are not. */
export function encodeWords(encodeText: BitsModel["encodeText"], { words }: Passage): number[][] {
  const encoded = words.map((word, i) => Array.from(encodeText(i === 0 ? word : ` ${word}`)));
  const whole = Array.from(encodeText(words.join(" ")));
  if (encoded.flat().join() === whole.join()) return encoded;
  throw new UserError(
    "E_BITS",
    `the tokens of "${words.slice(0, 6).join(" ")} …" are not those of its words`,
    "Score a model whose tokenizer splits at white space.",
  );
}

function readPassage({ encodeText, decode, shape, specials }: BitsModel, passage: Passage, opening: number): Row {
  const { words, masked } = passage;
  const encoded = encodeWords(encodeText, passage);
  const room = shape.sequenceLength - 1;
  const starts: number[] = [];
  let end = 1;
  for (const each of encoded) {
    starts.push(end);
    end += each.length;
  }
  return {
    tokens: [...[opening, ...encoded.flat()].slice(0, room), specials.separator],
    words: masked.map(place => {
      const own = encoded[place]!;
      const isKept = own.length > 0 && starts[place]! + own.length <= room;
      if (!isKept || decode(own).replace(/\s/g, "") !== words[place]) return undefined;
      return own.map((_, i) => starts[place]! + i);
    }),
  };
}

/** Log-probabilities of the tokens of each masked word of each row, all of these masked at once. */
type RowsProgram = (rows: readonly Row[]) => Promise<(readonly number[] | undefined)[][]>;

async function loadProgram(
  backend: Backend,
  { shape, parameters, specials }: BitsModel,
  size: number,
): Promise<RowsProgram> {
  const length = shape.sequenceLength;
  // Rarely more; what is more is asked for again.
  const capacity = size * Math.ceil(length / 4);
  const declared = (name: string, count: number) => input(name, [count], "i32");
  const inputs = { ...declareEncoderInputs(shape, size, length), lengths: declared("lengths", size) };
  const tensors = new Map(parameters.map(each => [each.name, state(each.name, each.shape)] as const));
  const logits = predictTokens({ ...inputs, positions: declared("positions", capacity) }, tensors, shape);
  const loss = crossEntropyOfRows(logits, declared("labels", capacity));
  const outputs = { logProbabilities: reshape(negate(loss), [capacity]) };
  const graph = await backend.load({ outputs, updates: {} }, placeParameters(backend, parameters));
  const table = makeTables(shape, length);
  return async rows => {
    const tokens = new Int32Array(size * length).fill(specials.pad);
    const lengths = new Int32Array(size).fill(1);
    const asked: { readonly place: number; readonly label: number }[] = [];
    rows.forEach((row, r) => {
      tokens.set(row.tokens, r * length);
      lengths[r] = row.tokens.length;
      for (const place of row.words.flatMap(word => word ?? [])) {
        tokens[r * length + place] = specials.mask;
        asked.push({ place: r * length + place, label: row.tokens[place]! });
      }
    });
    const answers = new Map<number, number>();
    for (let first = 0; first < asked.length; first += capacity) {
      const some = asked.slice(first, first + capacity);
      const positions = new Int32Array(capacity);
      const labels = new Int32Array(capacity);
      some.forEach(({ place, label }, i) => {
        positions[i] = place;
        labels[i] = label;
      });
      const { logProbabilities } = await graph.run({ tokens, lengths, positions, labels, ...table });
      requireFiniteAnswers(logProbabilities!);
      for (const [i, { place }] of some.entries()) answers.set(place, logProbabilities![i]!);
    }
    return rows.map(({ words }, r) => words.map(word => word?.map(place => answers.get(r * length + place)!)));
  };
}
