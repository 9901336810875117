// Tables: what the page shows and what the CSV and JSON files hold are the same rows. Cells keep plain numbers; only the page
// rounds them.

import { type Markup, markup } from "../page/markup.ts";
import { formatValue, type Quantity } from "../quantity.ts";

export type Cell = string | number | undefined;

export interface Column {
  /** In files: "elapsedSeconds". */
  readonly key: string;
  /** On the page. */
  readonly name: string;
  readonly quantity: Quantity;
  /** The page marks the lowest of several. */
  readonly isLowestBest?: boolean;
}

/** A column and what stands in it for an item. */
export interface Field<Item> extends Column {
  of(item: Item): Cell;
}

export interface Table {
  /** The name of its files. */
  readonly id: string;
  readonly caption: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
}

/** A table of one row an item. */
export function tabulate<Item>(
  { id, caption }: Pick<Table, "id" | "caption">,
  items: readonly Item[],
  fields: readonly Field<Item>[],
): Table {
  const columns = fields.map(({ of: _, ...column }): Column => column);
  return { id, caption, columns, rows: items.map(item => fields.map(field => field.of(item))) };
}

/** The first column heads its rows. */
export function renderTable({ caption, columns, rows }: Table): Markup {
  const alignment = ({ quantity }: Column) => (quantity === "text" ? "text" : "figure");
  const head = columns.map(column => markup`<th scope="col" class="${alignment(column)}">${column.name}</th>`);
  const best = columns.map((column, i) => findBest(column, rows, i));
  const body = rows.map(cells => {
    const printed = columns.map((column, i) => {
      const text = formatCell(cells[i], column);
      return i === 0
        ? markup`<th scope="row" class="${alignment(column)}">${text}</th>`
        : markup`<td class="${alignment(column)}${cells[i] !== undefined && cells[i] === best[i] ? " best" : ""}">${text}</td>`;
    });
    return markup`<tr>${printed}</tr>\n`;
  });
  return frame(caption, markup`<tr>${head}</tr>`, body);
}

/** The same table with a column for each row: for many columns and few rows. The first column's cells are the heads. */
export function renderTransposed({ caption, columns, rows }: Table): Markup {
  const [first, ...others] = columns;
  const head = rows.map(cells => markup`<th scope="col">${cells[0] ?? ""}</th>`);
  const body = others.map((column, i) => {
    const best = findBest(column, rows, i + 1);
    const cells = rows.map(
      row =>
        markup`<td${best !== undefined && row[i + 1] === best ? markup` class="best"` : undefined}>${formatCell(row[i + 1], column)}</td>`,
    );
    return markup`<tr><th scope="row" class="text">${column.name}</th>${cells}</tr>\n`;
  });
  return frame(caption, markup`<tr><th scope="col" class="text">${first!.name}</th>${head}</tr>`, body);
}

/** The lowest of a column's numbers, where there are several and that is what is wanted. */
function findBest({ isLowestBest }: Column, rows: Table["rows"], at: number): number | undefined {
  const numbers = isLowestBest === true ? rows.flatMap(row => (Number.isFinite(row[at]) ? Number(row[at]) : [])) : [];
  return numbers.length < 2 ? undefined : numbers.reduce((lowest, number) => Math.min(lowest, number));
}

/** Scrolls by itself where it is wider than the page. */
const frame = (caption: string, head: Markup, body: readonly Markup[]): Markup =>
  markup`<div class="wide" tabindex="0" role="region" aria-label="${caption}"><table><caption>${caption}</caption>
<thead>${head}</thead><tbody>${body}</tbody></table></div>`;

const formatCell = (cell: Cell, { quantity }: Column): string =>
  formatValue(cell, typeof cell === "number" && quantity === "text" ? "number" : quantity);

/** RFC 4180, with a line of keys first; a number that is not finite is an empty cell. */
export function* renderCsv({
  columns,
  rows,
}: Pick<Table, "columns"> & { rows: Iterable<readonly Cell[]> }): Generator<string> {
  yield `${columns.map(({ key }) => quote(key)).join(",")}\r\n`;
  for (const cells of rows) yield `${columns.map((_, i) => quote(cells[i])).join(",")}\r\n`;
}

/** A spreadsheet takes a text that begins so for a formula; an apostrophe makes it a text there. */
const formula = /^[=+\-@\t\r]/;

function quote(cell: Cell): string {
  if (cell === undefined) return "";
  if (typeof cell === "number") return Number.isFinite(cell) ? String(cell) : "";
  const text = formula.test(cell) && !Number.isFinite(Number(cell)) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** An array of objects, one a line; a number that is not finite is null. */
export function* renderJson({
  columns,
  rows,
}: Pick<Table, "columns"> & { rows: Iterable<readonly Cell[]> }): Generator<string> {
  let before = "[\n";
  for (const cells of rows) {
    yield before + JSON.stringify(Object.fromEntries(columns.map(({ key }, i) => [key, cells[i]] as const)));
    before = ",\n";
  }
  yield before === "[\n" ? "[]\n" : "\n]\n";
}
