// The texts of a file that are nearest to a query: by the cosine between vectors, which the file has, as cram embed writes them, or
// which are made now. No more of the file is held than some hundreds of its texts, and the nearest.

import { UserError } from "../../base/errors.ts";
import { countOf } from "../../base/printable.ts";
import { openTable, tableFormat } from "../../tables/table.ts";
import {
  type OptionKinds,
  readOptions,
  requireCount,
  requireList,
  requireModelFolder,
  requireText,
} from "../given-values.ts";
import {
  checkLongTexts,
  cutTexts,
  type LongTexts,
  openTextProgress,
  readTexts,
  type TextReading,
} from "./embed-file.ts";
import { type Model, type ModelOptions, modelOptionKinds, openModel } from "./open-model.ts";
import type { FileText } from "./vector-files.ts";

export interface SearchOptions extends ModelOptions, LongTexts, TextReading {
  /** How many texts for each query. Default 5. */
  readonly top?: number | undefined;
  /** Told how far it is: "embedding: 43 %, 12,000 characters/s, 20s left". The texts are read once before, to know it. */
  readonly onProgress?: ((text: string) => void) | undefined;
}

const optionKinds: OptionKinds<SearchOptions> = {
  ...modelOptionKinds,
  ...{ truncate: "flag", split: "flag", textField: "text", skipBroken: "flag" },
  ...{ top: "number", onProgress: "function" },
};

export interface FoundText {
  readonly text: string;
  /** Of a document of a folder: its file, from there. */
  readonly source?: string;
  /** Cosine between its vector and the query's, -1 to 1. */
  readonly similarity: number;
  /** Which text of the file it is, or which passage, from 1. */
  readonly place: number;
}

/** Of the same text by the same model on any backend, in any precision: bf16 and f32 differ less. */
const leastOwnCosine = 0.99;

interface Placed extends FileText {
  readonly vector: ArrayLike<number>;
}

/**
 * The nearest texts for each query, nearest first; of texts that are equally near the first in the file.
 *
 * ```ts
 * const [found] = await search("runs/mine", "texts/animals.jsonl", ["a fox in its den"], { top: 2, truncate: true });
 * for (const { similarity, text } of found!) console.log(similarity.toFixed(2), text.slice(0, 40));
 * ```
 *
 * Errors are `UserError`s: those of embed and of reading the file; E_VECTORS for vectors of another model; E_OPTION for an empty query.
 */
export async function search(
  folder: string,
  file: string,
  queries: readonly string[],
  given: SearchOptions = {},
): Promise<FoundText[][]> {
  const { top = 5, onProgress, ...options } = readOptions("search", given, optionKinds);
  requireModelFolder("search", folder);
  requireText("search", file, "file", "Give the path of a file or folder of texts.");
  const { truncate, split, textField, skipBroken, ...choice } = options;
  requireCount(top, "top", 1);
  checkLongTexts(options);
  requireList(queries, "text");
  const empty = queries.findIndex(query => query.trim() === "");
  if (empty !== -1) throw new UserError("E_OPTION", `query ${empty + 1} is empty`, "Give a text that is looked for.");
  const areVectors = await holdsVectors(file, options);
  if (areVectors) refuseTextOptions(file, options);
  const tell = areVectors ? undefined : await openTextProgress(file, options, onProgress);
  const model = await openModel(folder, choice);
  try {
    const sought = (await model.embed(queries, { origins: queries.map((_, i) => `query ${i + 1}`) })).map(normalise);
    const nearest: FoundText[][] = queries.map(() => []);
    let place = 0;
    for await (const batch of placeTexts(model, file, areVectors, options)) {
      for (const { text, source, vector } of batch) {
        place++;
        const direction = normalise(vector);
        for (const [i, query] of sought.entries()) {
          const similarity = query.reduce((sum, value, axis) => sum + value * direction[axis]!, 0);
          keepNearest(nearest[i]!, { text, ...(source !== undefined && { source }), similarity, place }, top);
        }
      }
      if (tell === undefined) onProgress?.(`reading: ${countOf(place, "vector")}`);
      else tell(batch);
    }
    return nearest;
  } finally {
    await model.close();
  }
}

