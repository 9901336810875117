// What a filter of documents is: a record of its limits and of the judgement by them. A new one is one file with such a record, a line
// in filters.ts, and its reasons in funnel.ts. Filters look at one document alone and at no model.

import type { DropReason } from "../funnel.ts";

/** The value that a limit has when nothing is said, and what it bounds. */
export interface Limit {
  readonly value: number;
  readonly doc: string;
}

export interface Filter<Name extends string = string> {
  readonly name: string;
  /** What stays, one line for lists. */
  readonly summary: string;
  /** The paper, where the limits are from one. */
  readonly source?: string;
  /** What may be chosen behind the name, as in name=one+another; a filter with choices needs one. */
  readonly choices?: readonly string[];
  readonly limits: Readonly<Record<Name, Limit>>;
  /** Why a document goes; undefined where it stays. */
  judge(text: string, limits: Readonly<Record<Name, number>>, chosen: readonly string[]): DropReason | undefined;
}
