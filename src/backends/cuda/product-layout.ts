// A product in the words of cuBLASLt, which knows columns after one another: our row-major out (m, n) is its n × m matrix, so it
// is asked for outᵀ = bᵀ · aᵀ, our b as its A and our a as its B. No matrix is moved for that.

import type { Product, ProductOperand } from "../../compiler/program/program.ts";
import { bytesPerElement, type Precision } from "../../graph/tensor.ts";

/** A stored matrix: element (row, column) is at row + column · leadingDimension, before any transposition. */
export interface MatrixLayout {
  readonly dtype: Precision;
  readonly rows: number;
  readonly columns: number;
  readonly leadingDimension: number;
  readonly batchStride: number;
}

export interface OperandLayout extends MatrixLayout {
  /** Whether cuBLASLt reads it with rows and columns exchanged. */
  readonly transposed: boolean;
  /** From the start of the buffer. */
  readonly offsetBytes: number;
  /** What the address is a multiple of, as far as the plan of memory tells. */
  readonly alignmentBytes: number;
}

/** D = A · B (+ C), with D and C laid out as `out`. */
export interface ProductLayout {
  readonly batches: number;
  readonly a: OperandLayout;
  readonly b: OperandLayout;
  readonly out: MatrixLayout;
}

/** Buffers begin at multiples of this at least: those of the arena do. */
export const bufferAlignmentBytes = 64;

/** The layouts of a product; an error where an operand is in neither order, which the compiler must have written out. */
export function layoutProduct({ batches, m, n, k, a, b, outDtype }: Product): ProductLayout {
  return {
    batches,
    a: layoutOperand(b, k, n),
    b: layoutOperand(a, m, k),
    out: { dtype: outDtype, rows: n, columns: m, leadingDimension: n, batchStride: m * n },
  };
}

/** The transpose of an operand of `rows` × `columns`: cuBLASLt sees it so without being told to transpose when rows are dense. */
function layoutOperand({ dtype, offset, row, column, batch }: ProductOperand, rows: number, columns: number) {
  const offsetBytes = offset * bytesPerElement[dtype];
  const common = { dtype, batchStride: batch, offsetBytes, alignmentBytes: alignmentOf(offsetBytes) };
  // A stride over one row or one column is never used, so it may be anything.
  const isRowDense = (column === 1 || columns === 1) && (rows === 1 || row >= columns);
  if (isRowDense) {
    const leadingDimension = rows === 1 ? columns : row;
    return { ...common, rows: columns, columns: rows, leadingDimension, transposed: false };
  }
  const isColumnDense = (row === 1 || rows === 1) && (columns === 1 || column >= rows);
  if (isColumnDense) {
    const leadingDimension = columns === 1 ? rows : column;
    return { ...common, rows, columns, leadingDimension, transposed: true };
  }
  throw new Error(`cuBLASLt takes no ${rows} × ${columns} operand of strides ${row} and ${column}`);
}

/** The largest power of two that divides the offset, at most that of buffers. */
function alignmentOf(offsetBytes: number): number {
  let alignment = bufferAlignmentBytes;
  while (offsetBytes % alignment !== 0) alignment /= 2;
  return alignment;
}

/** A name that two products share exactly when the same way of multiplying is right for both. */
export function nameProduct({ accumulates }: Product, { batches, a, b, out }: ProductLayout): string {
  const nameOperand = ({
    dtype,
    rows,
    columns,
    leadingDimension,
    batchStride,
    transposed,
    alignmentBytes,
  }: OperandLayout) =>
    `${dtype} ${rows}x${columns}${transposed ? "T" : ""} ld ${leadingDimension} batch ${batchStride} at ${alignmentBytes}`;
  return `${batches} of ${nameOperand(a)} by ${nameOperand(b)} to ${out.dtype}${accumulates ? ", added" : ""}`;
}

/** Elements from an operand's first to its last, over all batches. */
export function countSpan({ rows, columns, leadingDimension, batchStride }: MatrixLayout, batches: number): number {
  return (batches - 1) * batchStride + (columns - 1) * leadingDimension + rows;
}
