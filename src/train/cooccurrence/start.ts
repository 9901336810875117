// What embeddings begin as where they are counted and not drawn: vectors of tokens whose products say what stands beside what oftener than by
// chance. Levy & Goldberg 2014 (Neural word embedding as implicit matrix factorization) and Levy, Goldberg & Dagan 2015 (TACL 3, §3.3: the
// eigenvectors times the roots of their eigenvalues) factor such a matrix in place of training vectors; here a training goes on from there.
// Short trainings gain by it, long ones do not (docs/LOG.md). Of tokens that stand beside none, and of all other parameters, what was
// drawn stays.

import { setImmediate } from "node:timers/promises";
import { inverse, Matrix } from "ml-matrix";
import type { StoredTensor } from "../../checkpoint/safetensors.ts";
import { initialiseParameter } from "../../model/initialise.ts";
import { listParameters } from "../../model/parameters.ts";
import { embeddingWidthOf, type ModelShape } from "../../model/shape.ts";
import type { Recipe } from "../recipe.ts";
import {
  addRows,
  countFactorWork,
  eachRow,
  findFactors,
  finish,
  multiplyRight,
  multiplyTransposed,
  type Pieces,
  type Tall,
} from "./factors.ts";
import { associate, countPairs, type SparseRows, transpose, type VisitSequences } from "./token-pairs.ts";

/** Tokens on each side that a vector is made of, or as many as the model reads there. */
const leastDistances = 2;
/** Root mean square of the vectors, and of what the neighbours' matrix makes of all neighbours. */
const sizes = { vectors: 0.2, neighbours: 1 };

/** Parameters that begin at what is counted. */
export interface CountedParameters {
  /** By name; counted when the first is read, if they are not yet. */
  readonly parameters: ReadonlyMap<string, StoredTensor>;
  /** Counts now, and tells the share that is done; others have their turn in between. The signal ends it. */
  count(options: CountOptions): Promise<void>;
}

export interface CountOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((share: number) => void) | undefined;
}

/** What a training of the recipe on these sequences begins at; undefined where all is drawn. */
export function openCounted(visit: VisitSequences, { model, train }: Recipe): CountedParameters | undefined {
  const listed = listParameters(model);
  const names = listCounted(model);
  if (names.length === 0) return undefined;
  const draw = (name: string) => {
    const index = listed.findIndex(parameter => parameter.name === name);
    return initialiseParameter(listed[index]!, index, train.seed);
  };
  const begin = () => countInitial(visit, model, train.seed, draw);
  let counted: ReadonlyMap<string, Float32Array> | undefined;
  const read = (name: string) => {
    counted ??= finish(begin().pieces);
    return counted.get(name)!;
  };
  const parameters = listed
    .filter(({ name }) => names.includes(name))
    .map(({ name, shape }) => [name, { name, shape, read: () => read(name) }] as const);
  const count = async ({ signal, onProgress }: CountOptions) => {
    const { pieces, multiplications } = begin();
    for (let work = 0; ; ) {
      const { done, value } = pieces.next();
      if (done === true) {
        counted = value;
        return;
      }
      onProgress?.(Math.min(1, (work += value) / multiplications));
      await setImmediate();
      signal?.throwIfAborted();
    }
  };
  return { parameters: new Map(parameters), count };
}

/** Which parameters of a model are counted. */
function listCounted(shape: ModelShape): string[] {
  const { embedding, decoder, width } = shape;
  if (embedding.initialisation !== "cooccurrence") return [];
  return [
    "embedding.word",
    // It reads vectors as wide as the embedding.
    ...(embedding.neighbours > 0 && embeddingWidthOf(shape) === width ? ["embedding.neighbours"] : []),
    ...(decoder.tied ? [] : ["head.decoder"]),
  ];
}

/**
 * Values of all that is counted, by name, of the sequences that `visit` shows, which are read at once; and the multiplications that the
 * rest takes, about. `drawn` gives a parameter as it is drawn.
 */
function countInitial(
  visit: VisitSequences,
  shape: ModelShape,
  seed: number,
  drawn: (name: string) => Float32Array,
): { readonly pieces: Pieces<ReadonlyMap<string, Float32Array>>; readonly multiplications: number } {
  const { vocabulary: V, embedding } = shape;
  const { counts, behind } = countPairs(visit, V, Math.max(leastDistances, embedding.neighbours));
  const rows = behind.map(pairs => associate(pairs, counts));
  const associations = { before: rows, behind: rows.map(transpose) };
  const names = listCounted(shape);
  const E = embeddingWidthOf(shape);
  function* make(): Pieces<ReadonlyMap<string, Float32Array>> {
    const vectors = yield* findVectors(associations, V, E, seed);
    const values = new Map<string, Float32Array>();
    for (const name of names) {
      const isMatrix = name === "embedding.neighbours";
      const own = isMatrix
        ? yield* projectNeighbours(associations, counts, vectors, shape)
        : fillGaps(vectors, drawn(name));
      values.set(name, own);
    }
    return values;
  }
  const pairs = 2 * rows.reduce((sum, { values }) => sum + values.length, 0);
  const { columns, products, own } = countFactorWork(V, E);
  const ofVectors = products * pairs * columns + own + V * E * E;
  const ofMatrix = names.includes("embedding.neighbours") ? pairs * E + (3 + 2 * embedding.neighbours) * V * E * E : 0;
  return { pieces: make(), multiplications: ofVectors + ofMatrix };
}

