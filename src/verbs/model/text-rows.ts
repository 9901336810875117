// Encoded texts through a model and a head, a row of numbers a text. Texts of about the same length share a batch; programs are kept
// by rows and length. Padding is left out of attention and of poolers, so it changes nothing.

import type { Backend, DeviceBuffer, LoadedGraph } from "../../backends/backend.ts";
import { bucketOf, bucketOfFew, planEvaluationBatches } from "../../evaluate/finetuning/length-buckets.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { PaddedInputs } from "../../model/classifier.ts";
import { declareEncoderInputs, makeTables } from "../../model/inputs.ts";
import type { ModelShape } from "../../model/shape.ts";
import { requireFiniteAnswers } from "../../pretrained/finite-answers.ts";

export interface EncodedText {
  readonly tokens: ArrayLike<number>;
  /** Where a second text begins; absent: there is none. */
  readonly secondStart?: number;
}

export interface RowOptions {
  readonly backend: Backend;
  readonly states: ReadonlyMap<string, DeviceBuffer>;
  readonly shape: ModelShape;
  readonly padding: number;
  /** Texts of one pass, at most. */
  readonly batchTexts: number;
  /** What is computed of B texts: a tensor of B equal parts, one after another. */
  readonly head: (inputs: PaddedInputs) => Tensor;
}

export type ReadRows = (texts: readonly EncodedText[]) => Promise<Float32Array[]>;

/** The result gives the part of each text, in their order; texts are no longer than the model's sequences. */
export function openTextRows({ backend, states, shape, padding, batchTexts, head }: RowOptions): ReadRows {
  const programs = new Map<string, Promise<LoadedGraph>>();
  const load = (rows: number, length: number): Promise<LoadedGraph> => {
    const key = `${rows} ${length}`;
    const build = () => head(declareEncoderInputs(shape, rows, length, "padded") as PaddedInputs);
    const program = programs.get(key) ?? backend.load({ outputs: { parts: build() }, updates: {} }, states);
    programs.set(key, program);
    return program;
  };
  // Few sizes, so that few programs serve any number of texts.
  const sizes = [1, 4].filter(size => size < batchTexts).concat(batchTexts);
  return async texts => {
    const rows = sizes.find(size => size >= texts.length) ?? batchTexts;
    const lengths = texts.map(({ tokens }) => tokens.length);
    const read = new Array<Float32Array>(texts.length);
    for (const { members } of planEvaluationBatches(lengths, {
      batchSequences: rows,
      maxLength: shape.sequenceLength,
    })) {
      const longest = members.reduce((most, member) => Math.max(most, lengths[member]!), 0);
      const length = (rows < batchTexts ? bucketOfFew : bucketOf)(longest, shape.sequenceLength);
      const graph = await load(rows, length);
      const batch = fillBatch(
        members.map(member => texts[member]!),
        { rows, length, padding, shape },
      );
      const { parts } = await graph.run({ ...batch, ...makeTables(shape, length) });
      requireFiniteAnswers(parts!);
      const size = parts!.length / rows;
      members.forEach((member, row) => {
        read[member] = Float32Array.from(parts!.subarray(row * size, (row + 1) * size));
      });
    }
    return read;
  };
}

/** Rows that no text fills are one padding token long, for attention needs something to look at. */
function fillBatch(
  texts: readonly EncodedText[],
  { rows, length, padding, shape }: { rows: number; length: number; padding: number; shape: ModelShape },
) {
  const tokens = new Int32Array(rows * length).fill(padding);
  const lengths = new Int32Array(rows).fill(1);
  const segments = new Int32Array(rows * length);
  texts.forEach(({ tokens: own, secondStart = own.length }, row) => {
    tokens.set(own, row * length);
    lengths[row] = own.length;
    segments.fill(1, row * length + secondStart, row * length + own.length);
  });
  return { tokens, lengths, ...(shape.segments && { segments }) };
}
