import assert from "node:assert/strict";
import { test } from "node:test";
import type { Product, ProductOperand } from "../../compiler/program/program.ts";
import { countSpan, layoutProduct, type MatrixLayout, nameProduct } from "./product-layout.ts";

/** Small whole numbers, so that sums are exact in any order. */
const fill = (length: number, seed: number) => Float64Array.from({ length }, (_, i) => ((i * 7 + seed * 13) % 11) - 5);

/** Our product by its definition in program.ts. */
function multiplyByDefinition(product: Product, a: Float64Array, b: Float64Array, addend: Float64Array): Float64Array {
  const { batches, m, n, k } = product;
  const at = ({ offset, batch, row, column }: ProductOperand, s: number, i: number, j: number) =>
    offset + s * batch + i * row + j * column;
  const out = new Float64Array(batches * m * n);
  for (let s = 0; s < batches; s++) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = product.accumulates ? addend[(s * m + i) * n + j]! : 0;
        for (let l = 0; l < k; l++) sum += a[at(product.a, s, i, l)]! * b[at(product.b, s, l, j)]!;
        out[(s * m + i) * n + j] = sum;
      }
    }
  }
  return out;
}

/** What cuBLASLt does by its documentation: D = op(A) · op(B) + beta C, all stored by columns, batches at one stride. */
function multiplyAsCublasLt(product: Product, a: Float64Array, b: Float64Array, c: Float64Array): Float64Array {
  const layout = layoutProduct(product);
  const bytes = { f32: 4, bf16: 2, f16: 2 } as const;
  const read = (values: Float64Array, of: MatrixLayout, base: number, s: number, row: number, column: number) => {
    assert.ok(row < of.rows && column < of.columns && of.leadingDimension >= of.rows);
    return values[base + s * of.batchStride + row + column * of.leadingDimension]!;
  };
  const { a: A, b: B, out: D } = layout;
  // The buffers are exchanged as in cublaslt.ts.
  const [aBase, bBase] = [A.offsetBytes / bytes[A.dtype], B.offsetBytes / bytes[B.dtype]];
  const readA = (s: number, i: number, l: number) =>
    A.transposed ? read(b, A, aBase, s, l, i) : read(b, A, aBase, s, i, l);
  const readB = (s: number, l: number, j: number) =>
    B.transposed ? read(a, B, bBase, s, j, l) : read(a, B, bBase, s, l, j);
  const depth = A.transposed ? A.rows : A.columns;
  assert.equal(depth, B.transposed ? B.columns : B.rows);
  const out = new Float64Array(layout.batches * D.batchStride);
  for (let s = 0; s < layout.batches; s++) {
    for (let i = 0; i < D.rows; i++) {
      for (let j = 0; j < D.columns; j++) {
        let sum = product.accumulates ? read(c, D, 0, s, i, j) : 0;
        for (let l = 0; l < depth; l++) sum += readA(s, i, l) * readB(s, l, j);
        out[s * D.batchStride + i + j * D.leadingDimension] = sum;
      }
    }
  }
  return out;
}

const operand = (row: number, column: number, batch = 0, offset = 0): ProductOperand => ({
  ...{ dtype: "bf16", offset, row, column, batch },
});
const make = (
  [batches, m, n, k]: readonly [number, number, number, number],
  a: ProductOperand,
  b: ProductOperand,
  accumulates = false,
): Product => ({ batches, m, n, k, a, b, outDtype: "f32", accumulates });

// Shapes with three different sizes, so that no two can be exchanged unseen.
const cases: Readonly<Record<string, Product>> = {
  "rows by rows": make([1, 3, 4, 5], operand(5, 1), operand(4, 1)),
  "a transposed": make([1, 3, 4, 5], operand(1, 3), operand(4, 1)),
  "b transposed": make([1, 3, 4, 5], operand(5, 1), operand(1, 5)),
  "both transposed": make([1, 3, 4, 5], operand(1, 3), operand(1, 5)),
  "added to a tensor": make([1, 3, 4, 5], operand(1, 3), operand(4, 1), true),
  batches: make([2, 3, 4, 5], operand(5, 1, 15), operand(1, 5, 20)),
  "batches that share b": make([2, 3, 4, 5], operand(5, 1, 15), operand(4, 1, 0), true),
  "rows apart, as heads of attention lie": make([2, 3, 4, 5], operand(30, 1, 5, 10), operand(1, 30, 5, 20)),
  "columns apart": make([1, 3, 4, 5], operand(1, 7), operand(1, 9)),
  "an offset": make([1, 3, 4, 5], operand(5, 1, 0, 6), operand(4, 1, 0, 3)),
  "one row": make([1, 1, 4, 5], operand(1, 1), operand(4, 1)),
  "one row of strides of nothing": make([1, 1, 4, 5], operand(0, 1), operand(1, 5)),
  "one column": make([1, 3, 1, 5], operand(5, 1), operand(1, 1)),
  "depth one": make([1, 3, 4, 1], operand(1, 1), operand(4, 1)),
  "depth one, as an outer product of columns": make([1, 3, 4, 1], operand(1, 3), operand(1, 1)),
  "one row of b, rows apart": make([1, 3, 4, 1], operand(9, 1), operand(9, 1)),
};

for (const [name, product] of Object.entries(cases)) {
  test(`cuBLASLt is asked for our product: ${name}`, () => {
    const { batches, m, n, k } = product;
    const span = ({ offset, batch, row, column }: ProductOperand, rows: number, columns: number) =>
      offset + (batches - 1) * batch + (rows - 1) * row + (columns - 1) * column + 1;
    const a = fill(span(product.a, m, k), 1);
    const b = fill(span(product.b, k, n), 2);
    const addend = fill(batches * m * n, 3);
    assert.deepEqual(multiplyAsCublasLt(product, a, b, addend), multiplyByDefinition(product, a, b, addend));
    const layout = layoutProduct(product);
    const length = (values: Float64Array, { offset }: ProductOperand) => values.length - offset;
    assert.equal(countSpan(layout.a, batches), length(b, product.b));
    assert.equal(countSpan(layout.b, batches), length(a, product.a));
  });
}

test("an operand in neither order is refused", () => {
  assert.throws(
    () => layoutProduct(make([1, 3, 4, 5], operand(10, 2), operand(4, 1))),
    /3 × 5 operand of strides 10 and 2/,
  );
  // Rows that overlap: a view that repeats one row.
  assert.throws(() => layoutProduct(make([1, 3, 4, 5], operand(0, 1), operand(4, 1))), /strides 0 and 1/);
});

test("an algorithm is shared by products that differ in nothing that matters to it", () => {
  const nameOf = (product: Product) => nameProduct(product, layoutProduct(product));
  const base = make([1, 64, 64, 64], operand(64, 1), operand(64, 1));
  const shifted = { ...base, a: operand(64, 1, 0, 32) };
  assert.equal(nameOf(base), nameOf(shifted), "64 bytes further on it is aligned as well");
  const others = [
    { ...base, a: operand(64, 1, 0, 8) },
    { ...base, a: operand(1, 64) },
    { ...base, accumulates: true },
    { ...base, outDtype: "bf16" as const },
    { ...base, a: operand(128, 1) },
  ];
  assert.equal(new Set([base, ...others].map(nameOf)).size, 6);
});
