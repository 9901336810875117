// A finetuned model's export against the model: the greatest difference of any logit, and by how much the classes' probabilities
// differ. Our side runs in float32 on a backend, theirs in ONNX Runtime.

import type { Backend } from "../backends/backend.ts";
import { placeParameters } from "../backends/placed-parameters.ts";
import type { StoredTensor } from "../checkpoint/safetensors.ts";
import { state } from "../graph/operations.ts";
import { type ClassifierShape, classify, type PaddedInputs } from "../model/classifier.ts";
import { declareEncoderInputs, makeTables } from "../model/inputs.ts";
import type { ModelShape } from "../model/shape.ts";
import { requireFiniteAnswers } from "../pretrained/finite-answers.ts";
import type { OnnxModel } from "./onnx/onnx-runtime.ts";

/** One text or pair: its ids with the special tokens, and where its second text begins. */
export interface EncodedProbe {
  readonly tokens: ArrayLike<number>;
  readonly secondStart: number;
}

export interface ClassifierComparison {
  /** Of logits, absolute. */
  readonly logits: number;
  /** Mean KL divergence from the model's classes to the file's, nats; undefined for a regression. */
  readonly divergence: number | undefined;
  /** Share of the rows whose likeliest class is another one; undefined for a regression. */
  readonly changed: number | undefined;
}

export interface ComparedClassifiers {
  /** Standard deviation of our logits: what a difference is small beside. */
  readonly spread: number;
  /** One for each model given, in their order. */
  readonly comparisons: readonly ClassifierComparison[];
}

/** Sequences of one pass. */
const B = 4;

/** Runs our model and every other one on the probes, all padded to the longest; `onProgress` is told how many are done. */
export async function compareClassifiers(
  backend: Backend,
  finetuned: { shape: ModelShape; classifier: ClassifierShape; parameters: readonly StoredTensor[] },
  models: readonly OnnxModel[],
  probes: readonly EncodedProbe[],
  padding: number,
  onProgress: (done: number) => void = () => {},
): Promise<ComparedClassifiers> {
  const { kind, outputs: L } = finetuned.classifier;
  const S = probes.reduce((most, { tokens }) => Math.max(most, tokens.length), 1);
  const runOurs = await openOurs(backend, finetuned, S);
  const ours: number[][] = [];
  const theirs: number[][][] = models.map(() => []);
  for (let first = 0; first < probes.length; first += B) {
    onProgress(first);
    const batch = fillBatch(probes.slice(first, first + B), S, padding);
    // For tokens a row each, for a whole text one.
    const rows = batch.real.flatMap((length, i) =>
      kind === "tokens" ? Array.from({ length }, (_, place) => i * S + place) : [i],
    );
    const take = (logits: ArrayLike<number>) =>
      rows.map(row => Array.from({ length: L }, (_, output) => logits[row * L + output]!));
    ours.push(...take(await runOurs(batch)));
    for (const [index, model] of models.entries()) {
      theirs[index]!.push(...take((await model.run(batch.tokens, batch.lengths, batch.segments)).logits));
    }
  }
  return {
    spread: deviationOf(ours.flat()),
    comparisons: theirs.map(rows => compareRows(ours, rows, kind)),
  };
}

interface ProbeBatch {
  readonly tokens: Int32Array;
  readonly lengths: Int32Array;
  readonly segments: Int32Array;
  /** Lengths without the sequences that only fill the batch. */
  readonly real: readonly number[];
}

function fillBatch(probes: readonly EncodedProbe[], S: number, padding: number): ProbeBatch {
  const batch = {
    tokens: new Int32Array(B * S).fill(padding),
    lengths: new Int32Array(B).fill(1),
    segments: new Int32Array(B * S),
  };
  probes.forEach(({ tokens, secondStart }, i) => {
    batch.tokens.set(tokens, i * S);
    batch.lengths[i] = tokens.length;
    batch.segments.fill(1, i * S + secondStart, i * S + tokens.length);
  });
  return { ...batch, real: probes.map(({ tokens }) => tokens.length) };
}

async function openOurs(
  backend: Backend,
  { shape, classifier, parameters }: Parameters<typeof compareClassifiers>[1],
  S: number,
): Promise<(batch: ProbeBatch) => Promise<ArrayLike<number>>> {
  const states = placeParameters(backend, parameters);
  const tensors = new Map(parameters.map(({ name, shape: size }) => [name, state(name, size)] as const));
  const inputs = declareEncoderInputs(shape, B, S, "padded") as PaddedInputs;
  const logits = classify(inputs, tensors, shape, classifier);
  const graph = await backend.load({ outputs: { logits }, updates: {} }, states);
  const table = makeTables(shape, S);
  return async ({ tokens, lengths, segments }) => {
    const { logits } = await graph.run({ tokens, lengths, ...(shape.segments && { segments }), ...table });
    requireFiniteAnswers(logits!);
    return logits!;
  };
}

function compareRows(
  ours: readonly (readonly number[])[],
  theirs: readonly (readonly number[])[],
  kind: ClassifierShape["kind"],
): ClassifierComparison {
  let greatest = 0;
  let divergence = 0;
  let changed = 0;
  ours.forEach((row, i) => {
    const other = theirs[i]!;
    row.forEach((value, output) => {
      // Math.max keeps what is not a number.
      greatest = Math.max(greatest, Math.abs(value - other[output]!));
    });
    const [p, q] = [logSoftmax(row), logSoftmax(other)];
    divergence += p.reduce((sum, logP, output) => sum + Math.exp(logP) * (logP - q[output]!), 0);
    if (row.indexOf(Math.max(...row)) !== other.indexOf(Math.max(...other))) changed++;
  });
  if (kind === "regression") return { logits: greatest, divergence: undefined, changed: undefined };
  return { logits: greatest, divergence: divergence / ours.length, changed: changed / ours.length };
}

function logSoftmax(logits: readonly number[]): number[] {
  const largest = Math.max(...logits);
  const total = logits.reduce((sum, value) => sum + Math.exp(value - largest), 0);
  return logits.map(value => value - largest - Math.log(total));
}

function deviationOf(values: readonly number[]): number {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}