/** By distance less 1, what a token says of what stands so far behind it, as the one before; and of what stands before it. */
interface Associations {
  readonly before: readonly SparseRows[];
  readonly behind: readonly SparseRows[];
}

/** Eigenvectors (V, E) of the associations to both sides, times the roots of their eigenvalues' sizes. */
function* findVectors({ before, behind }: Associations, V: number, E: number, seed: number): Pieces<Tall> {
  const multiply = (tall: Tall) => multiplyRows([...before, ...behind], tall);
  const { eigenvalues, vectors } = yield* findFactors(multiply, V, E, seed);
  const scaled = yield* multiplyRight(vectors, Matrix.diag(eigenvalues.map(value => Math.sqrt(Math.abs(value)))));
  return scale(scaled, sizes.vectors / measureSize(scaled.values));
}

/**
 * The least squares of what a neighbour adds to the logits, x_j W e_i ≈ how much oftener than by chance i stands there: by
 * W = (XᵀDX)⁻¹ XᵀD M E (EᵀE)⁻¹ for each place, x what the norm makes of vectors, D weights by the root of how often j is there. The whole
 * (2kE, E) is scaled, for the last norm leaves of it the direction.
 */
function* projectNeighbours(
  { before, behind }: Associations,
  counts: Float64Array,
  vectors: Tall,
  shape: ModelShape,
): Pieces<Float32Array> {
  const E = vectors.columns;
  const all = counts.reduce((sum, count) => sum + count, 0);
  const shares = counts.map(count => count / all);
  const weights = shares.map(Math.sqrt);
  const inputs = shape.embedding.norm ? normaliseRows(vectors, shape) : vectors;
  const ofInputs = invert(yield* multiplyTransposed(inputs, inputs, weights));
  const ofVectors = invert(yield* multiplyTransposed(vectors, vectors));
  const k = shape.embedding.neighbours;
  const places: Matrix[] = [];
  for (const rows of [...before.slice(0, k).reverse(), ...behind.slice(0, k)]) {
    const seen = yield* multiplyTransposed(inputs, yield* multiplyRows([rows], vectors), weights);
    places.push(ofInputs.mmul(seen).mmul(ofVectors));
  }
  // The mean square of their sum for neighbours that are drawn by how often they are there.
  const covariance = yield* multiplyTransposed(inputs, inputs, shares);
  const meanSquare = places.reduce((sum, W) => sum + Matrix.mul(W, covariance.mmul(W)).sum() / E, 0);
  const factor = sizes.neighbours / Math.sqrt(meanSquare);
  return Float32Array.from(
    places.flatMap(W => W.to1DArray()),
    value => value * factor,
  );
}

/** The sum of the matrices, times the tall one. */
function* multiplyRows(matrices: readonly SparseRows[], { rows, columns: C, values: read }: Tall): Pieces<Tall> {
  const values = new Float32Array(rows * C);
  const sum = new Float64Array(C);
  // A row has no more pairs than there are columns.
  const [places, factors] = [new Uint32Array(rows), new Float64Array(rows)];
  const pairsOf = (row: number) => matrices.reduce((all, { starts }) => all + starts[row + 1]! - starts[row]!, 0);
  yield* eachRow(
    rows,
    row => pairsOf(row) * C,
    row => {
      sum.fill(0);
      for (const { starts, columns, values: weights } of matrices) {
        const [start, end] = [starts[row]!, starts[row + 1]!];
        for (let at = start; at < end; at++) {
          places[at - start] = columns[at]! * C;
          factors[at - start] = weights[at]!;
        }
        addRows(sum, read, places, factors, end - start);
      }
      values.set(sum, row * C);
    },
  );
  return { rows, columns: C, values };
}

/** What the norm of the embedding makes of each row at first, its gain 1. */
function normaliseRows({ rows, columns, values }: Tall, shape: ModelShape): Tall {
  const normalised = values.slice();
  for (let row = 0; row < rows; row++) {
    const own = normalised.subarray(row * columns, (row + 1) * columns);
    const mean = shape.norm === "layer" ? own.reduce((sum, value) => sum + value, 0) / columns : 0;
    const centred = own.map(value => value - mean);
    const size = measureSize(centred);
    // A token that stands beside none says nothing of others.
    own.set(size < 1e-6 ? centred.fill(0) : centred.map(value => value / size));
  }
  return { rows, columns, values: normalised };
}

/** The vectors, and for tokens that have none what was drawn. */
function fillGaps({ rows, columns, values }: Tall, drawn: Float32Array): Float32Array {
  const filled = values.slice();
  for (let row = 0; row < rows; row++) {
    const own = filled.subarray(row * columns, (row + 1) * columns);
    if (measureSize(own) < 1e-6) own.set(drawn.subarray(row * columns, (row + 1) * columns));
  }
  return filled;
}

const scale = (tall: Tall, factor: number): Tall => ({ ...tall, values: tall.values.map(value => value * factor) });

const measureSize = (values: Float32Array) =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);

/** The inverse of a matrix of products, of which a little is added to the diagonal. */
const invert = (products: Matrix) =>
  inverse(Matrix.add(products, Matrix.eye(products.rows).mul((1e-6 * products.trace()) / products.rows)));
