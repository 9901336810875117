// The account of a corpus: how much text came in, why some of it was dropped, how much is left. In = kept + dropped.

export type DropReason = "empty" | "duplicate" | "incompressible";

export interface Amount {
  documents: number;
  /** UTF-16 units, as `string.length` counts. */
  characters: number;
}

export interface Funnel {
  readonly read: Amount;
  readonly kept: Amount;
  readonly dropped: Readonly<Record<DropReason, Amount>>;
  /** Files met on a walk through folders that hold binary content under the name of a text: not read. */
  binaryFilesSkipped: number;
  /** What else was not read, by reason: an ending that is no text's, a link that leads nowhere, a broken line. */
  readonly passedOver: PassedOver[];
}

export interface PassedOver {
  readonly reason: string;
  count: number;
  /** Where the first three are. */
  readonly first: string[];
}

/** Counts what is passed over. */
export function passOver(passed: PassedOver[], reason: string, place: string): void {
  let entry = passed.find(each => each.reason === reason);
  if (entry === undefined) passed.push((entry = { reason, count: 0, first: [] }));
  entry.count += 1;
  if (entry.first.length < 3) entry.first.push(place);
}

export function startFunnel(): Funnel {
  const nothing = (): Amount => ({ documents: 0, characters: 0 });
  return {
    read: nothing(),
    kept: nothing(),
    dropped: { empty: nothing(), duplicate: nothing(), incompressible: nothing() },
    binaryFilesSkipped: 0,
    passedOver: [],
  };
}

/** Counts one document of `characters` characters into an amount. */
export function countDocument(amount: Amount, characters: number): void {
  amount.documents += 1;
  amount.characters += characters;
}
