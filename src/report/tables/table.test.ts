import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "csv-parse/sync";
import { renderCsv, renderJson, renderTable, renderTransposed, type Table } from "./table.ts";

const table: Table = {
  id: "t",
  caption: "a <caption>",
  columns: [
    { key: "run", name: "run", quantity: "text" },
    { key: "loss", name: "loss", quantity: "nats" },
    { key: "tokens", name: "tokens", quantity: "tokens" },
  ],
  rows: [
    ['a,"b"\nc', 0.1 + 0.2, 1_234_567],
    ["<i>", Number.NaN, undefined],
    ['"', 1, 2],
    ["a\nb", 1, 2],
  ],
};

test("CSV is what csv-parse reads back, numbers in full", () => {
  assert.deepEqual(parse([...renderCsv(table)].join("")), [
    ["run", "loss", "tokens"],
    ['a,"b"\nc', "0.30000000000000004", "1234567"],
    ["<i>", "", ""],
    ['"', "1", "2"],
    ["a\nb", "1", "2"],
  ]);
});

test("JSON is an array of objects, also an empty one", () => {
  assert.deepEqual(JSON.parse([...renderJson(table)].join("")), [
    { run: 'a,"b"\nc', loss: 0.30000000000000004, tokens: 1234567 },
    { run: "<i>", loss: null },
    { run: '"', loss: 1, tokens: 2 },
    { run: "a\nb", loss: 1, tokens: 2 },
  ]);
  assert.deepEqual(JSON.parse([...renderJson({ ...table, rows: [] })].join("")), []);
});

test("the page rounds, escapes, and heads rows and columns", () => {
  const page = renderTable(table).text;
  assert.match(page, /<caption>a &lt;caption&gt;<\/caption>/);
  assert.match(
    page,
    /<th scope="row" class="text">&lt;i&gt;<\/th><td class="figure">not finite<\/td><td class="figure"><\/td>/,
  );
  assert.match(page, /<td class="figure">0\.3000<\/td><td class="figure">1,234,567<\/td>/);
  assert.match(
    renderTransposed(table).text,
    /<th scope="row" class="text">tokens<\/th><td>1,234,567<\/td><td><\/td><td>2<\/td>/,
  );
});

test("a text that a spreadsheet would compute stays a text, and numbers stay numbers", () => {
  const columns = [{ key: "name", name: "name", quantity: "text" }] as const;
  const cells = ["=1+1", "+cmd", "-x", "@SUM(A1)", "\tx", "-3.5", "+2", "a=b"];
  const rows = [...cells.map(cell => [cell]), [-3.5]];
  assert.deepEqual(parse([...renderCsv({ columns, rows })].join("")).flat(), [
    "name",
    ...["'=1+1", "'+cmd", "'-x", "'@SUM(A1)", "'\tx", "-3.5", "+2", "a=b", "-3.5"],
  ]);
});
