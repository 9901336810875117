// The encoder. As crammed BERT (Geiping & Goldstein 2022) has it: pre-norm transformer layers without biases, gated
// feed-forward, norms after the embedding and at the end. Other shapes make others of it.
//
// B sequences, S positions each, T = B·S, width C, F of the feed-forward.

import { add, gather, iota, multiply, reshape, slice } from "../graph/operations.ts";
import { countElements, type Tensor } from "../graph/tensor.ts";
import { activate } from "../nn/activation.ts";
import { applyDropout, type Dropout } from "../nn/dropout.ts";
import { narrowGradient } from "../nn/narrow-gradient.ts";
import { keepChance, keepOrSkip } from "../nn/stochastic-depth.ts";
import { embedBigrams, embedTokens } from "./embedding.ts";
import type { EncoderInputs } from "./inputs.ts";
import { findParameter, normalise, type Parameters, project } from "./layer-parts.ts";
import { type Detour, joinRows, narrowInputs, takeRows } from "./layers/detour.ts";
import {
  cutSequences,
  fillSequences,
  lengthenSequences,
  moveRows,
  resample,
  shortenInputs,
  shortens,
} from "./layers/strides.ts";
import { findMixer } from "./mixers/mixers.ts";
import { countDepths, findShortcut, hasAttentionNorm, hasFeedForward, isPreNorm, type ModelShape } from "./shape.ts";

/** One pass through the model. */
interface Pass {
  readonly inputs: EncoderInputs;
  readonly parameters: Parameters;
  readonly shape: ModelShape;
  readonly dropout: Dropout | undefined;
  readonly rows: EncodedRows;
  readonly detour: Detour | undefined;
  /** What the embedding gave, (T, C). */
  readonly embedded: Tensor;
  /** Embeddings of tokens with those before them, (T, C), where the shape has them. */
  readonly bigrams: Tensor | undefined;
  /** What mixers leave for those behind them. */
  readonly memory: Map<string, Tensor>;
}

/**
 * Whose hidden states are asked for: every token's, the first one's of each sequence, or those at places i32 of (T): (P) any, or (B, M)
 * as many of each sequence, in their order, which lets the last attention do with their queries.
 */
export type EncodedRows = "all" | "first" | Tensor;

/**
 * The rows of (T, C) that a layer goes on with behind its mixer: where a detour begins those on it, behind the last mixer those that
 * are asked for, (P, C), or (B, C) for the first ones.
 */
function readRows(x: Tensor, depth: number, { inputs, shape, rows, detour }: Pass): Tensor {
  if (detour?.seesAll && depth === detour.from) return takeRows(x, detour);
  if (rows === "all" || depth < countDepths(shape) - 1) return x;
  if (rows !== "first") return gather(x, reshape(rows, [countElements(rows.shape)]));
  const [T, C] = x.shape as [number, number];
  const sequences = reshape(x, [T / inputs.length, inputs.length, C]);
  return reshape(slice(sequences, 1, 0, 1), [T / inputs.length, C]);
}

/** Whether what `keepRows` leaves at a depth is as many rows of each sequence, and fewer than enter. */
function keepsFew(depth: number, { shape, rows, detour }: Pass): boolean {
  if (detour?.seesAll && depth === detour.from) return true;
  if (rows === "all" || depth < countDepths(shape) - 1) return shortens(shape, depth);
  return rows === "first" || rows.shape.length === 2;
}

/** Which rows of (T, C) `keepRows` leaves at a depth, (P) i32, where it leaves few and chooses them among all of each sequence. */
function findKept(depth: number, pass: Pass): Tensor | undefined {
  const { inputs, shape, rows, detour } = pass;
  const isChosen = depth === countDepths(shape) - 1 && !shortens(shape, depth) && !detour?.seesAll;
  if (!isChosen || !keepsFew(depth, pass) || shortenInputs(inputs, depth, shape).length !== inputs.length) return;
  if (rows === "first") return multiply(iota(inputs.tokens.shape[0]! / inputs.length), inputs.length);
  return reshape(rows as Tensor, [countElements((rows as Tensor).shape)]);
}

