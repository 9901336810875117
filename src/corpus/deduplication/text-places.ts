// The texts of a corpus as bytes one after another, a byte that UTF-8 never has after each, so that any place of them can be looked at
// however many they are. A place is a number of bytes from the beginning of the first.

export interface TextPlaces {
  readonly textCount: number;
  readonly byteLength: number;
  /** Where a text begins; of `textCount`, where all end. */
  startOf(text: number): number;
  /** The bytes of a text without its end. */
  readText(text: number): Buffer;
  /** Bytes from a place on: fewer where the texts end. */
  read(from: number, length: number, into?: Buffer): Buffer;
  /** Whether a text is no part of the corpus any more. */
  isDropped(text: number): boolean;
}

export interface SignedTexts extends TextPlaces {
  /** The signature of a text, of `signatureWords` words. */
  readSignature(text: number, into: Uint32Array): void;
}
