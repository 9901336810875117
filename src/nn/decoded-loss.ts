// The loss of rows against a vocabulary, decoder included, without the whole matrix of logits: it is made, used for the
// loss and for its gradient, and dropped, some rows at a time. The compiler, which minds memory, takes each tile from logits to
// gradient before it begins the next.
//
// P predictions, V classes, C columns.

import { differentiateDecomposition } from "../graph/gradient.ts";
import {
  add,
  composite,
  concat,
  fill,
  matmul,
  multiply,
  reshape,
  slice,
  sum,
  tanh,
  transpose,
} from "../graph/operations.ts";
import type { CompositeDefinition, Tensor } from "../graph/tensor.ts";
import { logTotalOfRows } from "./losses.ts";
import { computeRowLosses, plainCrossEntropy, type TokenLossSettings } from "./token-losses/token-losses.ts";

/** Logits (p, V) of one tile: rows (p, C), table (V, C), and bias (V) if there is one. */
function decodeTile(rows: Tensor, table: Tensor, bias: Tensor | undefined): Tensor {
  const logits = matmul(rows, transpose(table));
  return bias === undefined ? logits : add(logits, bias);
}

/** cap · tanh(z / cap), between -cap and cap; at 0 the logits as they are. */
export function capLogits(logits: Tensor, cap: number): Tensor {
  return cap === 0 ? logits : multiply(tanh(multiply(logits, 1 / cap)), cap);
}

/** The parts of something of P rows, of at most `tileRows` rows each. */
function cutRows(whole: Tensor, tileRows: number): Tensor[] {
  const P = whole.shape[0]!;
  const count = Math.ceil(P / tileRows);
  return Array.from({ length: count }, (_, i) => slice(whole, 0, i * tileRows, Math.min(P, (i + 1) * tileRows)));
}

/** A number of each row, (p, 1), of its logits (p, V) and label. */
type OfRows = (logits: Tensor, labels: Tensor) => Tensor;

const defineDecoded = (name: string, ofRows: OfRows): CompositeDefinition => ({
  name,
  decompose: ([rows, table, labels, bias], { tileRows, cap = 0 }) => {
    const labelsOf = cutRows(labels!, tileRows!);
    const losses = cutRows(rows!, tileRows!).map((tile, i) =>
      ofRows(capLogits(decodeTile(tile, table!, bias), cap), labelsOf[i]!),
    );
    return concat(losses, 0);
  },
  // dlogits by the rule of the loss; drows = dlogits · table, dtable = dlogitsᵀ · rows, dbias its column sums.
  differentiate: ([rows, table, labels, bias], { tileRows, cap = 0 }, gradient) => {
    const [labelsOf, gradientOf] = [cutRows(labels!, tileRows!), cutRows(gradient, tileRows!)];
    const tiles = cutRows(rows!, tileRows!).map((tile, i) => {
      const logits = decodeTile(tile, table!, bias);
      const loss = ofRows(capLogits(logits, cap), labelsOf[i]!);
      const [dlogits] = differentiateDecomposition(loss, [logits], gradientOf[i]!) as [Tensor];
      return { rows: matmul(dlogits, table!), table: matmul(transpose(dlogits), tile), bias: sum(dlogits, [0]) };
    });
    const drows = concat(
      tiles.map(tile => tile.rows),
      0,
    );
    const dtable = tiles.map(tile => tile.table).reduce(add);
    if (bias === undefined) return [drows, dtable, undefined];
    return [drows, dtable, undefined, reshape(tiles.map(tile => tile.bias).reduce(add), bias.shape)];
  },
});

/**
 * The loss of each row, by default cross-entropy in nats, (P, 1); logits = rows · tableᵀ (+ bias), capped where `cap` is above 0. rows
 * (P, C), table (V, C),
 * labels (P) i32 in [0, V), bias (V). At most `tileRows` rows of logits stand in memory at once.
 */
export function decodedLossOfRows(
  rows: Tensor,
  table: Tensor,
  labels: Tensor,
  bias: Tensor | undefined,
  tileRows: number,
  settings: TokenLossSettings = plainCrossEntropy,
  cap = 0,
): Tensor {
  const ofRows: OfRows = (logits, own) => computeRowLosses(logits, own, settings);
  const definition = defineDecoded(`decodedLoss ${JSON.stringify(settings)}`, ofRows);
  return decodeRows(definition, rows, table, labels, bias, tileRows, cap);
}

/** The same of log Σ exp of the logits of each row. */
export function decodedLogTotals(
  rows: Tensor,
  table: Tensor,
  bias: Tensor | undefined,
  tileRows: number,
  cap: number,
): Tensor {
  const definition = defineDecoded("decodedLogTotals", logTotalOfRows);
  return decodeRows(definition, rows, table, fill(0, [rows.shape[0]!], "i32"), bias, tileRows, cap);
}

function decodeRows(
  definition: CompositeDefinition,
  rows: Tensor,
  table: Tensor,
  labels: Tensor,
  bias: Tensor | undefined,
  tileRows: number,
  cap: number,
): Tensor {
  const inputs = bias === undefined ? [rows, table, labels] : [rows, table, labels, bias];
  return composite(definition, inputs, { tileRows, ...(cap > 0 && { cap }) }, [rows.shape[0]!, 1]);
}
