// The files of BLiMP (Warstadt et al. 2020): 67 paradigms, one .jsonl each, 1,000 pairs of sentences a paradigm that differ in
// one thing, of which one is English. Any folder of such files will do. Scoring is minimal-pairs.ts.

import { join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { contentHash } from "../../base/files/files.ts";
import { quoteValue } from "../../base/printable.ts";
import { listFolder } from "../../tables/folder.ts";
import { listNames } from "../../tables/formats/named-columns.ts";
import { type PassedOver, passOver } from "../../tables/passed-over.ts";
import type { Row } from "../../tables/row.ts";
import { readTable, tableFormat } from "../../tables/table.ts";
import type { MinimalPair } from "./minimal-pairs.ts";

/** The pairs that show one thing of grammar. */
export interface Paradigm {
  /** BLiMP's UID, "anaphor_number_agreement"; the file's name where its rows have none. */
  readonly name: string;
  /** The phenomenon it belongs to, "anaphor_agreement"; "" where the rows do not say. */
  readonly phenomenon: string;
  readonly pairs: readonly MinimalPair[];
}

export interface Paradigms {
  readonly paradigms: readonly Paradigm[];
  /** What the folder holds besides, and was not read. */
  readonly passedOver: readonly PassedOver[];
  /** Of the files read. */
  readonly hash: string;
}

/**
 * Reads every table of a folder as a paradigm, in the order of their names.
 * UserErrors: E_TASK_FOLDER for a folder without tables, E_TASK_COLUMN, E_TASK_TEXT naming the row, those of `readTable`.
 */
export async function readParadigms(folder: string): Promise<Paradigms> {
  const passedOver: PassedOver[] = [];
  const names = listTables(folder, passedOver);
  const paradigms: Paradigm[] = [];
  const hashes: string[] = [];
  for (const name of names) {
    const { hash, rows } = await readTable(join(folder, name));
    hashes.push(name, hash);
    const pairs = rows.map(row => ({
      good: readSentence(row, "sentence_good", rows),
      bad: readSentence(row, "sentence_bad", rows),
      origin: row.origin,
    }));
    const { UID, linguistics_term: phenomenon } = rows[0]!.values;
    paradigms.push({
      name: typeof UID === "string" ? UID : name.split(".")[0]!,
      phenomenon: typeof phenomenon === "string" ? phenomenon : "",
      pairs,
    });
  }
  return { paradigms, passedOver, hash: contentHash(JSON.stringify(hashes)) };
}

function listTables(folder: string, passedOver: PassedOver[]): string[] {
  let names: string[];
  try {
    names = listFolder(folder, ({ name }) => passOver(passedOver, "hidden", join(folder, name))).map(
      ({ name }) => name,
    );
  } catch (cause) {
    throw missingFolder((cause as Error).message, cause);
  }
  const tables = names.filter(name => tableFormat(name) !== undefined);
  if (tables.length === 0) throw missingFolder(`${folder}: no .jsonl here`);
  return tables;
}

function missingFolder(message: string, cause?: unknown): UserError {
  return new UserError("E_TASK_FOLDER", message, "Name the folder with BLiMP's .jsonl files.", { cause });
}

/** `others` say whether a column that a row lacks is the file's. */
function readSentence({ values, origin }: Row, column: string, others: readonly Row[]): string {
  const value = values[column];
  if (typeof value === "string") return value;
  const names = listNames(Object.keys(values)) || "nothing";
  if (value !== undefined) {
    const seen = `${origin}: "${column}" is ${quoteValue(value)}, which is no sentence`;
    throw new UserError("E_TASK_TEXT", seen, "Write the sentence there, or leave the row out.");
  }
  if (others.some(row => Object.hasOwn(row.values, column))) {
    const seen = `${origin}: no "${column}" in this row, which other rows have; it has ${names}`;
    throw new UserError("E_TASK_TEXT", seen, "Write it into the row, or leave the row out.");
  }
  throw new UserError(
    "E_TASK_COLUMN",
    `${origin}: no column "${column}"; there are ${names}`,
    "A file of minimal pairs has the columns sentence_good and sentence_bad.",
  );
}
