// What a benchmark prints: a table for people or one line of JSON a case. Notes go to standard error, so that JSON stays JSON.

export interface Reporter {
  readonly json: boolean;
  /** A heading above a table; not in JSON. */
  heading(text: string): void;
  /** Something a reader must know: a peer that is absent, a machine that is busy. */
  note(text: string): void;
  /** One case, as JSON. */
  record(record: object): void;
  /** Rows under their column names; columns of numbers to the right. Not in JSON. */
  table(columns: readonly string[], rows: readonly (readonly string[])[]): void;
}

export function createReporter(json: boolean): Reporter {
  const print = (text: string) => process.stdout.write(`${text}\n`);
  return {
    json,
    heading: text => {
      if (!json) print(text);
    },
    note: text => process.stderr.write(`${text}\n`),
    record: record => {
      if (json) print(JSON.stringify(record));
    },
    table: (columns, rows) => {
      if (!json) print(`${formatTable(columns, rows)}\n`);
    },
  };
}

export function formatTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const isNumber = columns.map((_, i) => rows.every(row => /^[-\d]/.test(row[i]!) || row[i] === ""));
  const widths = columns.map((name, i) => Math.max(name.length, ...rows.map(row => row[i]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (isNumber[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join("  ")
      .trimEnd();
  return [columns, ...rows].map(line).join("\n");
}

/** Three significant digits or more, no exponent: 0.0123, 1.23, 12.3, 1,234. */
export function formatFigure(value: number): string {
  const decimals = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}
