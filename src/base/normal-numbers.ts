// Pairs of normal numbers from pairs of random words (Box & Muller 1958), by tables and short polynomials where these settle what a float32
// becomes, and by Math's functions where they do not. So the bits are those of Math's functions, in a third of their time.

/** Two independent standard normal numbers of two words. */
export function makeNormalPair(first: number, second: number): [number, number] {
  const radius = Math.sqrt(-2 * Math.log((first + 1) / 2 ** 32));
  const angle = (2 * Math.PI * second) / 2 ** 32;
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

// −2 log of what lies in the middle of 512 parts of [1, 2), and its inverse in units of 2^-31.
const logarithms = new Float64Array(512);
const inverses = new Float64Array(512);
for (let i = 0; i < 512; i++) {
  const middle = 1 + (i + 0.5) / 512;
  logarithms[i] = -2 * Math.log(middle);
  inverses[i] = 2 ** -31 / middle;
}

const cosines = Float64Array.from({ length: 256 }, (_, i) => Math.cos((2 * Math.PI * i) / 256));
const sines = Float64Array.from({ length: 256 }, (_, i) => Math.sin((2 * Math.PI * i) / 256));

/**
 * Writes the normal numbers of so many words, a pair of each two, times a deviation, from `start` on; what is beyond the end of `values`
 * is not kept.
 */
export function writeNormals(
  values: Float32Array,
  start: number,
  words: Uint32Array,
  count: number,
  deviation: number,
): void {
  for (let i = 0; i < count; i += 2) {
    const first = words[i]!;
    const second = words[i + 1]!;
    // The first word and 1 is s / 2^zeros, s with its first bit set; d is how far off its part's middle that is, at most 2^-10 of it.
    const zeros = Math.clz32(first + 1);
    const s = (first + 1) << zeros;
    const part = (s >>> 22) & 511;
    const d = ((s & 0x3fffff) - 0x200000) * inverses[part]!;
    const squared = (zeros + 1) * (2 * Math.LN2) + logarithms[part]! - d * (2 - d * (1 - d * (2 / 3 - d / 2)));
    const radius = deviation * Math.sqrt(squared);
    // The second word is a multiple of 2π / 256 and at most half of one more or less.
    const place = (second + 0x800000) >>> 24;
    const e = ((second - (place << 24)) | 0) * ((2 * Math.PI) / 2 ** 32);
    const ee = e * e;
    const sine = e * (1 - ee * (1 / 6 - ee / 120));
    const cosine = 1 - ee * (1 / 2 - ee / 24);
    const x = radius * (cosines[place & 255]! * cosine - sines[place & 255]! * sine);
    const y = radius * (sines[place & 255]! * cosine + cosines[place & 255]! * sine);
    values[start + i] = x;
    values[start + i + 1] = y;
    // From a square of 2^-8 on the radius is right to 2^-43 of it, cosines and sines to 2^-47: where both ends of a wider interval are one
    // float32, what Math's functions give is that one, too. Smaller squares, of first words next to 2^32, are two in a thousand.
    const error = radius * 2 ** -40;
    const isSettled =
      squared >= 2 ** -8 &&
      Math.fround(x - error) === Math.fround(x + error) &&
      Math.fround(y - error) === Math.fround(y + error);
    if (isSettled && first !== 0xffffffff) continue;
    const [cosinePart, sinePart] = makeNormalPair(first, second);
    values[start + i] = deviation * cosinePart;
    values[start + i + 1] = deviation * sinePart;
  }
}
