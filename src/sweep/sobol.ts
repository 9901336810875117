// Sobol's sequence in up to ten dimensions: points that fill a space evenly from the first power of two on. Direction numbers are
// Joe and Kuo's (2008, new-joe-kuo-6.21201); the points come in the plain order, not in that of Gray's code.

/** Degree s, polynomial a and the first m of dimensions 2 to 10; the first has m = 1 throughout. */
const directions: readonly (readonly [a: number, ...m: number[]])[] = [
  [0, 1],
  [1, 1, 3],
  [1, 1, 3, 1],
  [2, 1, 1, 1],
  [1, 1, 1, 3, 3],
  [4, 1, 3, 5, 13],
  [2, 1, 1, 5, 5, 17],
  [4, 1, 1, 5, 5, 5],
  [7, 1, 1, 7, 11, 19],
];
const bits = 32;

export const mostSobolDimensions = directions.length + 1;

/** The point of this number, from 0, as a 32-bit fraction in each of `dimensions`; the first is the origin. */
export function drawSobolPoint(index: number, dimensions: number): number[] {
  return Array.from({ length: dimensions }, (_, dimension) => {
    const numbers = listDirections(dimension);
    let point = 0;
    for (let bit = 0; bit < bits; bit++) if ((index >>> bit) & 1) point ^= numbers[bit]!;
    return point >>> 0;
  });
}

/** The direction number of each bit of an index: m_k · 2^(32 − k), by the recurrence of a primitive polynomial (Joe and Kuo, eq. 2). */
function listDirections(dimension: number): number[] {
  const [a, ...given] = dimension === 0 ? [0] : directions[dimension - 1]!;
  const degree = given.length;
  const numbers: number[] = [];
  for (let k = 0; k < bits; k++) {
    if (dimension === 0) numbers.push((1 << (bits - 1 - k)) >>> 0);
    else if (k < degree) numbers.push((given[k]! << (bits - 1 - k)) >>> 0);
    else {
      let next = numbers[k - degree]! ^ (numbers[k - degree]! >>> degree);
      for (let j = 1; j < degree; j++) if ((a >>> (degree - 1 - j)) & 1) next ^= numbers[k - j]!;
      numbers.push(next >>> 0);
    }
  }
  return numbers;
}
