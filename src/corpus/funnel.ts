// The account of a corpus: how much text came in, why some of it was dropped, how much is left. In = kept + dropped, of characters
// and with those that were cut out of documents that stay.

import { countReason, type PassedOver } from "../tables/passed-over.ts";
import type { PartShare } from "./mixture/mix-documents.ts";

/** In the order in which they are decided. */
export const dropReasons = [
  "empty",
  "duplicate",
  /** Has text of an evaluation. */
  "contaminated",
  /** Of a filter: fewer or more words than it lets through. */
  "short",
  "long",
  /** Of a filter: in none of the languages that were asked for. */
  "other-language",
  /** Of a filter: not written as prose is. */
  "not-prose",
  /** Of a filter: says the same again and again. */
  "repetitive",
  "incompressible",
  /** Is nearly an earlier one. */
  "near-duplicate",
  /** Nothing is left of it that did not stand in the corpus before. */
  "repeated",
] as const;
export type DropReason = (typeof dropReasons)[number];

export interface Amount {
  documents: number;
  /** UTF-16 units, as `string.length` counts. */
  characters: number;
}

export interface Funnel {
  readonly read: Amount;
  readonly kept: Amount;
  readonly dropped: Readonly<Record<DropReason, Amount>>;
  /** What was cut out of documents that stay, because it stood in the corpus before. */
  readonly cut: Amount;
  /** Some documents, or stretches, of each reason but emptiness, drawn at random and cut short. */
  readonly examples: Example[];
  /** What a mixture has of its parts, out of what was kept; absent where there is none. */
  mixture?: PartShare[];
  /** What else was not read, by reason: binary content under the name of a text, a hidden name, an ending that is no text's, a link that leads nowhere, a broken line. */
  readonly passedOver: PassedOver[];
}

export interface Example {
  readonly reason: DropReason | "cut";
  readonly source: string;
  readonly text: string;
  /** Decides who stays: a hash of the whole text. */
  readonly draw: string;
}

export function startFunnel(): Funnel {
  const nothing = (): Amount => ({ documents: 0, characters: 0 });
  return {
    read: nothing(),
    kept: nothing(),
    dropped: Object.fromEntries(dropReasons.map(reason => [reason, nothing()])) as Record<DropReason, Amount>,
    cut: nothing(),
    examples: [],
    passedOver: [],
  };
}

/** What was read and is not among what was kept, by reason: "3 duplicate", "1 binary file as in a.txt". */
export function listTaken({ dropped, passedOver }: Pick<Funnel, "dropped" | "passedOver">): string[] {
  return [
    ...Object.entries(dropped).flatMap(([reason, { documents }]) => (documents > 0 ? [`${documents} ${reason}`] : [])),
    ...passedOver.map(passed => `${countReason(passed)} as in ${passed.first[0]!}`),
  ];
}

/** What a mixture has of all its parts; undefined where there is none. */
export function sumMixture(funnel: { readonly mixture?: readonly PartShare[] | undefined }): Amount | undefined {
  return funnel.mixture?.reduce<Amount>(
    (sum, { documents, characters }) => ({
      documents: sum.documents + documents,
      characters: sum.characters + characters,
    }),
    { documents: 0, characters: 0 },
  );
}

/** Counts one document of `characters` characters into an amount. */
export function countDocument(amount: Amount, characters: number): void {
  amount.documents += 1;
  amount.characters += characters;
}
