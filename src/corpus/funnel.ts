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
}

export function startFunnel(): Funnel {
  const nothing = (): Amount => ({ documents: 0, characters: 0 });
  return {
    read: nothing(),
    kept: nothing(),
    dropped: { empty: nothing(), duplicate: nothing(), incompressible: nothing() },
    binaryFilesSkipped: 0,
  };
}

/** Counts one document of `characters` characters into an amount. */
export function countDocument(amount: Amount, characters: number): void {
  amount.documents += 1;
  amount.characters += characters;
}
