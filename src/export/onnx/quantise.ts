// Weights as bytes with one scale a row or column, symmetric around the byte 128: unsigned, because the product of two unsigned
// bytes is exact on every processor, and that of a signed one with an unsigned one saturates on those without VNNI.

export interface Quantised {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** One a row or a column: a value is scale · (byte - 128). */
  readonly scales: Float32Array;
}

export const zeroByte = 128;
const steps = 127;

/** Quantises a matrix (rows, columns) stored row after row. */
export function quantise(
  values: Float32Array,
  [rows, columns]: readonly [number, number],
  along: "rows" | "columns",
): Quantised {
  const scales = new Float32Array(along === "rows" ? rows : columns);
  const lineOf = (row: number, column: number) => (along === "rows" ? row : column);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const line = lineOf(row, column);
      scales[line] = Math.max(scales[line]!, Math.abs(values[row * columns + column]!));
    }
  }
  for (let line = 0; line < scales.length; line++) scales[line] = scales[line]! / steps || 1;
  const bytes = new Uint8Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const at = row * columns + column;
      bytes[at] = Math.round(values[at]! / scales[lineOf(row, column)]!) + zeroByte;
    }
  }
  return { bytes, scales };
}
