// An export against the model it was made of: the greatest difference of any logit or hidden state at a token that is no padding,
// and the loss at masked places. Our side runs in float32 on a backend, theirs in ONNX Runtime.

import type { Backend } from "../backends/backend.ts";
import { placeParameters } from "../backends/placed-parameters.ts";
import type { StoredTensor } from "../checkpoint/safetensors.ts";
import { state } from "../graph/operations.ts";
import { encode } from "../model/encoder.ts";
import { decodeRows } from "../model/heads.ts";
import { declareEncoderInputs, makeTables } from "../model/inputs.ts";
import type { ModelShape } from "../model/shape.ts";
import { requireFiniteAnswers } from "../pretrained/finite-answers.ts";
import type { OnnxModel } from "./onnx/onnx-runtime.ts";
import type { Probes } from "./probes.ts";

export interface Comparison {
  /** Of logits, absolute; undefined for an encoder alone. */
  readonly logits: number | undefined;
  /** Of final hidden states, absolute. */
  readonly hidden: number;
  /** Mean cross-entropy at the masked places, nats; undefined where the probes have none. */
  readonly loss: number | undefined;
}

export interface ProbedModel {
  /** Mean cross-entropy of our own model. */
  readonly loss: number | undefined;
  /** Standard deviation of our logits, of an encoder's hidden states: what a difference is small beside. */
  readonly spread: number;
  /** One for each model given, in their order. */
  readonly comparisons: readonly Comparison[];
}

interface Outputs {
  readonly logits: ArrayLike<number> | undefined;
  readonly hidden: ArrayLike<number>;
}

/** Sequences of one pass. */
const batchSequences = 4;

/** Runs our model and every other one on the probes, a few sequences at a time; `onProgress` is told how many are done. */
export async function compareModels(
  backend: Backend,
  shape: ModelShape,
  parameters: readonly StoredTensor[],
  models: readonly OnnxModel[],
  probes: Probes,
  onProgress: (sequences: number) => void = () => {},
): Promise<ProbedModel> {
  const { sequenceLength: S, vocabulary: V } = shape;
  const runOurs = await openOurs(backend, shape, parameters);
  const greatest = models.map(() => ({ logits: shape.isEncoder ? undefined : 0, hidden: 0 }));
  const lossSums = new Float64Array(models.length + 1);
  let count = 0;
  let sum = 0;
  let squares = 0;
  for (let first = 0; first < probes.lengths.length; first += batchSequences) {
    onProgress(first);
    const batch = takeBatch(probes, first, S);
    const ours = await runOurs(batch.tokens, batch.lengths);
    const [values, columns] = ours.logits === undefined ? [ours.hidden, shape.width] : [ours.logits, V];
    for (const row of batch.real) {
      for (let i = row * columns; i < (row + 1) * columns; i++) {
        sum += values[i]!;
        squares += values[i]! ** 2;
      }
      count += columns;
    }
    lossSums[models.length]! += sumLosses(ours.logits, V, batch);
    for (const [index, model] of models.entries()) {
      const theirs = await model.run(batch.tokens, batch.lengths);
      const before = greatest[index]!;
      if (before.logits !== undefined) {
        before.logits = Math.max(before.logits, findGreatestDifference(ours.logits!, theirs.logits, V, batch.real));
      }
      before.hidden = Math.max(
        before.hidden,
        findGreatestDifference(ours.hidden, theirs.hidden!, shape.width, batch.real),
      );
      lossSums[index]! += sumLosses(theirs.logits, V, batch);
    }
  }
  const lossOf = (index: number) =>
    shape.isEncoder || probes.positions.length === 0 ? undefined : lossSums[index]! / probes.positions.length;
  return {
    loss: lossOf(models.length),
    spread: Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2)),
    comparisons: greatest.map((difference, index) => ({ ...difference, loss: lossOf(index) })),
  };
}

/** Our model on one batch at a time, every row of it. */
async function openOurs(
  backend: Backend,
  shape: ModelShape,
  parameters: readonly StoredTensor[],
): Promise<(tokens: Int32Array, lengths: Int32Array) => Promise<Outputs>> {
  const states = placeParameters(backend, parameters);
  const tensors = new Map(parameters.map(({ name, shape: size }) => [name, state(name, size)] as const));
  const inputs = declareEncoderInputs(shape, batchSequences, shape.sequenceLength, "padded");
  const hidden = encode(inputs, tensors, shape);
  const logits = shape.isEncoder ? {} : { logits: decodeRows(hidden, tensors, shape) };
  const graph = await backend.load({ outputs: { hidden, ...logits }, updates: {} }, states);
  const constant = {
    ...makeTables(shape),
    ...(shape.segments && { segments: new Int32Array(batchSequences * shape.sequenceLength) }),
  };
  return async (tokens, lengths) => {
    const outputs = await graph.run({ ...constant, tokens, lengths });
    requireFiniteAnswers(outputs.logits ?? outputs.hidden!);
    return { logits: outputs.logits, hidden: outputs.hidden! };
  };
}

interface ProbeBatch {
  readonly tokens: Int32Array;
  readonly lengths: Int32Array;
  /** Rows that are neither padding nor of a sequence that only fills the batch. */
  readonly real: readonly number[];
  readonly masked: readonly { readonly row: number; readonly label: number }[];
}

function takeBatch({ tokens, lengths, positions, labels }: Probes, first: number, S: number): ProbeBatch {
  const sequences = Math.min(batchSequences, lengths.length - first);
  const batch = { tokens: new Int32Array(batchSequences * S), lengths: new Int32Array(batchSequences).fill(1) };
  batch.tokens.set(tokens.subarray(first * S, (first + sequences) * S));
  batch.lengths.set(lengths.subarray(first, first + sequences));
  const start = first * S;
  return {
    ...batch,
    real: Array.from({ length: sequences }, (_, i) =>
      Array.from({ length: batch.lengths[i]! }, (_, place) => i * S + place),
    ).flat(),
    masked: [...positions.entries()]
      .filter(([, place]) => place >= start && place < start + sequences * S)
      .map(([i, place]) => ({ row: place - start, label: labels[i]! })),
  };
}

/** NaN where either side has one. */
function findGreatestDifference(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  width: number,
  rows: readonly number[],
): number {
  let greatest = 0;
  for (const row of rows) {
    for (let i = row * width; i < (row + 1) * width; i++) {
      greatest = Math.max(greatest, Math.abs(a[i]! - b[i]!));
    }
  }
  return greatest;
}

/** Sum of log Σ exp(logits) - logits[label] over the masked rows, nats; 0 without logits. */
function sumLosses(logits: ArrayLike<number> | undefined, V: number, { masked }: ProbeBatch): number {
  if (logits === undefined) return 0;
  return masked.reduce((total, { row, label }) => {
    let highest = Number.NEGATIVE_INFINITY;
    for (let i = row * V; i < (row + 1) * V; i++) highest = Math.max(highest, logits[i]!);
    let raised = 0;
    for (let i = row * V; i < (row + 1) * V; i++) raised += Math.exp(logits[i]! - highest);
    return total + Math.log(raised) + highest - logits[row * V + label]!;
  }, 0);
}
