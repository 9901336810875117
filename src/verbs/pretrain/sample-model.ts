// What a model that trains says now: masks that it fills, and the tokens nearest to a word. Its parameters are read where training has
// them, and nothing of it is changed.

import type { Backend, DeviceBuffer } from "../../backends/backend.ts";
import { UserError } from "../../base/errors.ts";
import type { SamplesEvent } from "../../events/event.ts";
import {
  divide,
  gather,
  input,
  matmul,
  maximum,
  multiply,
  reshape,
  sqrt,
  state,
  sum,
  transpose,
} from "../../graph/operations.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { listParameters } from "../../model/parameters.ts";
import { findHeadFault, findTrainedShape } from "../../objectives/objectives.ts";
import { readTextWith } from "../../pretrained/text-reader.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import type { Recipe } from "../../train/recipe.ts";
import { openMaskFiller } from "../model/fill-masks.ts";

type Samples = Pick<SamplesEvent, "fills" | "neighbours">;
type Nearest = SamplesEvent["neighbours"][number]["nearest"];

/**
 * What the recipe's samples ask for; undefined where it asks for none. `states` are the parameters as they train. UserErrors
 * E_RECIPE_VALUE for a word that is not one token and for masks of a model that predicts none; as it is used E_TEXT_LENGTH, E_TEXT_LOST.
 */
export function openSampler(
  backend: Backend,
  recipe: Recipe,
  tokenizer: Tokenizer,
  states: ReadonlyMap<string, DeviceBuffer>,
): (() => Promise<Samples>) | undefined {
  if (recipe.samples === undefined) return undefined;
  const { masks, neighbours, top } = recipe.samples;
  const shape = findTrainedShape(recipe);
  const headFault = findHeadFault(recipe);
  if (masks.length > 0 && headFault !== undefined) {
    throw new UserError("E_RECIPE_VALUE", `samples.masks: no mask is filled: ${headFault}`, "Leave samples.masks out.");
  }
  const reader = readTextWith(tokenizer, "as-text", "recognise");
  const parameters = listParameters(shape);
  const fill = openMaskFiller(backend, { ...reader, shape, parameters }, () => {}, states);
  const words = neighbours.map(text => {
    const [token, ...more] = Array.from(reader.encodeText(text));
    if (token !== undefined && more.length === 0) return { text, token };
    throw new UserError(
      "E_RECIPE_VALUE",
      `samples.neighbours: "${text}" has ${token === undefined ? "no token" : `${more.length + 1} tokens`} in the dataset's tokenizer`,
      "Give words that are one token each, as frequent ones are.",
    );
  });
  const table = parameters.find(({ name }) => name === "embedding.word")!;
  const compare = openComparison(backend, table.name, table.shape as [number, number], words.length, states);
  return async () => {
    const fills: SamplesEvent["fills"] = [];
    for (const text of masks) fills.push({ text, masks: copyMasks(await fill(text, top)) });
    const similarities = await compare(words.map(({ token }) => token));
    return {
      fills,
      neighbours: words.map(({ text, token }, i) => ({
        text,
        nearest: rankNearest(similarities[i]!, token, top, reader.tokenOf),
      })),
    };
  };
}

const copyMasks = (masks: Awaited<ReturnType<ReturnType<typeof openMaskFiller>>>) =>
  masks.map(({ candidates }) => ({ candidates: [...candidates] }));

/** Cosines of (N) tokens' rows of a table (V, E) with every row, V numbers each. */
function openComparison(
  backend: Backend,
  name: string,
  [rows, width]: readonly [number, number],
  count: number,
  states: ReadonlyMap<string, DeviceBuffer>,
): (tokens: readonly number[]) => Promise<ArrayLike<number>[]> {
  if (count === 0) return async () => [];
  const table = state(name, [rows, width]);
  const lengthOf = (x: Tensor) => sqrt(sum(multiply(x, x), [1]));
  const chosen = gather(table, input("tokens", [count], "i32"));
  const products = matmul(chosen, transpose(table));
  const lengths = multiply(reshape(lengthOf(chosen), [count, 1]), reshape(lengthOf(table), [1, rows]));
  const loading = backend.load(
    { outputs: { cosines: divide(products, maximum(lengths, 1e-30)) }, updates: {} },
    states,
  );
  return async tokens => {
    const { cosines } = await (await loading).run({ tokens: Int32Array.from(tokens) });
    return tokens.map((_, i) => cosines!.slice(i * rows, (i + 1) * rows));
  };
}

/** Without the token itself and rows that no token stands for. */
function rankNearest(
  similarities: ArrayLike<number>,
  self: number,
  count: number,
  tokenOf: (token: number) => string | undefined,
): Nearest {
  return Array.from(similarities, (similarity, id) => ({ id, token: tokenOf(id), similarity }))
    .flatMap(({ id, token, similarity }) => (token === undefined || id === self ? [] : [{ token, similarity }]))
    .sort((a, b) => b.similarity - a.similarity)
    .slice(0, count);
}
