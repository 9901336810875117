// Tables of position, computed once on the host in double precision and handed to graphs as an input: in float32 on a device
// the angles would already be wrong in the fifth digit at position 100.

/** Angle of frequency `pair` at a position: position / base^(2 pair / width). */
function angle(position: number, pair: number, width: number, base = 10000): number {
  return position * base ** ((-2 * pair) / width);
}

/** (S, C): sin and cos of each frequency in neighbouring columns (Vaswani et al. 2017, section 3.5). C is even. */
export function makeSinusoidTable(length: number, width: number): Float32Array {
  const table = new Float32Array(length * width);
  for (let position = 0; position < length; position++) {
    for (let pair = 0; pair < width / 2; pair++) {
      table[position * width + 2 * pair] = Math.sin(angle(position, pair, width));
      table[position * width + 2 * pair + 1] = Math.cos(angle(position, pair, width));
    }
  }
  return table;
}

/**
 * (S, D): cosines of the D/2 frequencies, then their sines, as `applyRotary` reads them. D is even. Of a `share` below 1 only the first
 * share · D/2 pairs turn, with the frequencies of a head of that width, and the rest stand still.
 */
export function makeRotaryTable(length: number, headWidth: number, base = 10000, share = 1): Float32Array {
  const table = new Float32Array(length * headWidth);
  const half = headWidth / 2;
  const turning = Math.round(share * half);
  for (let position = 0; position < length; position++) {
    for (let pair = 0; pair < half; pair++) {
      const turn = pair < turning ? angle(position, pair, 2 * turning, base) : 0;
      table[position * headWidth + pair] = Math.cos(turn);
      table[position * headWidth + half + pair] = Math.sin(turn);
    }
  }
  return table;
}
