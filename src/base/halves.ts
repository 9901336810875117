// float32 to IEEE 754 binary16 and back, rounded to the nearest, ties to even: Node 20 has no Float16Array.

/** The bits of each value as a half. What is too large for one becomes infinity. */
export function roundToHalves(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) halves[i] = roundToHalf(values[i]!, bits[i]!);
  return halves;
}

function roundToHalf(value: number, bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const size = bits & 0x7fffffff;
  if (size > 0x7f800000) return sign | 0x7e00; // not a number
  if (size >= 0x477ff000) return sign | 0x7c00; // from 65520 on
  if (size >= 0x38800000) {
    // Normal: the exponent's bias falls by 112, and 13 bits of fraction are rounded away; a carry goes into the exponent.
    return sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13);
  }
  const units = Math.abs(value) * 2 ** 24;
  const whole = Math.floor(units);
  const rest = units - whole;
  return sign | (whole + (rest > 0.5 || (rest === 0.5 && whole % 2 === 1) ? 1 : 0));
}

/** The values of halves, each exactly. */
export function readHalves(halves: Uint16Array): Float32Array {
  return Float32Array.from(halves, readHalf);
}

function readHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}