/** Those of the rows that enter a layer, after as many as they become in it. */
const keepRows = (x: Tensor, depth: number, pass: Pass): Tensor =>
  readRows(resample(x, depth, pass.shape, pass.inputs), depth, pass);

/** What the mixer makes of (T, C) at a depth. */
function mix(x: Tensor, depth: number, pass: Pass): Tensor {
  const { parameters, shape, dropout, memory } = pass;
  const inputs = shortenInputs(pass.inputs, depth, shape);
  const layer = depth % shape.layers;
  const { mixer, settings } = findMixer(shape.mixer, layer, shape.layers);
  const inLayer = (name: string) => `layers.${layer}.attention.${name}`;
  const { tokens, length, lengths, documents, tables, places } = inputs;
  return mixer.apply(x, settings, {
    ...{ shape, depth, tokens, length, lengths, documents, tables, places, memory, dropout },
    find: name => findParameter(parameters, inLayer(name)),
    project: (y, name, columns) => project(y, inLayer(name), parameters, shape, columns),
    keepRows: y => keepRows(y, depth, pass),
    keepsFew: keepsFew(depth, pass),
    kept: findKept(depth, pass),
  });
}

/** The feed-forward (T, C) of a layer. */
function feedForward(x: Tensor, layer: number, { parameters, shape }: Pass): Tensor {
  const hidden = project(x, `layers.${layer}.feedForward.in`, parameters, shape); // (T, F)
  return project(activate(hidden, shape.activation), `layers.${layer}.feedForward.out`, parameters, shape);
}

/** What a layer goes on from: x times a scalar, and the embedding and its bigrams again, where the shape has these. */
function enterLayer(x: Tensor, layer: number, { shape, parameters, embedded, bigrams }: Pass): Tensor {
  const scalar = (name: string) => reshape(findParameter(parameters, `layers.${layer}.${name}`), [1, 1]);
  let entered = shape.residual.scalars ? multiply(x, scalar("residual")) : x;
  if (shape.residual.embeddingSkip) entered = add(entered, multiply(embedded, scalar("embeddingSkip")));
  if (bigrams !== undefined) entered = add(entered, multiply(bigrams, scalar("bigramShare")));
  return entered;
}

/**
 * (T, C) to (T, C), f the mixer, then the feed-forward. pre: x + f(norm(x)); sandwich: x + norm(f(norm(x))); post: norm(x + f(x)); deep:
 * norm(α x + f(x)), α = (2 L)^¼. parallel: both of one norm, added together. What f gives is multiplied by `scale`.
 */
function applyLayer(x: Tensor, depth: number, pass: Pass, scale = 1): Tensor {
  const { parameters, shape, dropout } = pass;
  const layer = depth % shape.layers;
  const norm = (y: Tensor, name: string) => normalise(y, `layers.${layer}.${name}`, parameters, shape);
  const isPre = isPreNorm(shape);
  const read = (y: Tensor, name: "attention" | "feedForward") =>
    isPre && (name === "feedForward" || hasAttentionNorm(shape, layer)) ? norm(y, `${name}.norm`) : y;
  const finish = (made: Tensor, name: "attention" | "feedForward") =>
    shape.normalisation === "sandwich" ? norm(made, `${name}.outputNorm`) : made;
  const join = (y: Tensor, made: Tensor, name: "attention" | "feedForward", application: number) => {
    const weighted = shape.normalisation === "deep" ? multiply(y, (2 * countDepths(shape)) ** 0.25) : y;
    const scaled = scale === 1 ? made : multiply(made, scale);
    const added = add(weighted, applyDropout(scaled, dropout, application + 2 * depth));
    const sum = shape.training?.residualGradient === "bf16" ? narrowGradient(added) : added;
    return isPre ? sum : norm(sum, `${name}.norm`);
  };
  const entered = enterLayer(x, layer, pass);
  const normal = read(entered, "attention");
  const mixed = finish(mix(normal, depth, pass), "attention");
  const attended = join(keepRows(entered, depth, pass), mixed, "attention", 1);
  if (!hasFeedForward(shape, layer)) return attended;
  const fedFrom = shape.parallel ? keepRows(normal, depth, pass) : read(attended, "feedForward");
  return join(attended, finish(feedForward(fedFrom, layer, pass), "feedForward"), "feedForward", 2);
}

