// What a tokenizer makes of the texts of a portion, where the one that the dataset gets is known already: a document is encoded once, by
// whoever read it. The ids of its kept texts lie one behind the other in a file; how many a text has, its record says.

/** What encoding a text showed. */
export interface EncodedCounts {
  readonly tokens: number;
  readonly unknownTokens: number;
  /** Characters that can be seen, and how many of them are lost by normalising, or their marks. */
  readonly visible: number;
  readonly lost: number;
  readonly unaccented: number;
}

export const notEncoded: EncodedCounts = { tokens: 0, unknownTokens: 0, visible: 0, lost: 0, unaccented: 0 };

/** A tokenizer, as a portion sees it: it has one text at a time. */
export interface PortionEncoder {
  /** Takes a text; gives its UTF-8, which holds until the next one. */
  read(text: string): Uint8Array;
  /** Encodes the text; `ids` gives them then, as they are kept. */
  encode(): EncodedCounts;
  readonly ids: Uint8Array;
  /** Characters that were lost, and how often: the commonest. */
  listLost(): [character: string, count: number][];
}
