// The MinHash signature of a text (Broder 1997), made with one hash a shingle: one permutation hashing, with empty bins filled as
// Shrivastava 2017 does, so its cost does not grow with its length.

import { mix } from "./shingles.ts";

/** Bins of a signature, a word of 32 bits each. */
export const signatureWords = 128;

const empty = 0xffffffff;

/** The smallest hash of each bin; an empty bin has that of another, drawn by its number alone. */
export function writeSignature(shingles: Uint32Array, signature: Uint32Array): void {
  signature.fill(empty);
  for (const shingle of shingles) {
    const hash = mix(shingle ^ 0x5bd1e995);
    const bin = hash % signatureWords;
    if (hash < signature[bin]!) signature[bin] = hash;
  }
  if (shingles.length === 0) return;
  const found = signature.slice();
  for (let bin = 0; bin < signatureWords; bin++) {
    if (found[bin] !== empty) continue;
    for (let attempt = 1; signature[bin] === empty; attempt++)
      signature[bin] = found[mix(bin * 0x10001 + attempt) % signatureWords]!;
  }
}