function keepNearest(nearest: FoundText[], found: FoundText, most: number): void {
  if (nearest.length === most && found.similarity <= nearest.at(-1)!.similarity) return;
  const at = nearest.findIndex(({ similarity }) => similarity < found.similarity);
  nearest.splice(at === -1 ? nearest.length : at, 0, found);
  nearest.length = Math.min(nearest.length, most);
}

async function* placeTexts(
  model: Model,
  file: string,
  areVectors: boolean,
  options: SearchOptions,
): AsyncGenerator<readonly Placed[]> {
  if (areVectors) {
    let isFirst = true;
    for await (const batch of readVectors(file, model.width)) {
      if (isFirst && batch[0] !== undefined) await checkOwnVector(model, file, batch[0]);
      isFirst = false;
      yield batch;
    }
    return;
  }
  for await (const batch of readTexts(file, options)) {
    for (const texts of cutTexts(batch, model, options)) {
      const vectors = await model.embed(
        texts.map(({ text }) => text),
        { truncate: options.truncate, origins: texts.map(({ origin }) => origin) },
      );
      yield vectors.map((vector, i) => ({ ...texts[i]!, vector }));
    }
  }
}

/** UserError E_OPTION for what says how texts are read: vectors stand for theirs already. */
function refuseTextOptions(file: string, { textField, truncate, split, skipBroken }: SearchOptions): void {
  const options = { "--text-field": textField, "--truncate": truncate, "--split": split, "--skip-broken": skipBroken };
  const given = Object.entries(options).find(([, value]) => value !== undefined && value !== false);
  if (given === undefined) return;
  const seen = `${given[0]} changes nothing of ${file}, which has vectors with their texts`;
  throw new UserError("E_OPTION", seen, "Leave it out; cram embed has it.");
}

/** Whether the first row is one of cram embed's: read before a model is opened. UserErrors: those of reading, E_TEXT_FIELD. */
async function holdsVectors(file: string, { textField, skipBroken }: TextReading): Promise<boolean> {
  if (file.endsWith(".npy")) {
    throw new UserError(
      "E_VECTORS",
      `${file}: an .npy has vectors without their texts`,
      "Write a .jsonl or .parquet with cram embed, and search that.",
    );
  }
  if (tableFormat(file) !== undefined && /\.(jsonl|parquet)$/.test(file)) {
    for await (const [row] of openTable(file).rows) {
      if (row !== undefined && isVector(row.values.vector)) return true;
      if (row !== undefined) break;
    }
  }
  for await (const _ of readTexts(file, { textField, skipBroken })) break;
  return false;
}

async function* readVectors(file: string, width: number): AsyncGenerator<readonly Placed[]> {
  for await (const rows of openTable(file).rows) {
    yield rows.map(({ origin, values: { text, source, vector } }) => {
      if (typeof text === "string" && isVector(vector) && vector.length === width)
        return { text, vector, ...(typeof source === "string" && { source }) };
      const seen = isVector(vector) ? `a vector of ${countOf(vector.length, "number")}` : "no text with its vector";
      throw new UserError(
        "E_VECTORS",
        `${origin}: ${seen}, and this model's have ${width}`,
        "Write the file again with cram embed and this model.",
      );
    });
  }
}

/** UserError E_VECTORS where the model makes another vector of the text: one as long says nothing of whose it is. */
async function checkOwnVector(model: Model, file: string, { text, vector }: Placed): Promise<void> {
  const [own] = await model.embed([text], { truncate: true });
  const direction = normalise(vector);
  const cosine = normalise(own!).reduce((sum, value, axis) => sum + value * direction[axis]!, 0);
  if (cosine >= leastOwnCosine) return;
  throw new UserError(
    "E_VECTORS",
    `${file}: its vectors are another model's: this model makes another one of the first text (cosine ${cosine.toFixed(3)})`,
    "Write the file again with cram embed and this model, or search it with the model that made it.",
  );
}

const isVector = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length > 0 && value.every(Number.isFinite);

/** Of length 1; a vector of zeros stays one. */
function normalise(vector: ArrayLike<number>): Float64Array {
  const direction = Float64Array.from(vector);
  const length = Math.sqrt(direction.reduce((sum, value) => sum + value * value, 0));
  return length === 0 ? direction : direction.map(value => value / length);
}