/** The layer at a depth, which is left out by chance where the batch says so. */
function passLayer(x: Tensor, depth: number, pass: Pass): Tensor {
  const { shape, inputs } = pass;
  const { training: { layerDrop = 0 } = {} } = shape;
  if (inputs.layerSeed === undefined || layerDrop === 0) return applyLayer(x, depth, pass);
  const chance = keepChance(layerDrop, depth, countDepths(shape));
  const skipped = keepRows(x, depth, pass);
  return keepOrSkip(applyLayer(x, depth, pass, 1 / chance), skipped, chance, inputs.layerSeed, depth);
}

/** Through the layers from one depth to before another. */
function applyLayers(x: Tensor, pass: Pass, from = 0, to = countDepths(pass.shape)): Tensor {
  const { shape } = pass;
  const entering = [x];
  for (let depth = from; depth < to; depth++) {
    const hidden = passLayer(entering.at(-1)!, depth, pass);
    const layer = depth % shape.layers;
    const shortcut = findShortcut(shape, layer);
    entering.push(
      shortcut === undefined ? hidden : add(hidden, readRows(entering[depth - layer + shortcut]!, depth, pass)),
    );
  }
  return entering.at(-1)!;
}

/** Through all layers, of which those on the detour see its rows alone. */
function applyDetour(x: Tensor, pass: Pass, detour: Detour): Tensor {
  const { from, to, seesAll } = detour;
  const waiting = applyLayers(x, pass, 0, from);
  const take = (tensor: Tensor) => takeRows(tensor, detour);
  // Where they still see the others, the first layer is a whole one that only they leave.
  const left = seesAll ? passLayer(waiting, from, pass) : take(waiting);
  const narrow: Pass = {
    ...pass,
    rows: "all",
    detour: undefined,
    inputs: narrowInputs(pass.inputs, detour),
    embedded: take(pass.embedded),
    bigrams: pass.bigrams && take(pass.bigrams),
    memory: new Map([...pass.memory].map(([name, tensor]) => [name, take(tensor)] as const)),
  };
  const back = applyLayers(left, narrow, seesAll ? from + 1 : from, to);
  return applyLayers(joinRows(waiting, back, detour), { ...pass, detour: undefined }, to);
}

/** Applications of dropout in `encode`; a head on top of it numbers its own from here. */
export const countDropouts = (shape: ModelShape): number => 1 + 2 * countDepths(shape);

export interface EncodeOptions {
  /** Falls on the embedding and on what each half of a layer adds. */
  readonly dropout?: Dropout | undefined;
  /** Default: all. */
  readonly rows?: EncodedRows;
  /** Ends before the last layer where not all rows are asked for. */
  readonly detour?: Detour;
}

/** Final hidden states, normalised, of the rows that are asked for: (T, C), (P, C), or (B, C) of the first tokens. */
export function encode(
  inputs: EncoderInputs,
  parameters: Parameters,
  shape: ModelShape,
  { dropout, rows = "all", detour }: EncodeOptions = {},
): Tensor {
  const embedded = applyDropout(embedTokens(inputs, parameters, shape), dropout, 0);
  const bigrams =
    shape.embedding.bigramRows > 0 ? embedBigrams(inputs, findParameter(parameters, "embedding.bigram")) : undefined;
  const whole = { parameters, shape, dropout, detour, embedded, bigrams, memory: new Map<string, Tensor>() };
  const filled = fillSequences(inputs, shape);
  const pass = { ...whole, inputs: filled, rows: typeof rows === "string" ? rows : moveRows(rows, inputs, filled) };
  const entering = lengthenSequences(embedded, inputs.length, filled.length);
  const passed = detour === undefined ? applyLayers(entering, pass) : applyDetour(entering, pass, detour);
  const x = rows === "all" ? cutSequences(passed, filled.length, inputs.length) : passed;
  return isPreNorm(shape) ? normalise(x, "final.norm", parameters, shape) : x;
}
