// Minimal pairs (BLiMP, Warstadt et al. 2020), zero-shot: the model prefers the sentence with the higher pseudo-log-likelihood
// (Salazar et al. 2020), the sum over its tokens of the log-probability of each when it alone is masked. Scores of a pair may
// differ by little, so a backend in f32 is the one to use.

import type { Backend, DeviceBuffer, HostArray } from "../../backends/backend.ts";
import { placeParameters } from "../../backends/placed-parameters.ts";
import { UserError } from "../../base/errors.ts";
import { input, negate, reshape, state } from "../../graph/operations.ts";
import { predictTokens } from "../../model/heads.ts";
import { declareEncoderInputs, makeTables } from "../../model/inputs.ts";
import { crossEntropyOfRows } from "../../nn/losses.ts";
import { requireFiniteAnswers } from "../../pretrained/finite-answers.ts";
import type { PretrainedModel } from "../../pretrained/pretrained-model.ts";
import { bucketOf, bucketOfFew } from "../finetuning/length-buckets.ts";

export interface MinimalPair {
  /** The acceptable sentence, and the other one. */
  readonly good: string;
  readonly bad: string;
  /** For messages: "anaphor_number_agreement.jsonl:17". */
  readonly origin: string;
}

export interface PairScore {
  /** Pseudo-log-likelihoods, in nats. */
  readonly good: number;
  readonly bad: number;
  /** 1 where the good sentence scores higher, ½ at a tie: the mean over pairs is the accuracy. */
  readonly outcome: 0 | 0.5 | 1;
}

export interface PairScorer {
  /** UserErrors E_TEXT_LENGTH and E_PAIR_EMPTY name the pair's origin. */
  score(pairs: readonly MinimalPair[]): Promise<PairScore[]>;
  /** Pseudo-log-likelihoods of single texts, in nats, named in errors by what they begin with and, of several, their number. */
  scoreTexts(texts: readonly string[]): Promise<number[]>;
}

type ScoredModel = Pick<PretrainedModel, "shape" | "parameters" | "encodeText" | "specials">;

/** About so many tokens go through the model in one run. */
const tokensPerBatch = 2048;
/** Rows of a program where a run needs no more: a row costs its share of the model, whether it is filled or not. */
const fewRows = [4, 8, 12, 16, 24, 32, 48, 64] as const;

/**
 * Puts the parameters on the backend once, unless they stand there. Every sentence is read as `opening` sentence <sep>; `opening` is what
 * stands before a text in pretraining: <cls> for BERT and its kin, <sep> where documents were packed one after another and <cls> never
 * occurred.
 */
export function openPairScorer(
  backend: Backend,
  model: ScoredModel,
  opening = model.specials.classify,
  states: ReadonlyMap<string, DeviceBuffer> = placeParameters(backend, model.parameters),
): PairScorer {
  const { shape, encodeText, specials } = model;
  const programs = new Map<string, Promise<RowProgram>>();
  const openProgram = (length: number, count: number): Promise<RowProgram> => {
    const most = Math.max(1, Math.floor(tokensPerBatch / length));
    const rows = Math.min(fewRows.find(size => size >= count) ?? most, most);
    const key = `${length} ${rows}`;
    const program = programs.get(key) ?? loadProgram(backend, model, states, { length, rows });
    programs.set(key, program);
    return program;
  };
  const encodeSentence = (text: string, origin: string): number[] => {
    const ids = Array.from(encodeText(text));
    if (ids.length === 0) {
      throw new UserError("E_PAIR_EMPTY", `${origin}: a sentence without tokens, "${text}"`, "Remove or correct it.");
    }
    const tokens = [opening, ...ids, specials.separator];
    if (tokens.length <= shape.sequenceLength) return tokens;
    throw new UserError(
      "E_TEXT_LENGTH",
      `${origin}: a sentence has ${tokens.length} tokens and the model was trained on ${shape.sequenceLength}`,
      "Shorten or remove it.",
    );
  };
  return {
    score: async pairs => {
      // Equal sentences are scored once: a pair that is equal in its tokens must be a tie to the last bit.
      const places = new Map<string, number>();
      const sentences: number[][] = [];
      const enter = (text: string, origin: string): number => {
        const tokens = encodeSentence(text, origin);
        const key = tokens.join();
        if (!places.has(key)) places.set(key, sentences.push(tokens) - 1);
        return places.get(key)!;
      };
      const entered = pairs.map(({ good, bad, origin }) => [enter(good, origin), enter(bad, origin)] as const);
      const scores = await scoreSentences(sentences, shape.sequenceLength, openProgram);
      return entered.map(([good, bad]) => judgePair(scores[good]!, scores[bad]!));
    },
    scoreTexts: async texts => {
      const nameOf = (text: string, i: number) =>
        `${texts.length > 1 ? `text ${i + 1}: ` : ""}"${text.slice(0, 40)}${text.length > 40 ? "…" : ""}"`;
      const sentences = texts.map((text, i) => encodeSentence(text, nameOf(text, i)));
      return scoreSentences(sentences, shape.sequenceLength, openProgram);
    },
  };
}

