// Tokens that stand for one byte, as <0x41>: where a vocabulary has them, a character that it does not know is those of its bytes.

import type { Refuse } from "../normalising/normaliser-json.ts";

/** The id of each byte's token. */
export function findByteTokens(vocabulary: readonly string[]): readonly number[] {
  const idOf = new Map(vocabulary.map((token, id) => [token, id]));
  return Array.from({ length: 256 }, (_, byte) => idOf.get(writeByteToken(byte)) ?? -1);
}

/** Refuses a vocabulary that spells unknown characters and has not every byte. */
export function checkByteTokens(vocabulary: readonly string[], refuse: Refuse): void {
  const missing = findByteTokens(vocabulary).indexOf(-1);
  if (missing >= 0) refuse(`model.byte_fallback is set, and model.vocab has no ${writeByteToken(missing)}`);
}

const writeByteToken = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