/** Who wins by two scores. A score that is not a number is a model that is broken, and wins nothing. */
export function judgePair(good: number, bad: number): PairScore {
  return { good, bad, outcome: good > bad ? 1 : good === bad ? 0.5 : 0 };
}

/** One sentence with one of its tokens to be masked. */
interface MaskedRow {
  readonly sentence: number;
  readonly tokens: readonly number[];
  readonly place: number;
}

/** One compiled shape: at most `rows` sentences padded to one length. */
interface RowProgram {
  readonly rows: number;
  /** log p of each row's token at its place, given the others. */
  run(batch: readonly MaskedRow[]): Promise<HostArray>;
}

async function loadProgram(
  backend: Backend,
  { shape, parameters, specials }: ScoredModel,
  states: ReadonlyMap<string, DeviceBuffer>,
  { length, rows }: { readonly length: number; readonly rows: number },
): Promise<RowProgram> {
  const perRow = (name: string) => input(name, [rows], "i32");
  // One text a sequence: shapes with segments read segment 0 without being told.
  const inputs = { ...declareEncoderInputs(shape, rows, length), lengths: perRow("lengths") };
  const tensors = new Map(parameters.map(each => [each.name, state(each.name, each.shape)] as const));
  // One of each sequence, which the last attention need only answer for.
  const positions = input("positions", [rows, 1], "i32");
  const logits = predictTokens({ ...inputs, positions }, tensors, shape); // (R, V)
  const logProbabilities = reshape(negate(crossEntropyOfRows(logits, perRow("labels"))), [rows]);
  const graph = await backend.load({ outputs: { logProbabilities }, updates: {} }, states);
  const table = makeTables(shape, length);
  return {
    rows,
    run: async batch => {
      const tokens = new Int32Array(rows * length).fill(specials.pad);
      // Rows that the last batch does not fill are one token of padding.
      const lengths = new Int32Array(rows).fill(1);
      const positions = Int32Array.from({ length: rows }, (_, row) => row * length);
      const labels = new Int32Array(rows);
      batch.forEach(({ tokens: sentence, place }, row) => {
        tokens.set(sentence, row * length);
        tokens[row * length + place] = specials.mask;
        lengths[row] = sentence.length;
        positions[row]! += place;
        labels[row] = sentence[place]!;
      });
      const outputs = await graph.run({ tokens, lengths, positions, labels, ...table });
      requireFiniteAnswers(outputs.logProbabilities!);
      return outputs.logProbabilities!;
    },
  };
}

const fewSentences = 32;

/** Pseudo-log-likelihood of each sentence, whose first and last tokens are special and not scored. */
async function scoreSentences(
  sentences: readonly (readonly number[])[],
  longest: number,
  openProgram: (length: number, count: number) => Promise<RowProgram>,
): Promise<number[]> {
  const buckets = new Map<number, MaskedRow[]>();
  const findLength = sentences.length < fewSentences ? bucketOfFew : bucketOf;
  sentences.forEach((tokens, sentence) => {
    const length = findLength(tokens.length, longest);
    const bucket = buckets.get(length) ?? [];
    buckets.set(length, bucket);
    for (let place = 1; place < tokens.length - 1; place++) bucket.push({ sentence, tokens, place });
  });
  const scores = sentences.map(() => 0);
  for (const [length, bucket] of buckets) {
    const { rows, run } = await openProgram(length, bucket.length);
    for (let start = 0; start < bucket.length; start += rows) {
      const batch = bucket.slice(start, start + rows);
      const logProbabilities = await run(batch);
      batch.forEach(({ sentence }, row) => {
        scores[sentence]! += logProbabilities[row]!;
      });
    }
  }
  return scores;
}
